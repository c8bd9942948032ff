// Registers on Raft as a system that is flown: the servers, the loads, and what judges them. Requirement:
// MONITORING-10.

import Checking
import Flight
import Load
import PeerAuthentication
import ProvingGround
import Raft
import RaftChecking
import RaftLoad
import Scenarios
import Vocabulary
import World

/// Registers that several servers keep together.
public struct RegistersSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "registers"
  public let keys = ["servers", "tuning"]
  public let ownObjectives: [(word: String, example: String)] = []
  public var mutants: [Mutant] { raftMutants + registerMutants + peerMutants }
  public var blindMutants: [Mutant] { raftBlindMutants }
  /// Their flights are short, and some bugs show only in a rare order of events.
  public let mutantSeeds: ClosedRange<UInt64> = 1...200

  public func part(_ reading: inout PartReading) -> any ScenarioPart { RegistersPart(&reading) }

  public func place(_ part: RegistersPart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedRegisters(part, order, &site)
  }
}

/// How the servers of one flight are set up.
private struct Knobs {
  var groups: Int
  var snapshotEvery: Int
  var segmentBytes: Int
  var recentLimitBytes: Int
  var electionTimeout: TimeSpan
  var messageBytes: Int
  var messagesUnderWay: Int

  /// What the seed draws. Short time-outs make elections frequent, and some of them collide; small messages let a
  /// follower be sent a part of what is committed.
  init(seed: UInt64, tuning: Tuning) {
    let isSmall = tuning == .small
    var random = RandomStream(seed: seed, name: "tuning")
    func drawn<Value>(_ values: [Value]) -> Value { values[Int(random.below(UInt64(values.count)))] }
    groups = drawn(isSmall ? [1, 2] : [1, 2, 4])
    snapshotEvery = drawn([20, 100, 1_000])
    segmentBytes = drawn([4 << 10, 64 << 10])
    recentLimitBytes = drawn([0, 1 << 20])
    electionTimeout = .milliseconds(drawn(tuning == .served ? [300] : isSmall ? [60, 60, 100] : [60, 150, 300, 1_000]))
    messageBytes = drawn(isSmall ? [1, 1, 1, 1 << 20] : [1, 1_000, 1 << 20])
    messagesUnderWay = drawn(isSmall ? [1, 1, 64] : [1, 64, 64])
  }
}

/// Registers in one flight.
private struct PlacedRegisters: PlacedSystem {
  private let servers: [NodeID]
  private let knobs: Knobs
  private let loadsEnd: TimeSpan
  /// When the operator begins to restore what it changed; nil where there is none.
  private let operatorEnd: TimeSpan?

  let maximumTurnsPerSecond: Int? = 50_000

  init(_ part: RegistersPart, _ order: FlightOrder, _ site: inout Site) {
    let scenario = order.scenario
    let knobs = Knobs(seed: order.seed, tuning: part.tuning)
    self.knobs = knobs
    // Loads go on for half of the time that the system has to settle: what is asked after the last fault must be
    // served.
    loadsEnd = scenario.duration + TimeSpan(nanoseconds: scenario.settle.nanoseconds / 2)
    let first = site.nextNode.index
    let ids = (1...part.servers).map { ServerID(UInt32($0)) }
    let nodes = Dictionary(uniqueKeysWithValues: ids.map { ($0, NodeID(first + UInt16($0.value) - 1)) })
    servers = ids.map { id in
      site.place(
        NodePlan("server-\(id.value)", planted: PlantedBugs(order.planted)) {
          var configuration = RaftServerConfiguration(server: id, nodes: nodes, groupCount: knobs.groups, founders: ids)
          configuration.segmentBytes = knobs.segmentBytes
          configuration.journalLimitBytes = 4 * knobs.segmentBytes
          configuration.raft.electionTimeout = knobs.electionTimeout
          configuration.raft.heartbeatInterval = TimeSpan(nanoseconds: knobs.electionTimeout.nanoseconds / 5)
          configuration.raft.messageBytes = knobs.messageBytes
          configuration.raft.messagesUnderWay = knobs.messagesUnderWay
          configuration.recentLimitBytes = knobs.recentLimitBytes
          return ReplicatedRegisters(configuration, snapshotEvery: knobs.snapshotEvery)
        }, as: ["servers", "server-\(id.value)"])
    }
    let endpoints = ids.map { (number: $0.value, endpoint: Endpoint(NodeID(first + UInt16($0.value) - 1))) }
    var operatorEnd: TimeSpan?
    for (index, load) in part.loads.enumerated() {
      switch load {
      case .registers(let load):
        let plan = RegisterLoadPlan(
          arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: loadsEnd, keys: load.keys,
          readShare: load.readShare, timeout: load.patience)
        site.place(
          NodePlan(part.loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) {
            RegisterLoad(plan, servers: endpoints)
          }, as: ["load"], words: "\(load)")
      case .operators(let load):
        let plan = load.plan(groups: knobs.groups, restoresAt: scenario.duration)
        operatorEnd = scenario.duration
        site.place(
          NodePlan("operator-\(index + 1)", cost: .client, isRecorded: true) { RaftOperator(plan, servers: endpoints) }, as: ["load"],
          words: "\(load)")
      }
    }
    self.operatorEnd = operatorEnd
  }

  func aim(
    at role: String, for duration: TimeSpan, _ make: @escaping @Sendable (NodeID) -> any Fault
  ) -> (any Fault)? {
    AimedFault.Aim(rawValue: role).map { AimedFault(at: $0, among: servers, for: duration, make) }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    let ledger = RaftLedger(record.observations, nodes: record.nodes)
    return [
      NoDefects(), RaftSafety(ledger), RegistersLinearizable(), RaftAgreement(ledger, endedAt: endedAt),
      RaftLiveness(
        servers: servers, groups: knobs.groups, electionTimeout: knobs.electionTimeout,
        loadsEnd: Instant(nanoseconds: loadsEnd.nanoseconds), operatorEnd: operatorEnd.map { Instant(nanoseconds: $0.nanoseconds) }),
    ]
  }
}
