// One flight of registers on Raft: the servers, the load and the faults of a scenario, in one simulated world; then the
// checkers.
//
// Limits: a flight in which servers talk without end is ended after `maximumTurns` turns, and fails. Requirement:
// MONITORING-10.

import Checking
import Kernel
import Load
import ProvingGround
import Raft
import RaftChecking
import RaftLoad
import Scenarios
import Vocabulary
import World

/// Flies registers on Raft.
public struct RegistersFlight: Flight {
  /// What is flown.
  public let scenario: Scenario
  /// The seed.
  public let seed: UInt64
  /// Planted bugs that are switched on.
  public let planted: [Mutant]
  private let source: String?

  /// Turns beyond which a flight is ended, for each second of virtual time.
  static let maximumTurnsPerSecond = 50_000

  /// A flight.
  public init(_ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], source: String? = nil) {
    self.scenario = scenario
    self.seed = seed
    self.planted = planted
    self.source = source
  }

  /// How the servers of one flight are set up.
  struct Knobs {
    var groups: Int
    var snapshotEvery: Int
    var segmentBytes: Int
    var recentLimitBytes: Int
    var electionTimeout: TimeSpan
    var messageBytes: Int
    var messagesUnderWay: Int
  }

  /// What the seed draws. Short time-outs make elections frequent, and some of them collide; small messages let a
  /// follower be sent a part of what is committed.
  var knobs: Knobs {
    var random = RandomStream(seed: seed, name: "tuning")
    func drawn<Value>(_ values: [Value]) -> Value { values[Int(random.below(UInt64(values.count)))] }
    let isSmall = scenario.tuning == .small
    let isCalm = scenario.faults.isEmpty
    return Knobs(
      groups: drawn(isSmall ? [1, 2] : [1, 2, 4]), snapshotEvery: drawn([20, 100, 1_000]), segmentBytes: drawn([4 << 10, 64 << 10]),
      recentLimitBytes: drawn([0, 1 << 20]),
      electionTimeout: .milliseconds(drawn(isCalm ? [300] : isSmall ? [60, 60, 100] : [60, 150, 300, 1_000])),
      messageBytes: drawn(isSmall ? [1, 1, 1, 1 << 20] : [1, 1_000, 1 << 20]),
      messagesUnderWay: drawn(isSmall ? [1, 1, 64] : [1, 64, 64]))
  }

  /// Loads go on for half of the time that the system has to settle: what is asked after the last fault must be served.
  private var loadsEnd: TimeSpan { scenario.duration + TimeSpan(nanoseconds: scenario.settle.nanoseconds / 2) }

  private var servers: [ServerID] { (0..<max(1, scenario.servers)).map { ServerID(UInt32($0 + 1)) } }

  public var nodeNames: [String] { plans().map(\.name) }

  /// The servers come first: their endpoints are their positions.
  private func plans() -> [NodePlan] {
    let servers = servers
    let nodes = Dictionary(uniqueKeysWithValues: servers.enumerated().map { ($0.element, NodeID(UInt16($0.offset))) })
    let knobs = knobs
    var plans = servers.map { server in
      NodePlan("server-\(server.value)", planted: PlantedBugs(planted)) {
        var configuration = RaftServerConfiguration(server: server, nodes: nodes, groupCount: knobs.groups, founders: servers)
        configuration.segmentBytes = knobs.segmentBytes
        configuration.journalLimitBytes = 4 * knobs.segmentBytes
        configuration.raft.electionTimeout = knobs.electionTimeout
        configuration.raft.heartbeatInterval = TimeSpan(nanoseconds: knobs.electionTimeout.nanoseconds / 5)
        configuration.raft.messageBytes = knobs.messageBytes
        configuration.raft.messagesUnderWay = knobs.messagesUnderWay
        configuration.recentLimitBytes = knobs.recentLimitBytes
        return ReplicatedRegisters(configuration, snapshotEvery: knobs.snapshotEvery)
      }
    }
    let endpoints = servers.enumerated().map { (number: $0.element.value, endpoint: Endpoint(UInt16($0.offset))) }
    for (index, load) in scenario.loads.enumerated() {
      switch load {
      case .registers(let load):
        let plan = RegisterLoadPlan(
          arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: loadsEnd, keys: load.keys,
          readShare: load.readShare, timeout: load.patience)
        plans.append(
          NodePlan(scenario.loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) {
            RegisterLoad(plan, servers: endpoints)
          })
      case .operators(let load):
        let plan = RaftOperatorPlan(
          arrivals: Arrivals(perSecond: load.perSecond, spacing: .poisson), transferShare: load.transferShare,
          restoresAt: scenario.duration, groups: min(knobs.groups, load.groups ?? .max))
        plans.append(NodePlan("operator-\(index + 1)", cost: .client, isRecorded: true) { RaftOperator(plan, servers: endpoints) })
      case .metrics, .signal, .replay, .queue: continue
      }
    }
    return plans
  }

  public func fly(traceSink: (any TraceSink)?, heartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> FlightResult {
    let plans = plans()
    var groups: [String: [NodeID]] = [:]
    for (index, plan) in plans.enumerated() {
      groups[index < servers.count ? "servers" : "load", default: []].append(NodeID(UInt16(index)))
      if index < servers.count { groups[plan.name] = [NodeID(UInt16(index))] }
    }
    let flown = FlightWorld(
      scenario, seed: seed, planted: planted, source: source, plans: plans, groups: groups, wallStart: MonitoringFlight.wallStart,
      traceSink: traceSink)
    let host = flown.host
    let end = scenario.duration + scenario.settle
    var until = TimeSpan.zero
    var isEndless = false
    while until < end, !isEndless {
      until = min(until + .seconds(1), end)
      let before = host.turnsTaken
      host.run(until: until.nanoseconds, atMost: Self.maximumTurnsPerSecond)
      isEndless = host.turnsTaken - before >= Self.maximumTurnsPerSecond
      heartbeat(until, end)
    }
    flown.close()
    var judgements = checkers(RaftLedger(flown.record.observations, nodes: flown.record.nodes), endedAt: Instant(nanoseconds: host.now)).map
    { $0.judge(flown.record) }
    if isEndless {
      judgements.append(
        Judgement(
          checker: "servers fall silent", requirements: ["MONITORING-10"],
          violations: [
            Violation(
              at: Instant(nanoseconds: until.nanoseconds), "more than \(Self.maximumTurnsPerSecond) turns in a second of virtual time")
          ], examined: "the flight", examinedCount: 1))
    }
    return flown.result(judgements)
  }

  private func checkers(_ ledger: RaftLedger, endedAt: Instant) -> [any Checker] {
    let hasOperator = scenario.loads.contains { if case .operators = $0 { true } else { false } }
    let liveness = RaftLiveness(
      servers: (0..<servers.count).map { NodeID(UInt16($0)) }, groups: knobs.groups, electionTimeout: knobs.electionTimeout,
      loadsEnd: Instant(nanoseconds: loadsEnd.nanoseconds),
      operatorEnd: hasOperator ? Instant(nanoseconds: scenario.duration.nanoseconds) : nil)
    let own: [any Checker] = [NoDefects(), RaftSafety(ledger), RegistersLinearizable(), RaftAgreement(ledger, endedAt: endedAt), liveness]
    return own + scenario.objectives.compactMap(\.loadChecker)
  }
}
