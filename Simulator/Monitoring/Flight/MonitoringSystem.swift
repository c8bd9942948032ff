// The monitoring platform as a system that is flown: its services, its clients, and what judges them.

import Checking
import Flight
import Load
import MonitoringAPI
import MonitoringAssembly
import MonitoringChecking
import MonitoringLoad
import Scenarios
import Vocabulary
import World

/// The monitoring platform.
public struct MonitoringSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "monitoring"
  public let keys = ["brokers", "tuning", "rules", "webhook"]
  public let ownObjectives = [
    (word: "alerts", example: "alerts within 30s"), (word: "spill", example: "spill fills"), (word: "damage", example: "damage refused"),
  ]
  public var mutants: [Mutant] { monitoringMutants }
  public var blindMutants: [Mutant] { monitoringBlindMutants + queueBlindMutants }

  public var contract: SystemContract? {
    SystemContract(services: ["ingestion", "queue", "storage", "query", "alerting"]) { [name] channel, planted in
      var configuration = MonitoringConfiguration()
      configuration.channels = [MonitoringChannel(name: channel.name, endpoint: channel.endpoint, path: "/hook")]
      return MonitoringAssembly(configuration).nodes.map { node in
        var plan = NodePlan("\(name)/\(node.name)", planted: planted, make: node.make)
        plan.identity = node.name
        return plan
      }
    }
  }

  public func part(_ reading: inout PartReading) -> any ScenarioPart { MonitoringPart(&reading) }

  public func lack(for word: String, _ faults: [ScenarioFaultKind], prefix: String) -> String? {
    guard word == "damage", !faults.contains(where: { $0.spoils == "\(prefix)alerting" }) else { return nil }
    return "damage to be refused only with a fault that does it, like: crash \(prefix)alerting rotting 200 bits of journal at 10s for 1s"
  }

  /// The loads send for as long as a recording takes.
  public func duration(of part: MonitoringPart, _ order: FlightOrder) -> TimeSpan {
    max(order.scenario.duration, Replay(part, order)?.recording.duration ?? .zero)
  }

  public func place(_ part: MonitoringPart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedMonitoring(part, order, &site)
  }
}

extension Recording: FlightInput {}

/// What a flight's replay sends.
private struct Replay {
  /// The series, at the scenario's speed.
  var recording: Recording
  /// Where they come from.
  var origin: SeriesOrigin

  /// The replay of a flight: what it was given, or a synthetic stand-in; nil where nothing is replayed.
  init?(_ part: MonitoringPart, _ order: FlightOrder) {
    guard let speed = part.replaySpeed else { return nil }
    let given = order.input(Recording.self)
    recording = given ?? .synthetic(seed: order.seed)
    recording.speed = speed
    origin = given == nil ? .synthetic : .recorded
  }
}

/// The platform in one flight.
private struct PlacedMonitoring: PlacedSystem {
  private let part: MonitoringPart
  private let replay: Replay?
  private let wallStart: WallTime
  private let probe: NodeID?

  /// A hundred times what a flight of a thousand requests a second takes.
  let maximumTurnsPerSecond: Int? = 1_000_000

  var wallClock: (start: WallTime, speed: Int64)? { replay.map { (wallStart, $0.recording.speed) } }
  var series: SeriesOrigin? { replay?.origin }

  init(_ part: MonitoringPart, _ order: FlightOrder, _ site: inout Site) {
    self.part = part
    let scenario = order.scenario
    let replay = Replay(part, order)
    self.replay = replay
    wallStart = replay?.recording.start ?? Flight.wallStart

    var configuration = MonitoringTuning.configuration(part.tuning, order.seed)
    if let replay { configuration.alerting.every = replay.recording.evaluationStep }
    configuration.brokers = max(1, part.brokers)
    let first = site.nextNode
    // Receivers stand behind the services, of which there are as many whatever channels lead out.
    let channels = [MonitoringPart.usualChannel] + part.otherChannels
    let receivers = MonitoringAssembly(configuration, firstNode: first).nextNode.index
    configuration.channels = channels.enumerated().map { index, name in
      // The name that the world gives to the receiver below.
      let address = HostAndPort(host: "\(name).monitoring.example", port: 80)
      let callee =
        part.areChannelsCalledByName
        ? Callee.destination(Destination(.http, address, namedBy: .operator)) : .endpoint(Endpoint(receivers + UInt16(index)))
      return MonitoringChannel(name: name, callee: callee, path: "/hook")
    }
    let assembly = MonitoringAssembly(configuration, firstNode: first)
    let brokers = Set(assembly.brokerNodes)
    for node in assembly.nodes {
      let placed = site.place(
        NodePlan(node.name, planted: PlantedBugs(order.planted), make: node.make),
        as: brokers.contains(node.id) ? [node.name, "brokers"] : [node.name])
      invariant(placed == node.id, "a service stands at \(placed), and the others look for it at \(node.id)")
    }
    for name in channels {
      var receiver = NodePlan(name, cost: .client, isRecorded: true) { WebhookReceiver() }
      receiver.isOutside = true
      site.place(receiver, as: [name])
    }
    for (index, load) in part.loads.enumerated() {
      let name = part.loads.count == 1 ? "load" : "load-\(index + 1)"
      let make = Self.machine(load, replay, until: scenario.duration, ingestion: assembly.ingestion)
      site.place(NodePlan(name, cost: .client, isRecorded: true, make: make), as: ["load"], words: "\(load)")
    }
    let readBackAt = scenario.duration + scenario.settle
    if order.isJudged, let measurement = part.readMeasurement {
      let stretches = ReadStretches(duration: scenario.duration)
      // Wall clocks run with the recording, where there is one.
      let (start, speed) = (wallStart.milliseconds, replay?.recording.speed ?? 1)
      site.place(
        NodePlan("reader", cost: .client, isRecorded: true) {
          RepeatedCaller(every: ReadStretches.step, until: readBackAt, assembly.query) { step, call in
            let times = stretches.milliseconds(of: stretches.stretch(at: step, call: call))
            return MonitoringReadBack.engineQuery(
              measurement, fromMilliseconds: start + times.lowerBound * speed, untilMilliseconds: start + times.upperBound * speed)
          }
        }, as: ["reader"])
    }
    let rules = (part.rules + RecordingRules.rules(on: replay?.recording)).map { RecordingRules.call($0, assembly.alerting) }
    site.place(NodePlan("setup", cost: .client, isRecorded: true) { ScriptedCaller(from: .zero, rules) }, as: ["setup"])
    var readBack = MonitoringReadBack.calls(
      part, queue: assembly.queue, storage: assembly.storage, query: assembly.query, alerting: assembly.alerting)
    if let replay { readBack += MonitoringReadBack.calls(replay.recording, query: assembly.query) }
    let calls = readBack
    probe = site.place(NodePlan("probe", cost: .client, isRecorded: true) { ScriptedCaller(from: readBackAt, calls) }, as: ["probe"])
  }

  private static func machine(
    _ load: MonitoringPart.Load, _ replay: Replay?, until: TimeSpan, ingestion: Endpoint
  ) -> () -> any Machine {
    switch load {
    case .metrics(let load):
      let plan = MetricsLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: until, clients: load.clients,
        metricsPerRequest: load.metricsPerRequest, name: load.name, names: load.names, repeatedShare: load.repeatedShare,
        stampedShare: load.stampedShare)
      return { MetricsLoad(plan, ingestion: ingestion) }
    case .signal(let load):
      let plan = SignalLoadPlan(
        name: load.name, every: load.every, until: until, low: load.low, high: load.high, windows: load.windows)
      return { SignalLoad(plan, ingestion: ingestion) }
    case .replay:
      let recording = replay?.recording ?? Recording(series: [], anomalies: [:], speed: 1)
      return { ReplayLoad(recording, ingestion: ingestion) }
    }
  }

  func isReadBack(_ record: FlightRecord) -> Bool {
    record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    MonitoringCheckers.all(part) + recordingCheckers
  }

  private var recordingCheckers: [any Checker] {
    guard let recording = replay?.recording else { return [] }
    let rules = recording.rules(atMost: RecordingRules.maximum)
    // The scenario's own rules bring the check of the set-up with them.
    var checkers: [any Checker] = rules.isEmpty || !part.rules.isEmpty ? [] : [SetUpSucceeded()]
    checkers.append(ReplayAgreement(recording))
    for rule in rules { checkers.append(AnomalyAlerts(rule: rule, wallStart: wallStart, speed: recording.speed)) }
    return checkers
  }
}
