// `windtunnel feed`: sends recorded series over real sockets to the monitoring platform, and compares what its query
// engine then says with the files. Where no platform is named one is served in this process, on loopback and a folder
// of its own.
//
// The clients are the same machines that fly in the simulator. Load goes to 127.0.0.1 only.

import ArgumentParser
import Checking
import Console
import Flight
import Foundation
import Kernel
import Launching
import Live
import Load
import MonitoringAssembly
import MonitoringChecking
import MonitoringFlight
import MonitoringLoad
import MonitoringServing
import Reports
import Vocabulary

package struct FeedCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "feed", abstract: "Send recorded series over real sockets, and compare the answers with the files.",
    discussion: """
      EXAMPLES
        windtunnel feed
        windtunnel feed --csv nab/*.csv --labels windows.json
        windtunnel serve monitoring --data data --client-rate 1000 &
        windtunnel feed --csv *.csv --port 8080

      Without --port the platform is served in this process and its wall clock runs with the recording, so that rules on labelled anomalies can \
      be watched too.
      """)

  @OptionGroup var recorded: RecordingOptions
  @Option(
    help: "How many times as fast as they were recorded the rows are sent. (default: 20000)", transform: { try Bounds.speed.read($0) })
  var speed = 20_000
  @Option(
    help: "The first of the five ports of a platform that is served already on 127.0.0.1.",
    transform: { try Bounds.firstOfFivePorts.read($0) })
  var port: Int?
  @OptionGroup var report: ReportOptions
  @Option(help: "Longest time for the whole, in seconds. (default: 900)", transform: { try Bounds.limitSeconds.read($0) }) var limit = 900

  package func validate() throws {
    if port != nil, recorded.labels != nil {
      throw ValidationError("--labels and --port exclude each other: alerts are watched of a platform that is served in this process")
    }
  }

  private static let names = ["ingestion", "queue", "storage", "query", "alerting", "webhook", "load", "setup", "probe"]

  private static func node(_ name: String) -> NodeID { NodeID(UInt16(names.firstIndex(of: name) ?? 0)) }

  package init() {}

  /// What the synthetic series is made from.
  private static let seed: UInt64 = 1

  package func run() async throws {
    let given = try recorded.recording()
    var recording = given ?? .synthetic(seed: Self.seed)
    recording.speed = Int64(speed)
    guard recording.duration <= .seconds(Int64(limit)) else {
      throw InputProblem(
        description: "--csv: expected rows that are sent within the \(limit) s of --limit, \(speed) times as fast as they were recorded "
          + "(--speed); found rows \(recording.times), which take more than \(Int(recording.duration.seconds)) s")
    }
    try report.prepare()
    Interruption.listen()
    let record = GuardedRecord(
      FlightRecord(
        nodes: Self.names.enumerated().map {
          FlightNode(id: NodeID(UInt16($0.offset)), name: "\(ServedMonitoring.name)/\($0.element)", roles: [NodeRole($0.element)])
        }))
    let folder = try RunFolder("feed", below: nil, option: "the variable TMPDIR")
    defer { folder.remove() }
    do {
      var result = try await feed(recording, record, folder.path)
      result.series = given == nil ? .synthetic : .recorded
      let model = ReportModel(runs: [result], command: result.replayCommand)
      RunText.printJudgements(result)
      for note in model.notes { Output.line("note: \(note.scenario): \(note.text)") }
      try report.write(model)
      if !model.held { throw Exit.failed }
    } catch let error as LiveHostError {
      throw InputProblem("the rows cannot be sent", error, folder: "the variable TMPDIR")
    }
  }

  private func feed(_ recording: Recording, _ record: GuardedRecord, _ folder: String) async throws -> FlightResult {
    var hosts: [LiveHost] = []
    var directory: [Endpoint: Destination] = [:]
    let began = ContinuousClock.now
    if let port {
      for index in 0..<MonitoringAssembly.serviceCount {
        directory[Endpoint(UInt16(index))] = Destination(NetworkAddress(host: "127.0.0.1", port: port + index))
      }
    } else {
      let (platform, webhook) = try await serve(recording, record, folder)
      hosts += [platform, webhook]
      for index in 0..<MonitoringAssembly.serviceCount {
        directory[Endpoint(UInt16(index))] = platform.address(of: NodeID(UInt16(index))).map { Destination($0) }
      }
    }
    let rows = recording.series.reduce(0) { $0 + $1.rows.count }
    let seconds = Int(recording.duration.seconds.rounded(.up))
    Output.note("sending \(rows) rows of \(recording.series.count) series over \(seconds) s")

    let ingestion = Endpoint(Self.node("ingestion"))
    let rules =
      port == nil ? RecordingRules.rules(on: recording).map { RecordingRules.call($0, Endpoint(Self.node("alerting"))) } : []
    let clients = try await host(
      [
        client("setup") { ScriptedCaller(from: .zero, rules) },
        client("load") { ReplayLoad(recording, ingestion: ingestion, tick: .milliseconds(20)) },
      ], directory, recording, record)
    hosts.append(clients)
    let end = ContinuousClock.now + .seconds(limit)
    let isSent = try await wait(record, .replayEnded, of: Self.node("load"), hosts, until: end)
    guard isSent else {
      for host in hosts.reversed() { await host.stop() }
      throw InputProblem(description: "the rows did not come through within \(limit) s", exitCode: Exit.failed)
    }
    // What was accepted is on its way through the queue to storage.
    try await Interruption.sleep(for: .seconds(3))
    let calls = MonitoringReadBack.calls(recording, query: Endpoint(Self.node("query")))
    let reader = try await host([client("probe") { ScriptedCaller(from: .zero, calls) }], directory, recording, record)
    hosts.append(reader)
    let isRead = try await wait(record, .scriptEnded, of: Self.node("probe"), hosts, until: end)
    for host in hosts.reversed() { await host.stop() }
    guard isRead else {
      throw InputProblem(description: "the answers did not come through within \(limit) s", exitCode: Exit.failed)
    }
    let elapsed = (ContinuousClock.now - began).components
    return judge(recording, record.record, TimeSpan(nanoseconds: elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000))
  }

  private func client(_ name: String, _ make: @escaping @Sendable () -> any Machine) -> LiveNodeSpecification {
    LiveNodeSpecification(Self.node(name), name: name, listen: nil, dataDirectory: nil, isRecorded: true, makeMachine: make)
  }

  private func host(
    _ nodes: [LiveNodeSpecification], _ directory: [Endpoint: Destination], _ recording: Recording, _ record: GuardedRecord
  ) async throws -> LiveHost {
    var configuration = LiveConfiguration()
    configuration.directory = directory
    configuration.wallClock = .mapped(start: recording.start, speed: Double(recording.speed))
    let host = try LiveHost(nodes, configuration, recorder: record)
    try await host.start()
    return host
  }

  /// The platform and the receiver of its alerts, with wall clocks that run with the recording.
  private func serve(_ recording: Recording, _ record: GuardedRecord, _ folder: String) async throws -> (LiveHost, LiveHost) {
    let webhook = try await host(
      [
        LiveNodeSpecification(Self.node("webhook"), name: "webhook", listen: .ephemeral, dataDirectory: nil) { WebhookReceiver() }
      ], [:], recording, record)
    var configuration = MonitoringConfiguration()
    configuration.ingestion.requestsPerSecond = 1_000
    configuration.alerting.every = recording.evaluationStep
    configuration.channels = [MonitoringChannel(name: "webhook", endpoint: Endpoint(Self.node("webhook")), path: "/hook")]
    let assembly = MonitoringAssembly(configuration)
    var directory: [Endpoint: Destination] = [:]
    directory[Endpoint(Self.node("webhook"))] = webhook.address(of: Self.node("webhook")).map { Destination($0) }
    let platform = try await host(
      assembly.nodes.map { node in
        LiveNodeSpecification(
          node.id, name: node.name, listen: .ephemeral, dataDirectory: "\(folder)/\(node.name)", isRecorded: node.name == "alerting",
          makeMachine: node.make)
      }, directory, recording, record)
    return (platform, webhook)
  }

  /// How many refused calls, with nothing else, tell that nothing listens.
  private static let refusalsOfSilence = 20

  /// Waits until `node` states the fact `ends`; false where that is not so at `end`. Throws where one of `hosts` cannot
  /// go on, or nothing listens.
  private func wait(
    _ record: GuardedRecord, _ ends: Fact, of node: NodeID, _ hosts: [LiveHost], until end: ContinuousClock.Instant
  ) async throws -> Bool {
    while ContinuousClock.now < end {
      if record.hasStated(ends, node) { return true }
      if let port, record.isRefused(atLeast: Self.refusalsOfSilence) {
        for host in hosts.reversed() { await host.stop() }
        throw InputProblem(
          description:
            "nothing listens on the ports \(port) to \(port + MonitoringAssembly.serviceCount - 1) of 127.0.0.1: serve a platform "
            + "there with `windtunnel serve monitoring --port \(port)`, or leave --port out", exitCode: Exit.couldNotRun)
      }
      if Interruption.isAsked {
        for host in hosts.reversed() { await host.stop() }
        throw InputProblem(description: "stopped before all rows were sent and read back", exitCode: Exit.couldNotRun)
      }
      if let failure = hosts.lazy.compactMap(\.failure).first { throw failure }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  private func judge(_ recording: Recording, _ record: FlightRecord, _ elapsed: TimeSpan) -> FlightResult {
    var checkers: [any Checker] = [NoDefects(), ReadBackEnded(), ReplayAgreement(recording)]
    let rules = port == nil ? recording.rules(atMost: RecordingRules.maximum) : []
    if !rules.isEmpty { checkers.append(SetUpSucceeded()) }
    for rule in rules { checkers.append(AnomalyAlerts(rule: rule, wallStart: recording.start, speed: recording.speed)) }
    let judgements = checkers.map { $0.judge(record) }
    return FlightResult(
      scenario: "feed", seed: 0, verdict: Verdict(judgements), traceHash: nil,
      judgements: judgements, faults: [], requests: record.timedRequests, simulated: elapsed, turns: 0,
      requirements: ["MONITORING-12", "MONITORING-13", "MONITORING-19", "MONITORING-23"], timing: .measured,
      ownCommand: OwnCommand.text)
  }
}
