// One flight of the monitoring platform: its services, the loads, the probe, the webhook's receiver and the faults of a
// scenario, in one simulated world; then the checkers.

import Checking
import Kernel
import Load
import MonitoringAPI
import MonitoringAssembly
import MonitoringChecking
import MonitoringLoad
import Scenarios
import Vocabulary
import Wire
import World

/// Flies the monitoring platform.
public struct MonitoringFlight: Flight {
  /// What is flown.
  public let scenario: Scenario
  /// The seed.
  public let seed: UInt64
  /// Planted bugs that are switched on.
  public let planted: [Mutant]
  /// What the scenario's replay sends; nil where it has none.
  public let recording: Recording?
  /// Where that comes from.
  private let series: SeriesOrigin?
  /// How a command names the scenario, where that is not its name: a file's path, and options behind it.
  public let source: String?

  /// A flight. `recorded` is what a replay sends, at the scenario's speed; a synthetic stand-in where that is nil.
  public init(_ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], recorded: Recording? = nil, source: String? = nil) {
    self.source = source
    var scenario = scenario
    self.seed = seed
    self.planted = planted
    let speed = scenario.loads.lazy.compactMap { if case .replay(let load) = $0 { load.speed } else { nil } }.first
    if let speed {
      var recording = recorded ?? Self.synthetic(seed)
      recording.speed = speed
      // The loads send for as long as the recording takes.
      scenario.duration = max(scenario.duration, recording.duration)
      self.recording = recording
      series = recorded == nil ? .synthetic : .recorded
    } else {
      recording = nil
      series = nil
    }
    self.scenario = scenario
  }

  private static func synthetic(_ seed: UInt64) -> Recording {
    let (series, anomaly) = RecordedSeries.synthetic(seed: seed, name: "synthetic")
    return Recording(series: [series], anomalies: [ExactName(series.name): [anomaly]], speed: 1)
  }

  /// What the services' wall clocks show at the run's start.
  private var wallStart: WallTime { recording?.start ?? Self.wallStart }

  /// How long the probe may take after the system has settled.
  static let readBackLimit = TimeSpan.seconds(300)

  /// Names of all nodes, by their numbers.
  public var nodeNames: [String] { world().plans.map(\.name) }

  /// When the probe begins to read back.
  private var readBackAt: TimeSpan { scenario.duration + scenario.settle }

  /// The nodes, and the groups by whose names a scenario calls them.
  private func world(withReader: Bool = true) -> (plans: [NodePlan], groups: [String: [NodeID]]) {
    var plans: [NodePlan] = []
    var groups: [String: [NodeID]] = [:]
    func add(_ name: String, group: String, _ plan: NodePlan) {
      groups[group, default: []].append(NodeID(UInt16(plans.count)))
      plans.append(plan)
    }

    // The services come first: their endpoints are their positions.
    var configuration = Self.tuning(scenario.tuning, seed)
    if let recording {
      configuration.alerting.every = recording.evaluationStep
    }
    configuration.brokers = max(1, scenario.servers)
    let webhook = Endpoint(NodeID(UInt16(MonitoringAssembly(configuration).nodeCount)))
    configuration.channels = [MonitoringChannel(name: "webhook", endpoint: webhook, path: "/hook")]
    let assembly = MonitoringAssembly(configuration)
    for node in assembly.nodes {
      if node.name.hasPrefix("queue") { groups["brokers", default: []].append(node.id) }
      add(node.name, group: node.name, NodePlan(node.name, planted: PlantedBugs(planted), make: node.make))
    }
    add("webhook", group: "webhook", NodePlan("webhook", cost: .client, isRecorded: true) { WebhookReceiver() })
    for (index, load) in scenario.loads.enumerated() {
      let name = scenario.loads.count == 1 ? "load" : "load-\(index + 1)"
      add(name, group: "load", NodePlan(name, cost: .client, isRecorded: true, make: loadMachine(load, assembly)))
    }
    if withReader, let measurement = scenario.loads.lazy.compactMap(Self.firstMetric).first {
      let stretches = ReadStretches(duration: scenario.duration)
      // Wall clocks run with the recording, where there is one.
      let (start, speed) = (wallStart.milliseconds, recording?.speed ?? 1)
      let until = scenario.duration + scenario.settle
      add(
        "reader", group: "reader",
        NodePlan("reader", cost: .client, isRecorded: true) {
          RepeatedCaller(every: ReadStretches.step, until: until, assembly.query) { step, call in
            let times = stretches.milliseconds(of: stretches.stretch(at: step, call: call))
            return MonitoringReadBack.engineQuery(
              measurement, fromMilliseconds: start + times.lowerBound * speed, untilMilliseconds: start + times.upperBound * speed)
          }
        })
    }
    let rules = (scenario.rules + Self.rules(on: recording)).map { Self.ruleCall($0, assembly.alerting) }
    add("setup", group: "setup", NodePlan("setup", cost: .client, isRecorded: true) { ScriptedCaller(from: .zero, rules) })
    var readBack = MonitoringReadBack.calls(
      scenario, queue: assembly.queue, storage: assembly.storage, query: assembly.query, alerting: assembly.alerting)
    if let recording { readBack += MonitoringReadBack.calls(recording, query: assembly.query) }
    let readBackAt = readBackAt
    add("probe", group: "probe", NodePlan("probe", cost: .client, isRecorded: true) { ScriptedCaller(from: readBackAt, readBack) })
    return (plans, groups)
  }

  /// Flies the load and the settling only, and judges nothing: for benches. There is no reader.
  public func flyWithoutReadBack() -> FlightResult {
    let (flown, _) = prepared(nil, withReader: false)
    flown.host.run(until: readBackAt.nanoseconds - 1)
    return flown.result([], series: series)
  }

  public func fly(traceSink: (any TraceSink)?, heartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> FlightResult {
    let (flown, probe) = prepared(traceSink)
    let (host, record) = (flown.host, flown.record)
    let limit = readBackAt + Self.readBackLimit
    var until = TimeSpan.zero
    while until < readBackAt {
      until = min(until + .seconds(1), readBackAt)
      host.run(until: until.nanoseconds)
      heartbeat(until, readBackAt)
    }
    func isReadBack() -> Bool { record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded } }
    while until < limit, !isReadBack() {
      until = until + .seconds(1)
      host.run(until: until.nanoseconds)
      heartbeat(until, readBackAt)
    }
    flown.close()
    return flown.result((MonitoringCheckers.all(scenario) + recordingCheckers).map { $0.judge(record) }, series: series)
  }

  /// The world, started at virtual time 0, and its probe.
  private func prepared(_ traceSink: (any TraceSink)?, withReader: Bool = true) -> (flown: FlightWorld, probe: NodeID?) {
    let (plans, groups) = world(withReader: withReader)
    let flown = FlightWorld(
      scenario, seed: seed, planted: planted, source: source, plans: plans, groups: groups, wallStart: wallStart,
      wallSpeed: recording?.speed ?? 1, traceSink: traceSink)
    return (flown, groups["probe"]?.first)
  }

  /// What the services' wall clocks show at the run's start.
  static let wallStart = WallTime(milliseconds: 1_700_000_000_000)

  /// The services' tunables of the run of `seed`.
  private static func tuning(_ tuning: ScenarioTuning, _ seed: UInt64) -> MonitoringConfiguration {
    var configuration = MonitoringConfiguration()
    switch tuning {
    case .small:
      configuration.storage.flushRows = 800
      configuration.storage.journalSegmentBytes = 8 << 10
      configuration.queue.raft.segmentBytes = 16 << 10
      configuration.queue.raft.recentLimitBytes = 4 << 10
      configuration.ingestion.drainRecords = 20
      configuration.storage.pagePoints = 1_000
      return configuration
    case .drawn: break
    }
    var random = RandomStream(seed: seed, name: "tuning")
    configuration.storage.flushRows = [1_500, 4_000, 20_000, 262_144][Int(random.below(4))]
    configuration.storage.journalSegmentBytes = [16 << 10, 256 << 10, 8 << 20][Int(random.below(3))]
    configuration.queue.raft.segmentBytes = [64 << 10, 1 << 20, 8 << 20][Int(random.below(3))]
    configuration.queue.raft.recentLimitBytes = [16 << 10, 4 << 20][Int(random.below(2))]
    configuration.ingestion.drainRecords = [20, 500][Int(random.below(2))]
    configuration.storage.pagePoints = [500, 5_000, StorageAPI.pagePoints][Int(random.below(3))]
    return configuration
  }

  /// The first name of a load of metrics.
  private static func firstMetric(_ load: ScenarioLoad) -> String? {
    switch load {
    case .metrics(let load): load.names == 1 ? load.name : "\(load.name)-0"
    case .signal, .replay, .registers, .operators, .queue: nil
    }
  }

  private var recordingCheckers: [any Checker] {
    guard let recording else { return [] }
    let rules = recording.rules(atMost: Self.maximumRecordingRules)
    // The scenario's own rules bring the check of the set-up with them.
    var checkers: [any Checker] = rules.isEmpty || !scenario.rules.isEmpty ? [] : [SetUpSucceeded()]
    checkers.append(ReplayAgreement(recording))
    for rule in rules { checkers.append(AnomalyAlerts(rule: rule, wallStart: wallStart, speed: recording.speed)) }
    return checkers
  }

  /// Rules on a recording's clearest anomalies.
  public static func rules(on recording: Recording?) -> [ScenarioRule] {
    (recording?.rules(atMost: Self.maximumRecordingRules) ?? []).map {
      ScenarioRule(name: $0.name, query: $0.query, duration: "0s", channels: ["webhook"], missingData: nil)
    }
  }

  /// How many rules are made of a recording's labels.
  public static let maximumRecordingRules = 5

  private func loadMachine(_ load: ScenarioLoad, _ assembly: MonitoringAssembly) -> () -> any Machine {
    switch load {
    case .metrics(let load):
      let plan = MetricsLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: scenario.duration,
        clients: load.clients, metricsPerRequest: load.metricsPerRequest, name: load.name, names: load.names,
        repeatedShare: load.repeatedShare, stampedShare: load.stampedShare)
      return { MetricsLoad(plan, ingestion: assembly.ingestion) }
    case .signal(let load):
      let plan = SignalLoadPlan(
        name: load.name, every: load.every, until: scenario.duration, low: load.low, high: load.high, windows: load.windows)
      return { SignalLoad(plan, ingestion: assembly.ingestion) }
    case .replay:
      let recording = recording
      return { ReplayLoad(recording ?? Recording(series: [], anomalies: [:], speed: 1), ingestion: assembly.ingestion) }
    // The reader lets no load of another system into a scenario of this system.
    case .registers, .operators, .queue: return { ScriptedCaller(from: .zero, []) }
    }
  }

  /// Sets a rule up. A name that is taken already counts as set up: the answer to the first try may have been lost.
  public static func ruleCall(_ rule: ScenarioRule, _ alerting: Endpoint) -> ScriptedCall {
    let body = Response.json(200) { writer in
      writer.beginObject()
      writer.member("name", rule.name)
      writer.member("query", rule.query)
      writer.member("duration", rule.duration)
      writer.name("channels")
      writer.beginArray()
      for channel in rule.channels { writer.value(channel) }
      writer.endArray()
      if let missingData = rule.missingData { writer.member("missing_data", missingData) }
      writer.endObject()
    }.body
    return ScriptedCall(
      alerting, Request(.post, "/rules", headers: ["content-type": "application/json"], body: body), accepts: 200...409)
  }
}
