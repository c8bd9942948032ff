// Consumer groups at their coordinator, which is the leader of the registry: joining, signs of life, leaving, offsets.
//
// Only offsets are replicated. Who takes part is known to the coordinator alone: after a change of leaders members are not known, and join again. A
// coordinator that was replaced and does not know it yet must tell nobody: it would send members of its successor away, and give generations that are
// earlier than theirs. So whatever it tells of a group waits for the proof that it still leads, as a read does.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

extension MessageQueue {
  private static func named(_ name: String) throws(RequestProblem) -> String {
    guard (1...256).contains(name.utf8.count), NameRule.control(in: name) == nil else {
      throw RequestProblem(400, code: "INVALID_TARGET", message: "a name of 1 to 256 bytes without control characters", field: "group")
    }
    return name
  }

  private static let unknownMember = Response.failure(
    404, code: "UNKNOWN_MEMBER", message: "the group does not know this member (any more); join again", field: "member")

  mutating func join(_ exchange: ExchangeID, _ group: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let group = try Self.named(group)
    let join = try request.decoded(JoinRequest.init(_:))
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    for topic in join.topics where registry.number(of: topic) == nil {
      throw RequestProblem(404, code: "UNKNOWN_TOPIC", message: "there is no topic \(topic)", field: "topics")
    }
    guard consumerGroups[group] != nil || consumerGroups.count < TopicRegistry.maximumGroups, consumerGroups[group]?.hasRoom != false else {
      throw RequestProblem(503, code: "TOO_MANY_MEMBERS", message: "too many groups, or members of this one")
    }
    let member = "consumer-\(String(turn.random.next(), radix: 16))"
    let term = server.group(Self.registryGroup)?.term ?? .zero
    let assignment = consumerGroups[group, default: ConsumerGroup(term: term, last: lastGeneration)].join(member, join, turn.now)
    tell(exchange, assignment.response(201), turn.now)
  }

  mutating func heartbeat(
    _ exchange: ExchangeID, _ group: String, _ member: String, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let group = try Self.named(group)
    _ = try request.decoded(HeartbeatRequest.init(_:))
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    let assignment = consumerGroups[group]?.heard(member, turn.now)
    tell(exchange, assignment?.response(200) ?? Self.unknownMember, turn.now)
  }

  mutating func leave(
    _ exchange: ExchangeID, _ group: String, _ member: String, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let group = try Self.named(group)
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    let isKnown = consumerGroups[group]?.leave(member) == true
    forgetIfEmpty(group)
    tell(exchange, isKnown ? Response(status: 204) : Self.unknownMember, turn.now)
  }

  mutating func commitOffsets(_ exchange: ExchangeID, _ group: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let group = try Self.named(group)
    let commit = try request.decoded(CommitRequest.init(_:))
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    for (place, offset) in commit.offsets.enumerated() where registry.number(of: offset.partition.topic) == nil {
      throw RequestProblem(
        404, code: "UNKNOWN_TOPIC", message: "there is no topic \(offset.partition.topic)", field: "offsets[\(place)].topic")
    }
    if let member = commit.member {
      let isForAnyone = turn.planted.contains(.queueCommitsForAnyone)
      guard let known = consumerGroups[group], known.knows(member) || isForAnyone else {
        return tell(exchange, Self.unknownMember, turn.now)
      }
      guard commit.generation == known.generation || isForAnyone else {
        let message = "the partitions were divided anew: generation \(known.generation) counts"
        return tell(exchange, .failure(409, code: "STALE_GENERATION", message: message, field: "generation"), turn.now)
      }
      _ = consumerGroups[group]?.heard(member, turn.now)
    }
    guard registry.hasRoom(for: group) else {
      throw RequestProblem(503, code: "TOO_MANY_GROUPS", message: "offsets of \(TopicRegistry.maximumGroups) groups are kept already")
    }
    propose(.offsets(group: group, commit.offsets), .offsets(exchange), exchange, &turn)
  }

  mutating func offsets(_ exchange: ExchangeID, _ group: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let group = try Self.named(group)
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    ask(Self.registryGroup, .offsets(exchange, group: group), turn.now)
  }

  /// Answers once it is known that this broker still coordinates the groups.
  private mutating func tell(_ exchange: ExchangeID, _ response: Response, _ now: Instant) {
    ask(Self.registryGroup, .coordination(exchange, response), now)
  }

  /// Lets silent members go.
  mutating func expireMembers(_ now: Instant) {
    for group in consumerGroups.keys.sorted() {
      _ = consumerGroups[group]?.expire(now)
      forgetIfEmpty(group)
    }
  }

  private mutating func forgetIfEmpty(_ group: String) {
    guard let found = consumerGroups[group], found.isEmpty else { return }
    lastGeneration = max(lastGeneration, found.generation)
    consumerGroups[group] = nil
  }
}
