// Consumer groups of the message queue, for both ends of each exchange (MONITORING-7).
//
// POST   /groups/{group}/members {"topics":[…][,"session_timeout_ms"]} → 201
//     {"member","generation","assignment":[{"topic","partition"}]}
// POST   /groups/{group}/members/{member}/heartbeat {"generation"} → 200 {"generation","assignment"} ; 404
//     UNKNOWN_MEMBER: join again
// DELETE /groups/{group}/members/{member} → 204
// POST   /groups/{group}/offsets {"member","generation","offsets":[{"topic","partition","offset"}]} → 200 ; 409
//     STALE_GENERATION
// GET    /groups/{group}/offsets → 200 {"offsets":[…]}
// GET    /groups[?after][&count] → 200 {"groups":[{"group","members","partitions"}][,"next"]}: by name, behind `after`;
//     `next` is the `after` of the next page
// DELETE /groups/{group} → 204, its offsets are forgotten; 404 UNKNOWN_GROUP; 409 GROUP_NOT_EMPTY while it has members
// Offsets of a group that has no members and commits nothing are forgotten after seven days. An offset is the next one
// to consume. A group whose consumers commit only what they have done is delivered everything at least once.

import Vocabulary
import Wire

/// One partition of one topic.
public struct TopicPartition: Sendable, Hashable, Comparable {
  /// The topic.
  public var topic: String
  /// The partition, from 0.
  public var partition: Int

  /// A partition.
  public init(topic: String, partition: Int) {
    self.topic = topic
    self.partition = partition
  }

  public static func < (left: TopicPartition, right: TopicPartition) -> Bool {
    sameBytes(left.topic, right.topic) ? left.partition < right.partition : ExactName(left.topic) < ExactName(right.topic)
  }

  public static func == (left: TopicPartition, right: TopicPartition) -> Bool {
    left.partition == right.partition && sameBytes(left.topic, right.topic)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(ExactName(topic))
    hasher.combine(partition)
  }

  init(_ field: JSONField) throws(FieldMistake) {
    topic = try field.member("topic").name(maximumBytes: QueueAPI.maximumTopicBytes)
    partition = Int(try field.member("partition").integer(in: 0...Int64(QueueAPI.partitionCount - 1)))
  }

  func write(to writer: inout JSONWriter) {
    writer.member("topic", topic)
    writer.member("partition", partition)
  }
}

/// How far a group has come in one partition.
public struct GroupOffset: Sendable, Hashable {
  /// Where.
  public var partition: TopicPartition
  /// The next offset to consume.
  public var offset: Int64

  /// A place.
  public init(_ partition: TopicPartition, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }
}

/// A consumer that wants to take part.
public struct JoinRequest: Sendable, Hashable {
  /// The topics that it consumes.
  public var topics: [String]
  /// Silence after which it is taken for gone.
  public var sessionTimeout: TimeSpan

  /// A request.
  public init(topics: [String], sessionTimeout: TimeSpan = .seconds(10)) {
    self.topics = topics
    self.sessionTimeout = sessionTimeout
  }

  /// Reads the body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["topics", "session_timeout_ms"])
    topics = []
    for element in try document.member("topics").elements(maximum: 100, minimum: 1) {
      topics.append(try element.name(maximumBytes: QueueAPI.maximumTopicBytes))
    }
    sessionTimeout = .milliseconds(try document.optionalMember("session_timeout_ms")?.integer(in: 100...3_600_000) ?? 10_000)
  }

  /// The HTTP request.
  public func request(group: String) -> Request {
    .json(.post, "/groups/\(group)/members") { writer in
      writer.beginObject()
      writer.name("topics")
      writer.beginArray()
      for topic in topics { writer.value(topic) }
      writer.endArray()
      writer.member("session_timeout_ms", sessionTimeout.milliseconds)
      writer.endObject()
    }
  }
}

/// What a member of a group is told.
public struct Assignment: Sendable, Hashable {
  /// The member's name, as the queue gave it; empty in an answer to a heartbeat.
  public var member: String
  /// Which division of the partitions this is; they rise.
  public var generation: Int64
  /// What the member consumes.
  public var partitions: [TopicPartition]

  /// An assignment.
  public init(member: String, generation: Int64, partitions: [TopicPartition]) {
    self.member = member
    self.generation = generation
    self.partitions = partitions
  }

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    member = try document.optionalMember("member")?.string(maximumBytes: 256) ?? ""
    generation = try document.member("generation").integer(in: 0...Int64.max)
    partitions = []
    for element in try document.member("assignment").elements(maximum: 100_000) { partitions.append(try TopicPartition(element)) }
  }

  /// The HTTP response.
  public func response(_ status: Int) -> Response {
    .json(status) { writer in
      writer.beginObject()
      if !member.isEmpty { writer.member("member", member) }
      writer.member("generation", generation)
      writer.name("assignment")
      writer.beginArray()
      for partition in partitions {
        writer.beginObject()
        partition.write(to: &writer)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }
}

/// A sign of life.
public struct HeartbeatRequest: Sendable, Hashable {
  /// The division that the member works by.
  public var generation: Int64

  /// A sign of life.
  public init(generation: Int64) { self.generation = generation }

  /// Reads the body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["generation"])
    generation = try document.member("generation").integer(in: 0...Int64.max)
  }

  /// The HTTP request.
  public func request(group: String, member: String) -> Request {
    .json(.post, "/groups/\(group)/members/\(member)/heartbeat") { writer in
      writer.beginObject()
      writer.member("generation", generation)
      writer.endObject()
    }
  }
}

/// How far a member has come.
public struct CommitRequest: Sendable, Hashable {
  /// The member; nil for a consumer outside of any division.
  public var member: String?
  /// The division that it works by.
  public var generation: Int64
  /// How far it has come.
  public var offsets: [GroupOffset]

  /// A request.
  public init(member: String?, generation: Int64, offsets: [GroupOffset]) {
    self.member = member
    self.generation = generation
    self.offsets = offsets
  }

  /// Reads the body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["member", "generation", "offsets"])
    member = try document.optionalMember("member")?.string(maximumBytes: 256, minimumBytes: 1)
    generation = try document.optionalMember("generation")?.integer(in: 0...Int64.max) ?? 0
    if member != nil { _ = try document.member("generation") }
    offsets = []
    for element in try document.member("offsets").elements(maximum: QueueAPI.maximumRecords, minimum: 1) {
      try element.onlyMembers(["topic", "partition", "offset"])
      offsets.append(GroupOffset(try TopicPartition(element), offset: try element.member("offset").integer(in: 0...Int64.max)))
    }
  }

  /// The HTTP request.
  public func request(group: String) -> Request {
    .json(.post, "/groups/\(group)/offsets") { writer in
      writer.beginObject()
      if let member {
        writer.member("member", member)
        writer.member("generation", generation)
      }
      writer.groupOffsets(offsets)
      writer.endObject()
    }
  }
}

/// Which groups are asked for.
public struct GroupListRequest: Sendable, Hashable {
  /// Those behind this name, in the order of names; nil from the first on.
  public var after: String?
  /// How many at most.
  public var count: Int

  /// Most groups in one answer.
  public static let maximumCount = 1_000

  /// A request.
  public init(after: String? = nil, count: Int = 100) {
    self.after = after
    self.count = count
  }

  /// Reads the query of GET /groups.
  public init(_ target: HTTPTarget) throws(HTTPTargetError) {
    try target.onlyItems(["after", "count"])
    after = try target.item("after")
    count = Int(try target.integer("count", in: 1...Int64(Self.maximumCount)) ?? 100)
  }
}

/// One group in a list.
public struct GroupSummary: Sendable, Hashable {
  /// Its name.
  public var group: String
  /// How many take part.
  public var members: Int
  /// Of how many partitions it has committed an offset.
  public var partitions: Int

  /// A group.
  public init(group: String, members: Int, partitions: Int) {
    self.group = group
    self.members = members
    self.partitions = partitions
  }
}

/// A page of the list of groups.
public struct GroupList: Sendable, Hashable {
  /// By name: those that have members, or of which offsets are kept.
  public var groups: [GroupSummary]
  /// The name behind which the next page begins; nil where there is none.
  public var next: String?

  /// A page.
  public init(groups: [GroupSummary], next: String?) {
    self.groups = groups
    self.next = next
  }

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    groups = []
    for element in try document.member("groups").elements(maximum: GroupListRequest.maximumCount) {
      groups.append(
        GroupSummary(
          group: try element.member("group").string(maximumBytes: 256),
          members: Int(try element.member("members").integer(in: 0...1_000_000)),
          partitions: Int(try element.member("partitions").integer(in: 0...1_000_000))))
    }
    next = try document.optionalMember("next")?.string(maximumBytes: 256)
  }

  /// The HTTP response.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("groups")
      writer.beginArray()
      for group in groups {
        writer.beginObject()
        writer.member("group", group.group)
        writer.member("members", group.members)
        writer.member("partitions", group.partitions)
        writer.endObject()
      }
      writer.endArray()
      if let next { writer.member("next", next) }
      writer.endObject()
    }
  }
}

/// How far a group has come.
public struct GroupOffsets: Sendable, Hashable {
  /// By topic and partition; those where nothing was committed are not there.
  public var offsets: [GroupOffset]

  /// An answer.
  public init(_ offsets: [GroupOffset]) { self.offsets = offsets }

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    offsets = []
    for element in try document.member("offsets").elements(maximum: 1_000_000) {
      offsets.append(GroupOffset(try TopicPartition(element), offset: try element.member("offset").integer(in: 0...Int64.max)))
    }
  }

  /// The HTTP response.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.groupOffsets(offsets)
      writer.endObject()
    }
  }
}

extension JSONWriter {
  fileprivate mutating func groupOffsets(_ offsets: [GroupOffset]) {
    name("offsets")
    beginArray()
    for offset in offsets {
      beginObject()
      offset.partition.write(to: &self)
      member("offset", offset.offset)
      endObject()
    }
    endArray()
  }
}
