// The message queue alone as a system that is flown: brokers, producers, consumers and groups, and what judges them.
// Requirements: MONITORING-6 to 10.

import Checking
import Flight
import Load
import MonitoringAPI
import MonitoringAssembly
import MonitoringChecking
import MonitoringLoad
import Raft
import RaftChecking
import RaftLoad
import Scenarios
import Vocabulary
import World

/// The message queue.
public struct QueueSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "queue"
  public let keys = ["servers", "tuning", "group retention"]
  public let ownObjectives: [(word: String, example: String)] = []
  public var mutants: [Mutant] { queueMutants }
  public var blindMutants: [Mutant] { queueBlindMutants + raftBlindMutants }

  public func part(_ reading: inout PartReading) -> any ScenarioPart { QueuePart(&reading) }

  public func place(_ part: QueuePart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedQueue(part, order, &site)
  }
}

/// The queue in one flight.
private struct PlacedQueue: PlacedSystem {
  private let probe: NodeID
  /// The members of each consumer group.
  private let groups: [[NodeID]]

  let maximumTurnsPerSecond: Int? = 200_000

  init(_ part: QueuePart, _ order: FlightOrder, _ site: inout Site) {
    let scenario = order.scenario
    let readBackAt = scenario.duration + scenario.settle
    let assembly = Self.assembly(part, order, firstNode: Int(site.nextNode.index))
    let brokers = assembly.nodes.map { node in
      Endpoint(site.place(NodePlan(node.name, planted: PlantedBugs(order.planted), make: node.make), as: ["servers", node.name]))
    }
    // In some flights nobody names a producer: logs are cut in another way then.
    var random = RandomStream(seed: order.seed, name: "producers")
    let plainShare = part.tuning == .small && random.chance(0.5) ? 1 : QueueLoadPlan.usualPlainShare
    let loads = part.queues
    var groups: [[NodeID]] = []
    for (index, load) in loads.enumerated() {
      let plan = QueueLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: scenario.duration,
        keys: load.keys, readShare: load.readShare, plainShare: plainShare, bulkShare: part.tuning == .small ? 0.3 : 0)
      site.place(
        NodePlan(loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) { QueueLoad(plan, brokers: brokers) },
        as: ["load"], words: "\(load)")
      let members = (0..<load.members).map { number in
        site.place(
          NodePlan("member-\(index + 1)-\(number + 1)", cost: .client, isRecorded: true) {
            GroupConsumer(group: "group-\(index + 1)", brokers: brokers, until: readBackAt)
          }, as: ["members"], words: "member of \(load)")
      }
      if !members.isEmpty { groups.append(members) }
    }
    self.groups = groups
    for (index, load) in part.operators.enumerated() {
      let plan = load.plan(groups: 1 + QueueAPI.partitionCount, restoresAt: scenario.duration)
      let servers = brokers.enumerated().map { (number: UInt32($0.offset) + 1, endpoint: $0.element) }
      site.place(
        NodePlan(part.operators.count == 1 ? "operator" : "operator-\(index + 1)", cost: .client, isRecorded: true) {
          RaftOperator(plan, servers: servers)
        }, as: ["operator"], words: "\(load)")
    }
    let calls = Self.readBack(brokers[0], part)
    probe = site.place(NodePlan("probe", cost: .client, isRecorded: true) { ScriptedCaller(from: readBackAt, calls) }, as: ["probe"])
  }

  /// All messages of all partitions, from the start.
  private static func readBack(_ broker: Endpoint, _ part: QueuePart) -> [ScriptedCall] {
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
    guard part.groupRetention != nil else { return messages }
    let loads = part.queues
    return messages
      + loads.indices.filter { loads[$0].members > 0 }.map { ScriptedCall(broker, Request(.get, "/groups/group-\($0 + 1)/offsets")) }
  }

  /// The brokers, with tunables that the seed draws.
  private static func assembly(_ part: QueuePart, _ order: FlightOrder, firstNode: Int) -> QueueAssembly {
    var random = RandomStream(seed: order.seed, name: "tuning")
    let segmentBytes = [16 << 10, 256 << 10][Int(random.below(2))]
    let recentLimitBytes = [0, 1 << 20][Int(random.below(2))]
    let journalLimitBytes = [64 << 10, 64 << 20][Int(random.below(2))]
    let electionTimeout = TimeSpan.milliseconds(part.tuning == .served ? 300 : [150, 300, 1_000][Int(random.below(3))])
    let isSmall = part.tuning == .small
    let retention = part.groupRetention
    return QueueAssembly(count: part.servers, firstNode: firstNode) { configuration in
      if isSmall {
        // Little is retained, and logs are cut all the time.
        configuration.firstTopics[0].retentionBytes = 1_500
        configuration.cutBytes = 400
        configuration.cutEntries = 50
      }
      if let retention {
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

  func isReadBack(_ record: FlightRecord) -> Bool {
    record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    let ledger = RaftLedger(record.observations, nodes: record.nodes)
    var checkers: [any Checker] = [
      NoDefects(), ReadBackEnded(), RaftSafety(ledger), QueueLinearizable(), DenseOffsets(), RecordsKept(),
      RaftAgreement(ledger, endedAt: endedAt),
    ]
    for members in groups {
      checkers += [GroupsDeliver(members: members), GroupsDivide(members: members), OffsetsKept(callers: members + [probe])]
    }
    return checkers
  }
}
