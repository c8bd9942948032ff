// One flight of the message queue alone: brokers, producers, consumers and groups, and the faults of a scenario, in one
// simulated world; then the checkers. Requirements: MONITORING-6 to 10.

import Checking
import Load
import MonitoringAPI
import MonitoringAssembly
import MonitoringChecking
import MonitoringLoad
import RaftChecking
import RaftLoad
import Scenarios
import Vocabulary
import World

/// Flies the message queue.
public struct QueueFlight: Flight {
  /// What is flown.
  public let scenario: Scenario
  /// The seed.
  public let seed: UInt64
  /// Planted bugs that are switched on.
  public let planted: [Mutant]
  private let source: String?

  static let maximumTurnsPerSecond = 200_000

  /// A flight.
  public init(_ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], source: String? = nil) {
    self.scenario = scenario
    self.seed = seed
    self.planted = planted
    self.source = source
  }

  private var brokerCount: Int { max(1, scenario.servers) }
  private var loads: [ScenarioQueueLoad] {
    scenario.loads.compactMap { if case .queue(let load) = $0 { load } else { nil } }
  }

  private var operators: [ScenarioOperatorLoad] {
    scenario.loads.compactMap { if case .operators(let load) = $0 { load } else { nil } }
  }

  public var nodeNames: [String] { world().plans.map(\.name) }

  /// The brokers come first: their endpoints are their positions.
  private func world() -> (plans: [NodePlan], groups: [String: [NodeID]]) {
    var plans: [NodePlan] = []
    var groups: [String: [NodeID]] = [:]
    func add(_ group: String, _ plan: NodePlan) {
      groups[group, default: []].append(NodeID(UInt16(plans.count)))
      if group == "servers" { groups[plan.name] = [NodeID(UInt16(plans.count))] }
      plans.append(plan)
    }
    for node in Self.assembly(scenario, seed: seed).nodes {
      add("servers", NodePlan(node.name, planted: PlantedBugs(planted), make: node.make))
    }
    let brokers = (0..<brokerCount).map { Endpoint(UInt16($0)) }
    // In some flights nobody names a producer: logs are cut in another way then.
    var random = RandomStream(seed: seed, name: "producers")
    let plainShare = scenario.tuning == .small && random.chance(0.5) ? 1 : QueueLoadPlan.usualPlainShare
    for (index, load) in loads.enumerated() {
      let plan = QueueLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: scenario.duration,
        keys: load.keys,
        readShare: load.readShare, plainShare: plainShare, bulkShare: scenario.tuning == .small ? 0.3 : 0)
      add(
        "load",
        NodePlan(loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) { QueueLoad(plan, brokers: brokers) })
      let until = readBackAt
      for member in 0..<load.members {
        add(
          "members",
          NodePlan("member-\(index + 1)-\(member + 1)", cost: .client, isRecorded: true) {
            GroupConsumer(group: "group-\(index + 1)", brokers: brokers, until: until)
          })
      }
    }
    for (index, load) in operators.enumerated() {
      let plan = RaftOperatorPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: .poisson), transferShare: load.transferShare,
        restoresAt: scenario.duration, groups: min(1 + QueueAPI.partitionCount, load.groups ?? .max))
      let servers = brokers.map { (number: UInt32($0.index) + 1, endpoint: $0) }
      add(
        "operator",
        NodePlan(operators.count == 1 ? "operator" : "operator-\(index + 1)", cost: .client, isRecorded: true) {
          RaftOperator(plan, servers: servers)
        })
    }
    let calls = readBack(brokers[0])
    let readBackAt = readBackAt
    add("probe", NodePlan("probe", cost: .client, isRecorded: true) { ScriptedCaller(from: readBackAt, calls) })
    return (plans, groups)
  }

  private var readBackAt: TimeSpan { scenario.duration + scenario.settle }

  /// All messages of all partitions, from the start.
  private func readBack(_ broker: Endpoint) -> [ScriptedCall] {
    @Sendable func from(_ offset: Int64, _ partition: Int) -> ScriptedCall {
      ScriptedCall(broker, ConsumeRequest(partition: partition, offset: offset, count: 1_000).request(), accepts: 200...410) { response in
        if response.status == 410, let document = try? response.document(), let first = try? OffsetNotRetained(document).firstOffset {
          return [from(first, partition)]
        }
        guard let document = try? response.document(), let answer = try? ConsumeResponse(document), !answer.messages.isEmpty else {
          return []
        }
        return [from(answer.nextOffset, partition)]
      }
    }
    let messages = (0..<QueueAPI.partitionCount).map { from(0, $0) }
    guard scenario.groupRetention != nil else { return messages }
    return messages
      + loads.indices.filter { loads[$0].members > 0 }.map { ScriptedCall(broker, Request(.get, "/groups/group-\($0 + 1)/offsets")) }
  }

  /// The brokers, with tunables that the seed draws.
  private static func assembly(_ scenario: Scenario, seed: UInt64) -> QueueAssembly {
    var random = RandomStream(seed: seed, name: "tuning")
    let segmentBytes = [16 << 10, 256 << 10][Int(random.below(2))]
    let recentLimitBytes = [0, 1 << 20][Int(random.below(2))]
    let journalLimitBytes = [64 << 10, 64 << 20][Int(random.below(2))]
    let electionTimeout = TimeSpan.milliseconds(scenario.faults.isEmpty ? 300 : [150, 300, 1_000][Int(random.below(3))])
    let isSmall = scenario.tuning == .small
    return QueueAssembly(count: scenario.servers, firstNode: 0) { configuration in
      if isSmall {
        // Little is retained, and logs are cut all the time.
        configuration.firstTopics[0].retentionBytes = 1_500
        configuration.cutBytes = 400
        configuration.cutEntries = 50
      }
      if let retention = scenario.groupRetention {
        configuration.groupRetention = retention
        configuration.groupUpkeepInterval = TimeSpan(nanoseconds: retention.nanoseconds / 12)
      }
      configuration.raft.segmentBytes = segmentBytes
      configuration.raft.recentLimitBytes = recentLimitBytes
      configuration.raft.journalLimitBytes = journalLimitBytes
      configuration.raft.raft.electionTimeout = electionTimeout
      configuration.raft.raft.heartbeatInterval = TimeSpan(nanoseconds: electionTimeout.nanoseconds / 5)
    }
  }

  public func fly(traceSink: (any TraceSink)?, heartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> FlightResult {
    let (plans, groups) = world()
    let flown = FlightWorld(
      scenario, seed: seed, planted: planted, source: source, plans: plans, groups: groups, wallStart: MonitoringFlight.wallStart,
      traceSink: traceSink)
    let probe = groups["probe"]?.first
    let limit = readBackAt + MonitoringFlight.readBackLimit
    var until = TimeSpan.zero
    func isReadBack() -> Bool { flown.record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded } }
    while until < readBackAt || until < limit && !isReadBack() {
      until = until + .seconds(1)
      flown.host.run(until: until.nanoseconds, atMost: Self.maximumTurnsPerSecond)
      heartbeat(until, readBackAt)
    }
    flown.close()
    let ledger = RaftLedger(flown.record.observations, nodes: flown.record.nodes)
    var checkers: [any Checker] = [
      NoDefects(), ReadBackEnded(), RaftSafety(ledger), QueueLinearizable(), DenseOffsets(), RecordsKept(),
      RaftAgreement(ledger, endedAt: Instant(nanoseconds: flown.host.now)),
    ]
    for index in loads.indices where loads[index].members > 0 {
      let members = plans.map(\.name).filter { $0.hasPrefix("member-\(index + 1)-") }
      checkers += [GroupsDeliver(members: members), GroupsDivide(members: members), OffsetsKept(callers: members + ["probe"])]
    }
    checkers += scenario.objectives.compactMap(\.loadChecker)
    return flown.result(checkers.map { $0.judge(flown.record) })
  }
}
