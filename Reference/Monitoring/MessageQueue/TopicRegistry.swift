// What all brokers know alike beside the records: the topics, and how far consumer groups have come. A log of its own
// (group 0) makes it; the byte format of its entries and snapshots is on the page TopicRegistry.md. Requirements:
// MONITORING-8, 10.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

/// A command of the registry.
enum RegistryEntry {
  /// There is a topic of this description from now on, unless there is one of its name; these servers found its groups.
  case topic(TopicDescription, founders: [ServerID])
  /// A group has consumed up to these offsets, by a commit at this time in milliseconds since 1970; 0 where nobody
  /// noted it.
  case offsets(group: String, [GroupOffset], atMilliseconds: Int64)
  /// A broker of this number listens at this address, and may become a member.
  case broker(ServerID, address: String)
  /// These groups were in use at this time, though they need not have committed anything.
  case used([String], atMilliseconds: Int64)
  /// What is known of these groups is forgotten, of those that were not in use since this time; of all where there is
  /// none.
  case forgotten([String], unusedSinceMilliseconds: Int64?)

  /// Most groups that one entry names.
  static let maximumNames = 1_000

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    switch self {
    case .topic(let topic, let founders):
      writer.byte(1)
      topic.write(to: &writer)
      writer.count(founders.count)
      for founder in founders { writer.varint(UInt64(founder.value)) }
    case .offsets(let group, let offsets, let time):
      writer.byte(4)
      writer.varint(UInt64(max(0, time)))
      writer.prefixedString(group)
      TopicRegistry.write(offsets, to: &writer)
    case .broker(let server, let address):
      writer.byte(3)
      writer.varint(UInt64(server.value))
      writer.prefixedString(address)
    case .used(let groups, let time):
      writer.byte(5)
      writer.varint(UInt64(max(0, time)))
      Self.write(groups, to: &writer)
    case .forgotten(let groups, let time):
      writer.byte(6)
      writer.varint(UInt64(max(0, time ?? .max)))
      Self.write(groups, to: &writer)
    }
    return writer.finish()
  }

  private static func write(_ names: [String], to writer: inout ByteWriter) {
    invariant(names.count <= maximumNames, "an entry names \(names.count) groups where \(maximumNames) may be")
    writer.count(names.count)
    for name in names { writer.prefixedString(name) }
  }

  private static func names(from reader: inout ByteReader) throws(ByteError) -> [String] {
    var names: [String] = []
    for _ in 0..<(try reader.count()) { names.append(try reader.prefixedString()) }
    return names
  }

  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    switch try reader.byte() {
    case 1:
      let topic = try TopicDescription(from: &reader)
      var founders: [ServerID] = []
      for _ in 0..<(try reader.count()) { founders.append(ServerID(UInt32(clamping: try reader.varint()))) }
      self = .topic(topic, founders: founders)
    case 2:
      self = .offsets(group: try reader.prefixedString(), try TopicRegistry.offsets(from: &reader), atMilliseconds: 0)
    case 3: self = .broker(ServerID(UInt32(clamping: try reader.varint())), address: try reader.prefixedString(maximumBytes: 256))
    case 4:
      let time: Int64 = try reader.integer()
      self = .offsets(group: try reader.prefixedString(), try TopicRegistry.offsets(from: &reader), atMilliseconds: time)
    case 5:
      let time: Int64 = try reader.integer()
      self = .used(try Self.names(from: &reader), atMilliseconds: time)
    case 6:
      let time: Int64 = try reader.integer()
      self = .forgotten(try Self.names(from: &reader), unusedSinceMilliseconds: time == .max ? nil : time)
    case let kind: throw ByteError(offset: 0, expected: "an entry of kind 1 to 6", found: "kind \(kind)")
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

  /// How far one consumer group has come.
  struct Group: Equatable {
    var offsets: [TopicPartition: Int64] = [:]
    /// When it last committed or was noted to be in use, in milliseconds since 1970 by the leaders' clocks; 0 where
    /// nobody noted it.
    var lastUseMilliseconds: Int64 = 0
  }

  /// Most topics.
  static let maximumTopics = 1_000

  /// Whether a topic of this name may be added. There is always room for the one into which storage puts what it cannot
  /// keep: clients that create topics must not be able to keep acknowledged messages from being stored.
  func hasRoom(for name: String) -> Bool {
    topics.count < Self.maximumTopics || (sameBytes(name, QueueAPI.setAsideTopic) && numbers[ExactName(name)] == nil)
  }
  /// Most consumer groups whose offsets are kept.
  static let maximumGroups = 10_000
  /// Bytes that their offsets may take in a snapshot, about: all of the registry stands in one.
  static let maximumOffsetBytes = 12 << 20

  private(set) var applied = LogIndex.zero
  /// By number; the number decides about the topic's groups of Raft, and is never given again.
  private(set) var topics: [Topic]
  private var numbers: [ExactName: Int] = [:]
  /// The consumer groups of which offsets are kept, by name.
  private(set) var groups: [ExactName: Group] = [:]
  /// What the groups take in a snapshot, about.
  private var offsetBytes = 0
  /// Where brokers listen that were made known while the cluster ran.
  private(set) var addresses: [ServerID: String] = [:]

  /// The registry of a queue that begins with these topics.
  init(_ first: [TopicDescription], founders: [ServerID]) {
    topics = first.map { Topic(description: $0, founders: founders) }
    number()
  }

  private mutating func number() {
    numbers.removeAll()
    for (number, topic) in topics.enumerated() { numbers[ExactName(topic.description.name)] = number }
  }

  /// The number of a topic; nil where there is none of this name.
  func number(of topic: String) -> Int? { numbers[ExactName(topic)] }

  /// How far a group has come, by topic and partition.
  func offsets(of group: ExactName) -> [GroupOffset] {
    (groups[group]?.offsets ?? [:]).map { GroupOffset($0.key, offset: $0.value) }.sorted { $0.partition < $1.partition }
  }

  /// Whether these offsets of a group can be kept.
  func hasRoom(for offsets: [GroupOffset], of group: ExactName) -> Bool {
    guard groups[group] != nil || groups.count < Self.maximumGroups else { return false }
    let known = groups[group]?.offsets ?? [:]
    let more = offsets.reduce(groups[group] == nil ? Self.bytes(group) : 0) {
      known[$1.partition] == nil ? $0 + Self.bytes($1.partition) : $0
    }
    return more == 0 || offsetBytes + more <= Self.maximumOffsetBytes
  }

  /// What a group takes beside its offsets, and what an offset takes: names and numbers.
  private static func bytes(_ group: ExactName) -> Int { group.text.utf8.count + 16 }
  private static func bytes(_ partition: TopicPartition) -> Int { partition.topic.utf8.count + 13 }

  private mutating func keep(_ offsets: [GroupOffset], of group: ExactName) {
    let known = groups.removeValue(forKey: group)
    if known == nil { offsetBytes += Self.bytes(group) }
    var kept = known ?? Group()
    for offset in offsets where kept.offsets.updateValue(offset.offset, forKey: offset.partition) == nil {
      offsetBytes += Self.bytes(offset.partition)
    }
    groups[group] = kept
  }

  private mutating func forget(_ group: ExactName) {
    guard let forgotten = groups.removeValue(forKey: group) else { return }
    offsetBytes -= forgotten.offsets.keys.reduce(Self.bytes(group)) { $0 + Self.bytes($1) }
    invariant(
      offsetBytes >= 0 && (!groups.isEmpty || offsetBytes == 0), "\(offsetBytes) bytes of the offsets of \(groups.count) groups")
  }

  /// Applies an entry.
  mutating func apply(_ entry: LogEntry, at index: LogIndex) throws(ByteError) {
    invariant(index > applied, "the registry's entry of \(index) is applied behind that of \(applied)")
    applied = index
    guard entry.kind == .command else { return }
    switch try RegistryEntry(entry.bytes) {
    case .topic(let description, let founders):
      guard numbers[ExactName(description.name)] == nil, hasRoom(for: description.name) else { return }
      numbers[ExactName(description.name)] = topics.count
      topics.append(Topic(description: description, founders: founders))
      invariant(topics.count <= Self.maximumTopics + 1, "topic \(topics.count) where \(Self.maximumTopics) and one may be")
    case .offsets(let group, let offsets, let time):
      if !offsets.isEmpty { keep(offsets, of: ExactName(group)) }
      note([group], inUseAt: time)
    case .broker(let server, let address): addresses[server] = address
    case .used(let names, let time): note(names, inUseAt: time)
    case .forgotten(let names, let time):
      for name in names.map({ ExactName($0) }) {
        guard let group = groups[name], time.map({ group.lastUseMilliseconds < $0 }) ?? true else { continue }
        forget(name)
      }
    }
  }

  /// Never back: another leader's clock may be behind.
  private mutating func note(_ names: [String], inUseAt time: Int64) {
    for name in names.map({ ExactName($0) }) {
      guard let last = groups[name]?.lastUseMilliseconds else { continue }
      groups[name]?.lastUseMilliseconds = max(last, time)
    }
  }

  // MARK: bytes

  /// What a snapshot holds.
  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    writer.byte(2)
    writer.varint(applied.value)
    writer.count(topics.count)
    for topic in topics {
      topic.description.write(to: &writer)
      writer.count(topic.founders.count)
      for founder in topic.founders { writer.varint(UInt64(founder.value)) }
    }
    writer.count(groups.count)
    for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
      writer.prefixedString(name.text)
      writer.varint(UInt64(group.lastUseMilliseconds))
      Self.write(offsets(of: name), to: &writer)
    }
    writer.count(addresses.count)
    for (server, address) in addresses.sorted(by: { $0.key < $1.key }) {
      writer.varint(UInt64(server.value))
      writer.prefixedString(address)
    }
    return writer.finish()
  }

  /// Reads what `encoded` wrote, also in its first version, which noted no times.
  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard (1...2).contains(version) else {
      throw ByteError(offset: 0, expected: "a registry of version 1 or 2", found: "version \(version)")
    }
    applied = LogIndex(try reader.varint())
    topics = []
    let place = reader.position
    let count = try reader.count()
    guard count <= Self.maximumTopics + 1 else {
      throw ByteError(offset: place, expected: "at most \(Self.maximumTopics + 1) topics", found: "\(count)")
    }
    for _ in 0..<count {
      let description = try TopicDescription(from: &reader)
      var founders: [ServerID] = []
      for _ in 0..<(try reader.count()) { founders.append(ServerID(UInt32(clamping: try reader.varint()))) }
      topics.append(Topic(description: description, founders: founders))
    }
    for _ in 0..<(try reader.count()) {
      let name = ExactName(try reader.prefixedString())
      let time: Int64 = version == 1 ? 0 : try reader.integer()
      keep(try Self.offsets(from: &reader), of: name)
      groups[name]?.lastUseMilliseconds = time
    }
    for _ in 0..<(try reader.count()) {
      let server = ServerID(UInt32(clamping: try reader.varint()))
      addresses[server] = try reader.prefixedString(maximumBytes: 256)
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
