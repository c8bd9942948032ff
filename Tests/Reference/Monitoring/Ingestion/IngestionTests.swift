// Ingestion with a real queue behind it: what is answered 202 is in the queue once and in order, whatever happens
// between the two.

import Durable
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

  /// A metric whose record is longer than 30 KB.
  private func long(_ value: Double) -> Request {
    let tags = (0..<30).map { NamedText("tag\($0)", String(repeating: "x", count: 1_000)) }
    return MetricsRequest(metrics: [Metric(name: "m", value: value, tags: tags)]).request(client: "c")
  }

  @Test func longRecordsAreDrainedInRequestsThatTheQueueTakes() throws {
    let bench = bench()
    bench.host.crash(NodeID(1))
    // 500 of them are more than the queue takes in one request.
    for value in 1...400 { #expect(bench.ask(ingestion, long(Double(value)))?.status == 202) }
    bench.crashAndRestart(NodeID(0), after: .milliseconds(20), settle: .milliseconds(100))
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(20))
    let partition = PartitionRouting.partition(of: "c", count: 12)
    var found: [Double] = []
    while true {
      let response = try #require(
        bench.insist(queue, ConsumeRequest(partition: partition, offset: Int64(found.count), count: 200).request()))
      let messages = try ConsumeResponse(response.document()).messages
      if messages.isEmpty { break }
      for message in messages { found.append(try PointMessage(JSONField(message.value)).fields[0].value) }
    }
    #expect(found == (1...400).map(Double.init))
    #expect(bench.defects.isEmpty)
  }

  @Test func aSpillOfAnEarlierVersionIsDrained() throws {
    let bench = bench()
    bench.host.crash(NodeID(0))
    let disk = bench.host.disk(of: NodeID(0))
    var journal = try Journal.recover(from: disk, segmentBytes: 4 << 20) { _, _ in }.journal
    func spilled(_ number: UInt64, _ values: [Int]) -> [UInt8] {
      var writer = ByteWriter()
      writer.byte(1)
      writer.varint(number)
      writer.count(values.count)
      for value in values {
        writer.prefixedString("c")
        writer.prefixedString(
          #"{"measurement":"m","fields":{"value":\#(value)},"timestamp":1,"tags":{"t":"\#(String(repeating: "x", count: 20_000))"}}"#)
        writer.prefixedString("p\(number)")
        writer.varint(UInt64(value))
      }
      return writer.finish()
    }
    _ = try journal.append(spilled(1, [1, 2]), to: disk)
    // A note that all up to number 1 is in the queue.
    _ = try journal.append([2, 1], to: disk)
    for number in UInt64(2)...600 { _ = try journal.append(spilled(number, [Int(number), Int(number) + 1_000]), to: disk) }
    bench.host.restart(NodeID(0), after: .zero)
    bench.run(for: .seconds(30))
    let health = try #require(bench.ask(ingestion, Request(.get, "/health"))).document().value
    #expect(health["spilled_bytes"] == 0)
    #expect(health["spill_journal_bytes"].flatMap { if case .integer(let bytes) = $0 { bytes < 1_000 } else { nil } } == true)
    let partition = PartitionRouting.partition(of: "c", count: 12)
    let topics = try #require(bench.ask(queue, Request(.get, "/topics"))).document().value
    guard case .array(let all)? = topics["topics"], case .array(let partitions)? = all.first?["partitions"] else {
      Issue.record("no partitions")
      return
    }
    #expect(partitions[partition]["next_offset"] == 1_198)
  }

  @Test func theSpillsJournalIsCutAsItDrains() throws {
    let bench = bench { $0.drainBytes = 100_000 }
    bench.host.crash(NodeID(1))
    for value in 1...400 { #expect(bench.ask(ingestion, long(Double(value)))?.status == 202) }
    func health() throws -> (held: Int64, journal: Int64) {
      let health = try #require(bench.ask(ingestion, Request(.get, "/health"))).document().value
      guard case .integer(let held)? = health["spilled_bytes"], case .integer(let journal)? = health["spill_journal_bytes"] else {
        return (-1, -1)
      }
      return (held, journal)
    }
    let full = try health()
    #expect(full.held > 12_000_000 && full.journal > 12_000_000)
    bench.host.restart(NodeID(1), after: .zero)
    var isCutWhileItDrains = false
    for _ in 0..<200 {
      bench.run(for: .milliseconds(50))
      let now = try health()
      // Never more than a segment longer than what waits.
      #expect(now.journal <= now.held + (5 << 20))
      if now.held > 0, now.journal < full.journal / 2 { isCutWhileItDrains = true }
    }
    #expect(isCutWhileItDrains)
    #expect(try health().held == 0)
  }

  @Test func aRecordThatTheQueueRefusesIsSetAsideAndBlocksNoOther() throws {
    var stored: [Double] = []
    var isAway = true
    var configuration = IngestionConfiguration(queue: queue)
    configuration.requestsPerSecond = 1_000
    let fixed = configuration
    let bench = TestBench([
      NodePlan("ingestion") { Ingestion(fixed) },
      NodePlan("queue") {
        Responder { request, _ in
          if isAway { return .failure(503, code: "NO_LEADER", message: "away") }
          guard let document = try? request.document(), let produce = try? ProduceRequest(document) else { return nil }
          let values = produce.records.compactMap { try? PointMessage(JSONField($0.value)).fields[0].value }
          if values.contains(13) || values.contains(27) { return .failure(400, code: "INVALID_FIELD", message: "never") }
          stored += values.filter { !stored.contains($0) }
          return ProduceResponse(places: values.map { _ in RecordPlace(partition: 0, offset: 0) }, isBatch: true).response()
        }
      },
    ])
    for value in stride(from: 1, through: 39, by: 2) {
      #expect(bench.ask(ingestion, metrics([Double(value), Double(value) + 1]))?.status == 202)
    }
    isAway = false
    bench.run(for: .seconds(20))
    #expect(stored == (1...40).filter { $0 != 13 && $0 != 27 }.map(Double.init))
    #expect(bench.facts(.recordSetAside).count == 2)
    bench.crashAndRestart(NodeID(0), after: .milliseconds(20), settle: .milliseconds(100))
    let health = try #require(bench.ask(ingestion, Request(.get, "/health"))).document().value
    #expect(health["set_aside"] == 2 && health["set_aside_dropped"] == 0 && health["spilled_bytes"] == 0)
    guard case .array(let records)? = try #require(bench.ask(ingestion, Request(.get, "/set-aside"))).document().value["records"] else {
      Issue.record("no records")
      return
    }
    #expect(records.map { $0["code"] } == ["INVALID_FIELD", "INVALID_FIELD"])
    #expect(records.map { $0["value"]?["fields"]?["value"] } == [13.0, 27.0])
    #expect(bench.ask(ingestion, metrics([50]))?.status == 202)
    #expect(stored.last == 50)
  }

  @Test func anAnswerThatIsNotTheQueuesSetsNothingAside() throws {
    var answer = Response(status: 400, body: Array("<html>".utf8))
    let bench = TestBench([
      NodePlan("ingestion") { Ingestion(IngestionConfiguration(queue: queue)) }, NodePlan("queue") { Responder { _, _ in answer } },
    ])
    answer = .failure(503, code: "X", message: "away")
    #expect(bench.ask(ingestion, metrics([1]))?.status == 202)
    answer = Response(status: 400, body: Array("<html>".utf8))
    bench.run(for: .seconds(20))
    #expect(bench.facts(.recordSetAside).isEmpty)
    answer = ProduceResponse(places: [RecordPlace(partition: 0, offset: 0)], isBatch: true).response()
    bench.run(for: .seconds(3))
    #expect(try #require(bench.ask(ingestion, Request(.get, "/health"))).document().value["spilled_bytes"] == 0)
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

  /// What is drained makes room, also where nothing more can be written.
  @Test func aSpillThatFilledTheDiskMakesRoomOnceTheQueueIsBack() throws {
    let bench = bench { $0.drainBytes = 100_000 }
    bench.host.crash(NodeID(1))
    for value in 1...300 { #expect(bench.ask(ingestion, long(Double(value)))?.status == 202) }
    let disk = bench.host.disk(of: NodeID(0))
    disk.capacityBytes = disk.used
    #expect(bench.ask(ingestion, long(301))?.status == 503)
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(30))
    #expect(disk.used < 5 << 20, "\(disk.used) bytes are left of the spill")
    bench.host.crash(NodeID(1))
    #expect(bench.ask(ingestion, long(302))?.status == 202)
  }

  /// A client's name and a key together name a request: neither runs into the other.
  @Test func keysOfOneClientAreNoneOfAnother() throws {
    let number = try #require(
      (0..<1_000).first { PartitionRouting.partition(of: "x\($0)", count: 12) == PartitionRouting.partition(of: "x\($0)/y", count: 12) })
    let bench = bench()
    #expect(bench.ask(ingestion, metrics([1], client: "x\(number)", key: "y/z"))?.status == 202)
    #expect(bench.ask(ingestion, metrics([2], client: "x\(number)/y", key: "z"))?.status == 202)
    #expect(try stored(bench, client: "x\(number)") == [1, 2])
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
