// Topics and bulk produce of the message queue, for both ends of each exchange (MONITORING-6, 8).
//
// POST /topics {"name"[,"retention_bytes","retention_ms","compacted"]} → 201 with the description; 200 where it was
//     there alike; 409 where otherwise
// GET  /topics →
//     {"topics":[{"name",…,"partitions":[{"partition","first_offset","next_offset"[,"leader"]}][,"full_partitions":[…]]}]}
//     `full_partitions`, of compacted topics: those that are not compacted further; their logs grow. A partition counts
//     as full when the newest records of all keys come near to, or beyond, what a snapshot holds (11 MiB)
// GET  /health →
//     {"status":"up","server","servers":[{"number","reached","silent_ms"}],"groups","groups_led"[,"degraded":["…"]]}:
//     `degraded` says what an operator should look at: a full disk, brokers that are not heard, replicated logs without
//     a leader that this broker knows of, full partitions. 503 with "unavailable" where it reaches no majority of a
//     log's brokers
// GET  /brokers → {"brokers":[{"number"[,"address"]}]}: every broker that is known, with its address where one is
// POST /brokers {"number","address"} makes a broker known to a running cluster; 409 ADDRESS_CONFIGURED where the leader
//     was told another address. This is administration (`Intake.administration`)
// POST /produce?topic&partition[&acks] with record batches → {"partition","stretches":[{"offset","count"}]}

import Vocabulary
import Wire

/// What a topic is set up as.
public struct TopicDescription: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Bytes of the log that each partition retains, counted as they lie in a broker's journal: records, batch headers,
  /// what frames the entries. Older records are discarded beyond. Copies of a part of the journal (RaftRecord.md,
  /// carrying forward) are not counted.
  public var retentionBytes: Int64
  /// How long a record is retained, in milliseconds; 0 for any time.
  public var retentionMilliseconds: Int64
  /// Whether only the newest record of each key is retained. Then nothing is discarded for its size or age. A partition
  /// is not compacted further when the newest records of all keys come near to, or beyond, what a snapshot holds (11
  /// MiB): GET /topics and GET /health tell of it.
  public var isCompacted: Bool

  /// Bytes that a partition retains where nothing is said: 128 MiB.
  public static let defaultRetentionBytes: Int64 = 128 << 20

  /// A topic.
  public init(
    name: String, retentionBytes: Int64 = TopicDescription.defaultRetentionBytes, retentionMilliseconds: Int64 = 0,
    isCompacted: Bool = false
  ) {
    self.name = name
    self.retentionBytes = retentionBytes
    self.retentionMilliseconds = retentionMilliseconds
    self.isCompacted = isCompacted
  }

  /// Reads the body of POST /topics.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["name", "retention_bytes", "retention_ms", "compacted"])
    let name = try document.member("name")
    self.init(name: try name.name(maximumBytes: QueueAPI.maximumTopicBytes))
    guard self.name.utf8.allSatisfy({ QueueAPI.isTopicByte($0) }) else {
      throw name.mismatch("letters, digits, '.', '_' and '-' only", found: "\"\(self.name)\"")
    }
    if let bytes = try document.optionalMember("retention_bytes") { retentionBytes = try bytes.integer(in: 1...(1 << 50)) }
    if let span = try document.optionalMember("retention_ms") { retentionMilliseconds = try span.integer(in: 0...(1 << 50)) }
    if let compacted = try document.optionalMember("compacted") { isCompacted = try compacted.bool() }
  }

  /// Writes the members of the description.
  public func write(to writer: inout JSONWriter) {
    writer.member("name", name)
    writer.member("retention_bytes", retentionBytes)
    writer.member("retention_ms", retentionMilliseconds)
    writer.member("compacted", isCompacted)
  }

  /// The HTTP request that creates it.
  public func request() -> Request {
    .json(.post, "/topics") { writer in
      writer.beginObject()
      write(to: &writer)
      writer.endObject()
    }
  }
}

extension QueueAPI {
  /// Whether a byte may stand in the name of a topic that is created.
  static func isTopicByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// When a produce is answered.
public enum Acknowledgement: String, Sendable, CaseIterable {
  /// Once a majority of the brokers has the records on disk; nothing that was answered so is lost. The answer tells the
  /// offsets.
  case all
  /// Once the leader has them on its own disk (202, without offsets): they are lost where that broker does not come
  /// back.
  case leader
  /// At once (202, without offsets): they may be lost.
  case none
}

/// The query of a produce: where bulk records go, and when to answer.
public struct ProduceTarget: Sendable, Hashable {
  /// The topic of a bulk request; nil where it is not said.
  public var topic: String?
  /// The partition of a bulk request; nil where it is not said.
  public var partition: Int?
  /// When to answer.
  public var acknowledgement: Acknowledgement

  /// Reads the query of POST /produce.
  public init(_ target: HTTPTarget) throws(HTTPTargetError) {
    if target.items.isEmpty {
      (topic, partition, acknowledgement) = (nil, nil, .all)
      return
    }
    try target.onlyItems(["topic", "partition", "acks"])
    topic = try target.item("topic")
    partition = try target.integer("partition", in: 0...Int64(QueueAPI.partitionCount - 1)).map { Int($0) }
    if let word = try target.item("acks") {
      guard let known = Acknowledgement(rawValue: word) else { throw .invalidItem("acks", expected: "all, leader or none") }
      acknowledgement = known
    } else {
      acknowledgement = .all
    }
  }

  /// A bulk request.
  public static func request(topic: String, partition: Int, _ acknowledgement: Acknowledgement = .all, batches: [UInt8]) -> Request {
    Request(
      .post, "/produce?topic=\(topic)&partition=\(partition)&acks=\(acknowledgement.rawValue)",
      headers: ["content-type": RecordBatch.contentType], body: batches)
  }
}

/// Where a broker listens that is made known to a running cluster: the body of POST /brokers.
public struct BrokerAddress: Sendable, Hashable {
  /// Its number.
  public var number: UInt32
  /// Where it listens, for clients and for other brokers: the shortest text of `NodeAddresses`.
  public var address: String

  /// An address.
  public init(number: UInt32, address: String) {
    self.number = number
    self.address = address
  }

  /// Reads the body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["number", "address"])
    number = UInt32(truncatingIfNeeded: try document.member("number").integer(in: 1...65_535))
    let field = try document.member("address")
    let text = try field.name(maximumBytes: 256)
    guard let addresses = NodeAddresses(text) else { throw field.mismatch(NodeAddresses.words, found: "\"\(text)\"") }
    address = "\(addresses)"
  }

  /// The HTTP request.
  public func request() -> Request {
    .json(.post, "/brokers") { writer in
      writer.beginObject()
      writer.member("number", Int64(number))
      writer.member("address", address)
      writer.endObject()
    }
  }
}

/// Records at consecutive offsets.
public struct OffsetStretch: Sendable, Hashable {
  /// The offset of the first.
  public var offset: Int64
  /// How many there are.
  public var count: Int

  /// A stretch.
  public init(offset: Int64, count: Int) {
    self.offset = offset
    self.count = count
  }
}

/// The answer to a bulk produce: where its records lie, in the order of the request.
public struct BulkProduceResponse: Sendable, Hashable {
  /// The partition.
  public var partition: Int
  /// Where they lie; mostly one stretch.
  public var stretches: [OffsetStretch]

  /// An answer.
  public init(partition: Int, stretches: [OffsetStretch]) {
    self.partition = partition
    self.stretches = stretches
  }

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    partition = Int(try document.member("partition").integer(in: 0...65_535))
    stretches = []
    for element in try document.member("stretches").elements(maximum: QueueAPI.maximumRecords) {
      stretches.append(
        OffsetStretch(
          offset: try element.member("offset").integer(in: 0...Int64.max),
          count: Int(try element.member("count").integer(in: 1...Int64(QueueAPI.maximumRecords) * 1_000))))
    }
  }

  /// The HTTP response.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.member("partition", partition)
      writer.name("stretches")
      writer.beginArray()
      for stretch in stretches {
        writer.beginObject()
        writer.member("offset", stretch.offset)
        writer.member("count", stretch.count)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }
}
