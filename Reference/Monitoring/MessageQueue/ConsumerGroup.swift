// One consumer group at its coordinator: who takes part and who consumes what. Not replicated: another coordinator
// knows nobody, and members join again; what is replicated is how far the group has come (TopicRegistry).
//
// A generation is a division of the partitions; its number carries the coordinator's term, so that a later
// coordinator's are greater. A commit of an earlier generation is refused: whoever lost a partition cannot move it
// back. Requirement: MONITORING-7.

import MonitoringAPI
import Raft
import Vocabulary

/// One consumer group.
struct ConsumerGroup {
  private struct Member {
    var topics: [String]
    var sessionTimeout: TimeSpan
    var heardAt: Instant
    var partitions: [TopicPartition] = []
  }

  /// Most members of one group.
  static let maximumMembers = 1_000

  private var members: [ExactName: Member] = [:]
  private(set) var generation: Int64

  /// A group without members, of a coordinator of this term. `last` is the greatest generation that this coordinator
  /// ever gave a group which is forgotten meanwhile: numbers never fall.
  init(term: Term, last: Int64) { generation = max(Int64(clamping: term.value << 20), last) }

  /// Whether nobody takes part.
  var isEmpty: Bool { members.isEmpty }
  /// How many take part.
  var memberCount: Int { members.count }
  /// Whether one more can take part.
  var hasRoom: Bool { members.count < Self.maximumMembers }

  /// Takes a member in; the partitions are divided anew.
  mutating func join(_ name: String, _ request: JoinRequest, _ now: Instant) -> Assignment {
    members[ExactName(name)] = Member(topics: request.topics, sessionTimeout: request.sessionTimeout, heardAt: now)
    divide()
    return Assignment(member: name, generation: generation, partitions: members[ExactName(name)]?.partitions ?? [])
  }

  /// A member lives; what it consumes, or nil where it is not known.
  mutating func heard(_ member: String, _ now: Instant) -> Assignment? {
    let name = ExactName(member)
    guard members[name] != nil else { return nil }
    members[name]?.heardAt = now
    return Assignment(member: "", generation: generation, partitions: members[name]?.partitions ?? [])
  }

  /// A member leaves. False where it is not known.
  mutating func leave(_ name: String) -> Bool {
    guard members.removeValue(forKey: ExactName(name)) != nil else { return false }
    divide()
    return true
  }

  /// Whether a member takes part.
  func knows(_ name: String) -> Bool { members[ExactName(name)] != nil }

  /// Lets members go that were not heard for long. True where there were any.
  mutating func expire(_ now: Instant) -> Bool {
    let gone = members.filter { now - $0.value.heardAt > $0.value.sessionTimeout }.keys
    guard !gone.isEmpty else { return false }
    for name in gone { members[name] = nil }
    divide()
    return true
  }

  /// Divides each topic's partitions among the members that consume it, by turns in the order of their names.
  private mutating func divide() {
    generation += 1
    let names = members.keys.sorted()
    for name in names { members[name]?.partitions = [] }
    // Of each topic those that consume it, by name; a member may name a topic twice.
    var takersOfTopic: [ExactName: [ExactName]] = [:]
    for name in names {
      for topic in Set((members[name]?.topics ?? []).map { ExactName($0) }) { takersOfTopic[topic, default: []].append(name) }
    }
    var given = 0
    for (number, (topic, takers)) in takersOfTopic.sorted(by: { $0.key < $1.key }).enumerated() {
      for partition in 0..<QueueAPI.partitionCount {
        // Each topic begins with another member, so that many topics spread evenly.
        let taker = takers[(partition + number) % takers.count]
        members[taker]?.partitions.append(TopicPartition(topic: topic.text, partition: partition))
        given += 1
      }
    }
    let held = members.values.reduce(0) { $0 + $1.partitions.count }
    invariant(given == held, "\(given) partitions were divided, and the members have \(held)")
  }
}
