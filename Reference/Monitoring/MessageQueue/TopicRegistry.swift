// What all brokers know alike beside the records: the topics, and how far consumer groups have come. A log of its own (group 0) makes it; the byte
// format of its entries and snapshots is on the page TopicRegistry.md.
// Requirements: MONITORING-8, 10.

import MonitoringAPI
import Raft
import Wire

/// A command of the registry.
enum RegistryEntry {
  /// There is a topic of this description from now on, unless there is one of its name; these servers found its groups.
  case topic(TopicDescription, founders: [ServerID])
  /// A group has consumed up to these offsets.
  case offsets(group: String, [GroupOffset])

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    switch self {
    case .topic(let topic, let founders):
      writer.byte(1)
      topic.write(to: &writer)
      writer.count(founders.count)
      for founder in founders { writer.varint(UInt64(founder.value)) }
    case .offsets(let group, let offsets):
      writer.byte(2)
      writer.prefixedString(group)
      TopicRegistry.write(offsets, to: &writer)
    }
    return writer.finish()
  }

  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    switch try reader.byte() {
    case 1:
      let topic = try TopicDescription(from: &reader)
      var founders: [ServerID] = []
      for _ in 0..<(try reader.count()) { founders.append(ServerID(UInt32(clamping: try reader.varint()))) }
      self = .topic(topic, founders: founders)
    case 2: self = .offsets(group: try reader.prefixedString(), try TopicRegistry.offsets(from: &reader))
    case let kind: throw ByteError(offset: 0, expected: "an entry of kind 1 or 2", found: "kind \(kind)")
    }
    try reader.expectEnd()
  }
}

/// Topics and consumer groups' offsets.
struct TopicRegistry {
  /// One topic.
  struct Topic: Equatable {
    var description: TopicDescription
    var founders: [ServerID]
  }

  /// Most topics.
  static let maximumTopics = 1_000
  /// Most consumer groups whose offsets are kept.
  static let maximumGroups = 10_000

  private(set) var applied = LogIndex.zero
  /// By number; the number decides about the topic's groups of Raft, and is never given again.
  private(set) var topics: [Topic]
  private var numbers: [String: Int] = [:]
  private var committed: [String: [TopicPartition: Int64]] = [:]

  /// The registry of a queue that begins with these topics.
  init(_ first: [TopicDescription], founders: [ServerID]) {
    topics = first.map { Topic(description: $0, founders: founders) }
    number()
  }

  private mutating func number() {
    numbers.removeAll()
    for (number, topic) in topics.enumerated() { numbers[topic.description.name] = number }
  }

  /// The number of a topic; nil where there is none of this name.
  func number(of topic: String) -> Int? { numbers[topic] }

  /// How far a group has come, by topic and partition.
  func offsets(of group: String) -> [GroupOffset] {
    (committed[group] ?? [:]).map { GroupOffset($0.key, offset: $0.value) }.sorted { $0.partition < $1.partition }
  }

  /// Whether offsets of one more group can be kept.
  func hasRoom(for group: String) -> Bool { committed[group] != nil || committed.count < Self.maximumGroups }

  /// Applies an entry.
  mutating func apply(_ entry: LogEntry, at index: LogIndex) throws(ByteError) {
    applied = index
    guard entry.kind == .command else { return }
    switch try RegistryEntry(entry.bytes) {
    case .topic(let description, let founders):
      guard numbers[description.name] == nil, topics.count < Self.maximumTopics else { return }
      numbers[description.name] = topics.count
      topics.append(Topic(description: description, founders: founders))
    case .offsets(let group, let offsets):
      for offset in offsets { committed[group, default: [:]][offset.partition] = offset.offset }
    }
  }

  // MARK: bytes

  /// What a snapshot holds.
  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    writer.byte(1)
    writer.varint(applied.value)
    writer.count(topics.count)
    for topic in topics {
      topic.description.write(to: &writer)
      writer.count(topic.founders.count)
      for founder in topic.founders { writer.varint(UInt64(founder.value)) }
    }
    writer.count(committed.count)
    for group in committed.keys.sorted() {
      writer.prefixedString(group)
      Self.write(offsets(of: group), to: &writer)
    }
    return writer.finish()
  }

  /// Reads what `encoded` wrote.
  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw ByteError(offset: 0, expected: "a registry of version 1", found: "version \(version)") }
    applied = LogIndex(try reader.varint())
    topics = []
    for _ in 0..<(try reader.count()) {
      let description = try TopicDescription(from: &reader)
      var founders: [ServerID] = []
      for _ in 0..<(try reader.count()) { founders.append(ServerID(UInt32(clamping: try reader.varint()))) }
      topics.append(Topic(description: description, founders: founders))
    }
    for _ in 0..<(try reader.count()) {
      let group = try reader.prefixedString()
      for offset in try Self.offsets(from: &reader) { committed[group, default: [:]][offset.partition] = offset.offset }
    }
    try reader.expectEnd()
    number()
  }

  fileprivate static func write(_ offsets: [GroupOffset], to writer: inout ByteWriter) {
    writer.count(offsets.count)
    for offset in offsets {
      writer.prefixedString(offset.partition.topic)
      writer.count(offset.partition.partition)
      writer.varint(UInt64(offset.offset))
    }
  }

  fileprivate static func offsets(from reader: inout ByteReader) throws(ByteError) -> [GroupOffset] {
    var offsets: [GroupOffset] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 3)) {
      let topic = try reader.prefixedString(maximumBytes: QueueAPI.maximumTopicBytes)
      let partition = Int(clamping: try reader.varint())
      offsets.append(GroupOffset(TopicPartition(topic: topic, partition: partition), offset: try reader.integer()))
    }
    return offsets
  }
}

extension TopicDescription {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.prefixedString(name)
    writer.varint(UInt64(retentionBytes))
    writer.varint(UInt64(retentionMilliseconds))
    writer.byte(isCompacted ? 1 : 0)
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      name: try reader.prefixedString(maximumBytes: QueueAPI.maximumTopicBytes), retentionBytes: try reader.integer(),
      retentionMilliseconds: try reader.integer(), isCompacted: try reader.byte() == 1)
  }
}
