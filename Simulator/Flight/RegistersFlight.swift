// One flight of registers on Raft: the servers, the load and the faults of a scenario, in one simulated world; then the checkers.
//
// Limits: a flight in which servers talk without end is ended after `maximumTurns` turns, and fails. Requirement: MONITORING-10.

import Checking
import Kernel
import Load
import ProvingGround
import Raft
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

  /// Groups over which the registers are spread.
  static let groups = 2
  /// Turns beyond which a flight is ended, for each second of virtual time.
  static let maximumTurnsPerSecond = 50_000

  /// A flight.
  public init(_ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], source: String? = nil) {
    self.scenario = scenario
    self.seed = seed
    self.planted = planted
    self.source = source
  }

  private var servers: [ServerID] { (0..<max(1, scenario.servers)).map { ServerID(UInt32($0 + 1)) } }

  public var nodeNames: [String] { plans().map(\.name) }

  /// The servers come first: their endpoints are their positions.
  private func plans() -> [NodePlan] {
    let servers = servers
    let nodes = Dictionary(uniqueKeysWithValues: servers.enumerated().map { ($0.element, NodeID(UInt16($0.offset))) })
    var random = RandomStream(seed: seed, name: "tuning")
    let snapshotEvery = [20, 100, 1_000][Int(random.below(3))]
    let segmentBytes = [4 << 10, 64 << 10][Int(random.below(2))]
    let recentLimitBytes = [0, 1 << 20][Int(random.below(2))]
    // Short time-outs make elections frequent, and some of them collide.
    let electionTimeout = TimeSpan.milliseconds(scenario.faults.isEmpty ? 300 : [60, 150, 300, 1_000][Int(random.below(4))])
    var plans = servers.map { server in
      NodePlan("server-\(server.value)", planted: PlantedBugs(planted)) {
        var configuration = RaftServerConfiguration(server: server, nodes: nodes, groupCount: Self.groups, founders: servers)
        configuration.segmentBytes = segmentBytes
        configuration.journalLimitBytes = 4 * segmentBytes
        configuration.raft.electionTimeout = electionTimeout
        configuration.raft.heartbeatInterval = TimeSpan(nanoseconds: electionTimeout.nanoseconds / 5)
        configuration.recentLimitBytes = recentLimitBytes
        return ReplicatedRegisters(configuration, snapshotEvery: snapshotEvery)
      }
    }
    for (index, load) in scenario.loads.enumerated() {
      guard case .registers(let load) = load else { continue }
      let plan = RegisterLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: scenario.duration,
        keys: load.keys,
        readShare: load.readShare)
      plans.append(
        NodePlan(scenario.loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) {
          RegisterLoad(plan, servers: servers.enumerated().map { ($0.element.value, Endpoint(UInt16($0.offset))) })
        })
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
    var judgements = checkers(RaftLedger(flown.record.observations)).map { $0.judge(flown.record) }
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

  private func checkers(_ ledger: RaftLedger) -> [any Checker] {
    [NoDefects(), RaftSafety(ledger), RegistersLinearizable(), RaftAgreement(ledger)] + scenario.objectives.compactMap(\.loadChecker)
  }
}
