// Ingestion with a real queue behind it: what is answered 202 is in the queue once and in order, whatever happens between the two.

import Ingestion
import MessageQueue
import MonitoringAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let ingestion = Endpoint(0)
private let queue = Endpoint(1)

private func bench(seed: UInt64 = 1, _ change: (inout IngestionConfiguration) -> Void = { _ in }) -> TestBench {
  var configuration = IngestionConfiguration(queue: queue)
  configuration.requestsPerSecond = 1_000
  change(&configuration)
  let fixed = configuration
  return TestBench(seed: seed, [NodePlan("ingestion") { Ingestion(fixed) }, NodePlan("queue") { MessageQueue() }])
}

private func metrics(_ values: [Double], client: String = "c", key: String? = nil) -> Request {
  MetricsRequest(metrics: values.map { Metric(name: "m", value: $0) }).request(client: client, idempotencyKey: key)
}

/// The values of all messages of a client's partition, in order.
private func stored(_ bench: TestBench, client: String = "c") throws -> [Double] {
  let partition = PartitionRouting.partition(of: client, count: 12)
  let response = try #require(bench.insist(queue, ConsumeRequest(partition: partition, offset: 0, count: 10_000).request()))
  return try ConsumeResponse(response.document()).messages.map { message in
    try PointMessage(JSONField(message.value)).fields.first?.value ?? .nan
  }
}

@Suite struct IngestionTests {
  @Test func whileTheQueueIsAwayMetricsAreSpilledAndDrainedInOrder() throws {
    let bench = bench()
    #expect(bench.ask(ingestion, metrics([1, 2]))?.status == 202)
    bench.host.crash(NodeID(1))
    for value in 3...20 { #expect(bench.ask(ingestion, metrics([Double(value)]))?.status == 202) }
    #expect(!bench.facts(.spilled).isEmpty)
    // The spill survives a crash of ingestion, too.
    bench.crashAndRestart(NodeID(0), after: .milliseconds(20), settle: .milliseconds(100))
    #expect(bench.ask(ingestion, metrics([21]))?.status == 202)
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(10))
    #expect(try stored(bench) == (1...21).map(Double.init))
  }

  @Test func aFullSpillIsRefusedAndKeepsWhatItHas() throws {
    let bench = bench { $0.spillLimitBytes = 1_000 }
    bench.host.crash(NodeID(1))
    var accepted: [Double] = []
    for value in 1...30 {
      let response = try #require(bench.ask(ingestion, metrics([Double(value)])))
      #expect(response.status == 202 || response.status == 503)
      if response.status == 202 { accepted.append(Double(value)) } else { #expect(response.head.headers["retry-after"] != nil) }
    }
    #expect(accepted.count > 2 && accepted.count < 30)
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(10))
    #expect(try stored(bench) == accepted)
  }

  @Test func healthTellsOfAFullDiskAndOfWhatWaitsInTheSpill() {
    let bench = bench()
    #expect(bench.tellsOfAFullDisk(NodeID(0)) == [false, true, false])
    func degraded() -> Bool {
      bench.ask(ingestion, Request(.get, "/health")).map { String(decoding: $0.body, as: UTF8.self).contains("wait in the spill") } ?? false
    }
    bench.host.crash(NodeID(1))
    #expect(bench.ask(ingestion, metrics([1]))?.status == 202)
    #expect(degraded())
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(10))
    #expect(!degraded())
  }

  @Test func aFullDiskIsRefusedWhileTheQueueIsAway() throws {
    let bench = bench()
    bench.host.crash(NodeID(1))
    let disk = bench.host.disk(of: NodeID(0))
    disk.capacityBytes = disk.used
    #expect(bench.ask(ingestion, metrics([1]))?.status == 503)
    disk.capacityBytes = 1 << 30
    #expect(bench.ask(ingestion, metrics([2]))?.status == 202)
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(10))
    #expect(try stored(bench) == [2])
  }

  @Test func aRepeatedRequestWithAKeyIsStoredOnce() throws {
    let bench = bench()
    for _ in 0..<3 { #expect(bench.ask(ingestion, metrics([7, 8], key: "once"))?.status == 202) }
    #expect(bench.ask(ingestion, metrics([9], key: "other"))?.status == 202)
    #expect(try stored(bench) == [7, 8, 9])
  }

  @Test func acceptedMetricsAreStoredOnceWhateverCrashes() throws {
    for seed in UInt64(1)...15 {
      let bench = bench(seed: seed)
      for value in 1...40 {
        bench.crashSoon(NodeID(UInt16(bench.random.below(2))), within: .milliseconds(30))
        let accepted = bench.insist(ingestion, metrics([Double(value)], key: "key-\(value)"))
        #expect(accepted?.status == 202, "seed \(seed)")
      }
      bench.run(for: .seconds(15))
      #expect(try stored(bench).sorted() == (1...40).map(Double.init), "seed \(seed)")
      #expect(bench.defects.isEmpty, "seed \(seed)")
    }
  }

  @Test func theEleventhRequestWithinASecondIsRefused() throws {
    let bench = bench { $0.requestsPerSecond = 10 }
    for _ in 0..<10 { #expect(bench.ask(ingestion, metrics([1]))?.status == 202) }
    let refused = try #require(bench.ask(ingestion, metrics([1])))
    #expect(refused.status == 429 && refused.head.headers["retry-after"] == "1")
    #expect(bench.ask(ingestion, metrics([1], client: "other"))?.status == 202)
    bench.run(for: .seconds(1))
    #expect(bench.ask(ingestion, metrics([1]))?.status == 202)
  }
}
