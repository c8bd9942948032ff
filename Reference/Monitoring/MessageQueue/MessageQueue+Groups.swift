// Consumer groups at their coordinator, which is the leader of the registry: joining, signs of life, leaving, offsets.
//
// Offsets of a group that has no members and commits nothing expire. Replicas agree about it because the leader's clock
// speaks through entries: each commit carries its time, groups with members are noted to be in use well before their
// time is over, and an entry that forgets a group says since when it must not have been in use. Limit: a leader whose
// wall clock jumps ahead by the retention forgets groups too early. Only offsets are replicated. Who takes part is
// known to the coordinator alone: after a change of leaders members are not known, and join again. A coordinator that
// was replaced and does not know it yet must tell nobody: it would send members of its successor away, and give
// generations that are earlier than theirs. So whatever it tells of a group waits for the proof that it still leads, as
// a read does.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

extension MessageQueue {
  private static func named(_ name: String) throws(RequestProblem) -> ExactName {
    guard (1...256).contains(name.utf8.count), NameRule.control(in: name) == nil else {
      throw RequestProblem(400, code: "INVALID_TARGET", message: "a name of 1 to 256 bytes without control characters", field: "group")
    }
    return ExactName(name)
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
    tell(exchange, request, assignment.response(201), turn.now)
  }

  mutating func heartbeat(
    _ exchange: ExchangeID, _ group: String, _ member: String, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let group = try Self.named(group)
    _ = try request.decoded(HeartbeatRequest.init(_:))
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    let assignment = consumerGroups[group]?.heard(member, turn.now)
    tell(exchange, request, assignment?.response(200) ?? Self.unknownMember, turn.now)
  }

  mutating func leave(
    _ exchange: ExchangeID, _ group: String, _ member: String, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let group = try Self.named(group)
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    let isKnown = consumerGroups[group]?.leave(member) == true
    forgetIfEmpty(group)
    tell(exchange, request, isKnown ? Response(status: 204) : Self.unknownMember, turn.now)
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
        return tell(exchange, request, Self.unknownMember, turn.now)
      }
      guard commit.generation == known.generation || isForAnyone else {
        let message = "the partitions were divided anew: generation \(known.generation) counts"
        return tell(exchange, request, .failure(409, code: "STALE_GENERATION", message: message, field: "generation"), turn.now)
      }
      _ = consumerGroups[group]?.heard(member, turn.now)
    }
    guard registry.hasRoom(for: commit.offsets, of: group) else {
      throw RequestProblem(
        503, code: "TOO_MANY_GROUPS",
        message:
          "no more offsets can be kept: \(TopicRegistry.maximumGroups) groups, or \(TopicRegistry.maximumOffsetBytes >> 20) MiB of all groups"
      )
    }
    propose(
      .offsets(group: group.text, commit.offsets, atMilliseconds: turn.wallClock.milliseconds), .offsets(exchange), exchange, &turn)
  }

  mutating func offsets(_ exchange: ExchangeID, _ group: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let group = try Self.named(group)
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    ask(Self.registryGroup, .offsets(group: group), exchange, request, turn.now)
  }

  /// Answers once it is known that this broker still coordinates the groups.
  private mutating func tell(_ exchange: ExchangeID, _ request: Request, _ response: Response, _ now: Instant) {
    ask(Self.registryGroup, .coordination(response), exchange, request, now)
  }

  // MARK: all groups

  mutating func listGroups(
    _ exchange: ExchangeID, _ target: HTTPTarget, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let wanted: GroupListRequest
    do throws(HTTPTargetError) { wanted = try GroupListRequest(target) } catch { throw RequestProblem(error) }
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    ask(Self.registryGroup, .groups(wanted), exchange, request, turn.now)
  }

  /// The page that was asked for, by name.
  func groupList(_ wanted: GroupListRequest) -> GroupList {
    let names = Set(registry.groups.keys).union(consumerGroups.keys).filter { name in wanted.after.map { ExactName($0) < name } ?? true }
      .sorted()
    let page = names.prefix(wanted.count).map { name in
      GroupSummary(
        group: name.text, members: consumerGroups[name]?.memberCount ?? 0, partitions: registry.groups[name]?.offsets.count ?? 0)
    }
    return GroupList(groups: Array(page), next: names.count > page.count ? page.last?.group : nil)
  }

  mutating func deleteGroup(_ exchange: ExchangeID, _ group: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let group = try Self.named(group)
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    ask(Self.registryGroup, .deletion(group: group), exchange, request, turn.now)
  }

  /// The leader has applied all that was committed when the request came.
  mutating func delete(_ group: ExactName, _ exchange: ExchangeID, _ turn: inout Turn) {
    if let members = consumerGroups[group]?.memberCount {
      let refusal = Response.failure(409, code: "GROUP_NOT_EMPTY", message: "the group has \(members) members", field: "group")
      return turn.reply(exchange, refusal, .immediately)
    }
    guard registry.groups[group] != nil else {
      return turn.reply(
        exchange, .failure(404, code: "UNKNOWN_GROUP", message: "there is no group of this name", field: "group"), .immediately)
    }
    propose(.forgotten([group.text], unusedSinceMilliseconds: nil), .deletion(exchange), exchange, &turn)
  }

  /// Notes which groups are in use, and forgets those that were not for too long. A bounded number at a time.
  mutating func keepGroupsUp(_ turn: inout Turn) {
    let retention = configuration.groupRetention.milliseconds
    guard retention > 0, turn.now >= groupUpkeepAt, server.isLeader(of: Self.registryGroup) else { return }
    groupUpkeepAt = turn.now + configuration.groupUpkeepInterval
    let now = turn.wallClock.milliseconds
    var (used, unused): ([String], [String]) = ([], [])
    for (name, group) in registry.groups.sorted(by: { $0.key < $1.key }) {
      let age = now - group.lastUseMilliseconds
      let isInUse = consumerGroups[name] != nil && !turn.planted.contains(.queueExpiresOffsetsInUse)
      if isInUse || group.lastUseMilliseconds == 0 {
        // Long before its time is over: another coordinator does not know at first who takes part.
        if age >= retention / 8 { used.append(name.text) }
      } else if age > retention {
        unused.append(name.text)
      }
    }
    let entries: [RegistryEntry] = [
      .used(Array(used.prefix(RegistryEntry.maximumNames)), atMilliseconds: now),
      .forgotten(Array(unused.prefix(RegistryEntry.maximumNames)), unusedSinceMilliseconds: now - retention),
    ]
    for (entry, names) in zip(entries, [used, unused]) where !names.isEmpty {
      do throws(ProposalRefusal) {
        let position = try server.propose(entry.encoded(), to: Self.registryGroup, turn.disk)
        proceed(at: position, of: Self.registryGroup, with: .upkeep)
      } catch {
        return  // The next time.
      }
    }
  }

  // MARK: members that are silent

  /// Lets silent members go.
  mutating func expireMembers(_ now: Instant) {
    for group in consumerGroups.keys.sorted() {
      _ = consumerGroups[group]?.expire(now)
      forgetIfEmpty(group)
    }
  }

  private mutating func forgetIfEmpty(_ group: ExactName) {
    guard let found = consumerGroups[group], found.isEmpty else { return }
    lastGeneration = max(lastGeneration, found.generation)
    consumerGroups[group] = nil
  }
}
