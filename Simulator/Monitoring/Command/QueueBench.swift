// `windtunnel bench queue`: brokers as processes on loopback, driven with record batches over HTTP. What is measured:
// records acknowledged a second (on the disks of a majority), latency at half of that, records consumed a second,
// memory and processor time, and how long the partitions are away after a `kill -9`.
//
// The load runs on the same machine and takes its share of the cores. Load goes to 127.0.0.1 only.

import ArgumentParser
import Checking
import Console
import Foundation
import Launching
import Live
import Load
import MonitoringAPI
import MonitoringAssembly
import MonitoringLoad
import MonitoringServing
import Reports
import Vocabulary
import Wire

package struct QueueBench: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "queue", abstract: "How much the message queue takes and gives, as processes on real sockets and files.",
    discussion: """
      EXAMPLES
        windtunnel bench queue
        windtunnel bench queue --brokers 3 --seconds 10
        windtunnel bench queue --batch 1 --under-way 256

      Side by side with Redis Streams and NATS JetStream: Reports/Peers/monitoring/queue.sh
      """)

  @Option(help: "Broker processes: 1, or 3 or 5 that replicate. (default: 1)", transform: { try Bounds.brokers.read($0) }) var brokers = 1
  @Option(help: "Seconds of each measurement. (default: 8)", transform: { try Bounds(1...120).read($0) }) var seconds = 8
  @Option(help: "Records in one batch. (default: 100)", transform: { try Bounds(1...10_000).read($0) }) var batch = 100
  @Option(help: "Bytes of a record's value. (default: 100)", transform: { try Bounds(1...100_000).read($0) }) var bytes = 100
  @Option(help: "Requests that are under way at any time. (default: 32)", transform: { try Bounds(1...1_024).read($0) }) var underWay = 32
  @Option(
    help: "A folder on the disk that is to be measured; not one that a service keeps its data in.", transform: { try PathText.read($0) })
  var data: String?
  @Option(help: "Records that a consumer asks for at once. (default: 5000)", transform: { try Bounds(1...QueueAPI.maximumCount).read($0) })
  var count =
    5_000
  @Flag(help: "Print one JSON object instead of text.") var json = false

  package init() {}

  package func run() async throws {
    // Before there is anything to be left behind.
    Interruption.listen()
    let own = try RunFolder("bench", below: data, option: "--data")
    defer { own.remove() }
    let folder = own.path
    let cluster: BrokerProcesses
    do {
      cluster = try await BrokerProcesses(count: brokers, folder: folder)
    } catch let failure as LaunchFailure {
      throw InputProblem(description: failure.description, exitCode: Exit.couldNotRun)
    }
    do {
      try await measure(cluster, folder)
    } catch {
      await cluster.end()
      throw error
    }
    await cluster.end()
  }

  private func measure(_ cluster: BrokerProcesses, _ folder: String) async throws {
    let targets = try await leaders(cluster)
    try Interruption.check("no measurement: the brokers were started")
    let before = cluster.processorSeconds.reduce(0, +)
    let peak = try await produce(cluster, targets, .closed(underWay: underWay))
    try Interruption.check("a part of the measurements: nothing is told of them")
    let busy = cluster.processorSeconds.reduce(0, +) - before
    guard peak.served > 0 else { throw InputProblem(description: "nothing was acknowledged", exitCode: Exit.failed) }
    let rate = Double(peak.served) / peak.seconds
    let paced = try await produce(cluster, targets, .open(Arrivals(perSecond: rate / 2, spacing: .even)))
    try Interruption.check("a part of the measurements: nothing is told of them")
    let bare = BareSync.latencies(
      writers: brokers, bytes: batch * (bytes + 7), perSecond: rate / 2, seconds: Double(min(5, seconds)), folder: folder)
    try Interruption.check("a part of the measurements: nothing is told of them")
    let consumed = try await consume(cluster, targets)
    try Interruption.check("a part of the measurements: nothing is told of them")
    let memory = cluster.peakMemoryBytes
    let recovery = try await BrokerRecovery.measure(cluster, folder: folder)
    let p99 = Self.milliseconds(paced.latencies, 99)
    let bareP99 = Self.milliseconds(bare, 99)
    let bound = max(10, bareP99 * 2.5)
    if json {
      // The machine's members stand in front of those that are written here.
      let machine = JSON.object([.init("machine", MachineText.json)] + ProductVersion.members)
      Output.line(
        String(try machine.serializedText().dropLast()) + ","
          + String(
            format: #""brokers":%d,"batch":%d,"bytes":%d,"produced_per_second":%.0f,"failed":%d,"peak_p99_ms":%.3f,"#
              + #""half_peak_p50_ms":%.3f,"half_peak_p99_ms":%.3f,"bare_fdatasync_p99_ms":%.3f,"consumed_per_second":%.0f,"peak_memory_bytes":%d,"seconds_after_kill":%.3f}"#,
            brokers, batch, bytes, rate * Double(batch), peak.failed + paced.failed,
            Self.milliseconds(peak.latencies, 99), Self.milliseconds(paced.latencies, 50),
            p99, bareP99, consumed, memory.max() ?? 0, recovery.seconds))
      return
    }
    Output.line(MachineText.line)
    Output.line(
      "\(brokers == 1 ? "1 broker" : "\(brokers) brokers, as processes"), records of \(bytes) bytes, batches of \(batch), \(underWay) under way, "
        + "acknowledged by a majority's disks; all measured")
    Output.line(
      String(
        format: "produce   %10.0f records/s   %.1f MB/s   %d requests, %d failed; brokers used %.2f of the cores", rate * Double(batch),
        rate * Double(batch * bytes) / 1e6, peak.served, peak.failed, busy / peak.seconds))
    Output.line(
      String(
        format: "at half   %10.0f records/s   p50 %.2f ms   p99 %.2f ms   max %.2f ms   (%d failed)",
        Double(paced.served) / paced.seconds * Double(batch), Self.milliseconds(paced.latencies, 50), p99,
        Double(paced.latencies.longest?.nanoseconds ?? 0) / 1e6, paced.failed))
    Output.line(
      String(
        format: "bare fdatasync of the same: p50 %.2f ms   p99 %.2f ms; the bound max(10 ms, 2.5 x that) is %.2f ms: %@",
        Self.milliseconds(bare, 50), bareP99, bound, p99 <= bound ? "kept" : "not kept"))
    Output.line(String(format: "consume   %10.0f records/s", consumed))
    Output.line(recovery.text(brokers: brokers))
    Output.line("peak memory of a broker: \(memory.map { "\($0 >> 20) MiB" }.joined(separator: ", "))")
  }

  private struct Produced {
    var served: Int
    var failed: Int
    var seconds: Double
    /// Of the served ones.
    var latencies: LatencyHistogram
  }

  /// A percentile, in milliseconds; 0 where nothing was measured.
  private static func milliseconds(_ latencies: LatencyHistogram, _ percent: Int) -> Double {
    Double(latencies.percentile(percent * 1_000)?.nanoseconds ?? 0) / 1e6
  }

  private func produce(
    _ cluster: BrokerProcesses, _ targets: [(partition: Int, endpoint: Endpoint)], _ pace: BulkProducer.Pace
  ) async throws -> Produced {
    let (batch, bytes, seconds) = (batch, bytes, seconds)
    let record = try await drive(cluster, for: .seconds(seconds)) {
      BulkProducer(targets: targets, records: batch, recordBytes: bytes, pace: pace, until: .seconds(Int64(seconds)))
    }
    var served = 0
    var failed = 0
    var latencies = LatencyHistogram()
    var (first, last) = (Int64.max, Int64.min)
    for one in record.observations where one.observation.fact == .timed {
      let (outcome, latency) = LoadOutcome.parts(of: one.observation.value)
      let intended = Int64(one.observation.subject)
      (first, last) = (min(first, intended), max(last, intended + latency))
      if outcome == .served {
        served += 1
        latencies.record(.nanoseconds(latency))
      } else {
        failed += 1
      }
    }
    return Produced(served: served, failed: failed, seconds: max(0.001, Double(last - first) / 1e9), latencies: latencies)
  }

  private func consume(_ cluster: BrokerProcesses, _ targets: [(partition: Int, endpoint: Endpoint)]) async throws -> Double {
    let count = count
    let record = try await drive(cluster, for: nil) { BulkConsumer(targets: targets, count: count) }
    var records: UInt64 = 0
    var (first, last) = (Int64.max, Int64.min)
    for one in record.observations {
      switch one.observation.fact {
      case .timed:
        let (_, latency) = LoadOutcome.parts(of: one.observation.value)
        first = min(first, Int64(one.observation.subject))
        last = max(last, Int64(one.observation.subject) + latency)
      case .bulkConsumed: records += one.observation.value
      case .bulkUnreadable:
        throw InputProblem(
          description: "a consumer was given what it could not read (status \(one.observation.value))", exitCode: Exit.failed)
      case _: continue
      }
    }
    return Double(records) / max(0.001, Double(last - first) / 1e9)
  }

  /// Drives the cluster with one machine: for a time, or until it says that it is done.
  private func drive(
    _ cluster: BrokerProcesses, for span: Duration?, _ make: @escaping @Sendable () -> any Machine
  ) async throws -> FlightRecord {
    let record = GuardedRecord(FlightRecord(nodes: [FlightNode(id: NodeID(0), name: "load")]))
    var live = LiveConfiguration()
    for broker in cluster.brokers { live.directory[Endpoint(NodeID(UInt16(broker.number)))] = Destination(broker.address) }
    live.limits.connectionsPerEndpoint = 256
    live.limits.waitingCallsPerEndpoint = 100_000
    let host = try LiveHost(
      [LiveNodeSpecification(NodeID(0), name: "load", listen: nil, dataDirectory: nil, isRecorded: false, makeMachine: make)], live,
      recorder: record)
    try await host.start()
    if let span {
      // The last requests have their time to end.
      try await Interruption.sleep(for: span + .seconds(1))
    } else {
      let end = ContinuousClock.now + .seconds(120)
      while !Interruption.isAsked, ContinuousClock.now < end, !record.hasStated(.bulkEnded, NodeID(0)) {
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    await host.stop(grace: .zero)
    return record.record
  }

  /// Who leads each partition of the first topic, once all have a leader and, for that the load is sent to whoever
  /// leads when it begins, once leaders have moved to their brokers; they do so some seconds after the brokers' start.
  /// Where they do not, whoever leads after half a minute.
  private func leaders(_ cluster: BrokerProcesses) async throws -> [(partition: Int, endpoint: Endpoint)] {
    guard let first = cluster.brokers.first else { return [] }
    var known: [(partition: Int, endpoint: Endpoint)] = []
    for tries in 0..<300 where (tries < 100 || !known.isEmpty) && !Interruption.isAsked {
      if let response = try await SingleCall.answer(to: Request(.get, "/topics"), at: first.address),
        let leaders = try? Self.leaders(in: response), leaders.count == QueueAPI.partitionCount
      {
        known = leaders
        let counts = cluster.brokers.map { broker in leaders.count { $0.endpoint == Endpoint(NodeID(UInt16(broker.number))) } }
        if (counts.max() ?? 0) - (counts.min() ?? 0) <= 1 { return leaders }
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    if !known.isEmpty || Interruption.isAsked { return known }
    throw InputProblem(description: "the brokers did not elect leaders within 10 s", exitCode: Exit.couldNotRun)
  }

  private static func leaders(in response: Response) throws -> [(partition: Int, endpoint: Endpoint)] {
    var found: [(partition: Int, endpoint: Endpoint)] = []
    for topic in try response.document().member("topics").elements(maximum: 1_000) {
      guard try topic.member("name").string(maximumBytes: 256) == QueueAPI.inboundTopic else { continue }
      for partition in try topic.member("partitions").elements(maximum: 100) {
        guard let leader = try partition.optionalMember("leader")?.integer(in: 1...65_535) else { continue }
        found.append((Int(try partition.member("partition").integer()), Endpoint(NodeID(UInt16(leader)))))
      }
    }
    return found
  }
}
