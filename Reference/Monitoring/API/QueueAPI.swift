// The message queue's JSON shapes, for both ends of each exchange (MONITORING-6, 7).
//
// POST /produce  {"topic","key","value"[,"producer","sequence"[,"epoch"]]} → {"partition","offset"}
// POST /produce  {"topic","records":[{"key","value"[,"producer","sequence"[,"epoch"]]}]} →
//     {"results":[{"partition","offset"}]}
// GET  /consume?partition&offset&count[&topic][&wait] → {"messages":[{"offset","key","value"}],"next_offset"}
// `producer` and `sequence` go together: a record with a pair that was stored before is not stored again, and is
// answered with the place where it lies; a greater `epoch` of a producer fences its smaller ones off (409 FENCED). A
// `key` of null is no key: such records are spread over the partitions (a repetition with its producer and sequence
// goes where the first one went), and a compacted topic takes none. `wait` is the longest wait for a first message, in
// milliseconds.

import Vocabulary
import Wire

/// Names and limits of the queue's API.
public enum QueueAPI {
  /// The topic that metrics take.
  public static let inboundTopic = "metrics.inbound"
  /// Longest name of a topic in bytes.
  public static let maximumTopicBytes = 256
  /// The topic to which storage hands what it cannot keep of `inboundTopic`.
  public static let setAsideTopic = "metrics.set-aside"
  /// Partitions of a topic (MONITORING-8).
  public static let partitionCount = 12
  /// Longest key in bytes.
  public static let maximumKeyBytes = 1_024
  /// Longest body of a request in bytes. Whoever hands records over puts no more into one request.
  public static let maximumBodyBytes = 8 << 20
  /// Longest value in bytes, as JSON.
  public static let maximumValueBytes = 1 << 20
  /// Longest producer name in bytes.
  public static let maximumProducerBytes = 512
  /// Most records in one request.
  public static let maximumRecords = 10_000
  /// Most messages in one answer.
  public static let maximumCount = 10_000
  /// Longest wait of a long poll in milliseconds.
  public static let maximumWaitMilliseconds: Int64 = 30_000

  /// The member `key` of a record or a message, which must be there; null is no key.
  static func key(_ field: JSONField) throws(FieldMistake) -> String? {
    let key = try field.nullableMember("key")
    if case .null = key.value { return nil }
    return try key.string(maximumBytes: maximumKeyBytes)
  }
}

/// One record to be stored.
public struct ProduceRecord: Sendable, Equatable {
  /// Messages with equal keys lie in one partition, in order; those without a key are spread over all.
  public var key: String?
  /// Any JSON value.
  public var value: JSON
  /// Who sends it and as which of its own messages; nil where a repetition must not be recognised.
  public var identity: ProducerSequence?

  /// A record.
  public init(key: String?, value: JSON, identity: ProducerSequence? = nil) {
    self.key = key
    self.value = value
    self.identity = identity
  }

  func write(to writer: inout JSONWriter) {
    if let key { writer.member("key", key) } else { writer.member("key", JSON.null) }
    writer.member("value", value)
    if let identity {
      writer.member("producer", identity.producer)
      writer.member("sequence", identity.sequence)
      if identity.epoch != 0 { writer.member("epoch", identity.epoch) }
    }
  }
}

/// A producer's own number for one of its messages.
public struct ProducerSequence: Sendable, Hashable {
  /// The producer.
  public var producer: String
  /// Its number for the message, from 0.
  public var sequence: Int64
  /// Which incarnation of the producer speaks: a greater one fences the smaller ones off.
  public var epoch: Int64

  /// A producer's number.
  public init(producer: String, sequence: Int64, epoch: Int64 = 0) {
    self.producer = producer
    self.sequence = sequence
    self.epoch = epoch
  }

  public static func == (left: ProducerSequence, right: ProducerSequence) -> Bool {
    left.sequence == right.sequence && left.epoch == right.epoch && sameBytes(left.producer, right.producer)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(ExactName(producer))
    hasher.combine(sequence)
    hasher.combine(epoch)
  }
}

/// A request to store records.
public struct ProduceRequest: Sendable, Equatable {
  /// The topic.
  public var topic: String
  /// The records, in order.
  public var records: [ProduceRecord]
  /// Whether the request had the form with `records`, which decides about the form of the answer.
  public var isBatch: Bool

  /// A request with the form of a batch.
  public init(topic: String, records: [ProduceRecord]) {
    self.topic = topic
    self.records = records
    isBatch = true
  }

  /// Reads either form.
  public init(_ document: JSONField) throws(FieldMistake) {
    topic = try document.member("topic").name(maximumBytes: QueueAPI.maximumTopicBytes)
    if let list = try document.optionalMember("records") {
      try document.onlyMembers(["topic", "records"])
      isBatch = true
      records = []
      for element in try list.elements(maximum: QueueAPI.maximumRecords, minimum: 1) {
        try element.onlyMembers(["key", "value", "producer", "sequence", "epoch"])
        records.append(try Self.record(element))
      }
    } else {
      try document.onlyMembers(["topic", "key", "value", "producer", "sequence", "epoch", "records"])
      isBatch = false
      records = [try Self.record(document)]
    }
  }

  private static func record(_ field: JSONField) throws(FieldMistake) -> ProduceRecord {
    var identity: ProducerSequence?
    if let producer = try field.optionalMember("producer") {
      identity = ProducerSequence(
        producer: try producer.string(maximumBytes: QueueAPI.maximumProducerBytes, minimumBytes: 1),
        sequence: try field.member("sequence").integer(in: 0...Int64.max),
        epoch: try field.optionalMember("epoch")?.integer(in: 0...Int64.max) ?? 0)
    } else if let epoch = try field.optionalMember("epoch") {
      throw epoch.mismatch("an epoch only together with \"producer\"")
    } else if let sequence = try field.optionalMember("sequence") {
      throw sequence.mismatch("a sequence only together with \"producer\"")
    }
    return ProduceRecord(
      key: try QueueAPI.key(field), value: try field.nullableMember("value").value,
      identity: identity)
  }

  /// The HTTP request with the form of a batch.
  public func request() -> Request {
    var writer = JSONWriter(capacity: 128 + 160 * records.count)
    writer.beginObject()
    writer.member("topic", topic)
    writer.name("records")
    writer.beginArray()
    for record in records {
      writer.beginObject()
      record.write(to: &writer)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    // Values came from parsed JSON, which has a form for all that it holds.
    let body = (try? writer.finish()) ?? []
    return Request(.post, "/produce", headers: ["content-type": "application/json"], body: body)
  }
}

/// Where a record lies.
public struct RecordPlace: Sendable, Hashable {
  /// The partition, from 0.
  public var partition: Int
  /// The place in it, from 0, dense.
  public var offset: Int64

  /// A place.
  public init(partition: Int, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }

  init(_ field: JSONField) throws(FieldMistake) {
    partition = Int(try field.member("partition").integer(in: 0...65_535))
    offset = try field.member("offset").integer(in: 0...Int64.max)
  }

  func write(to writer: inout JSONWriter) {
    writer.member("partition", partition)
    writer.member("offset", offset)
  }
}

/// The answer to a produce request.
public struct ProduceResponse: Sendable, Equatable {
  /// Where each record lies, in the order of the request.
  public var places: [RecordPlace]
  /// Whether the answer has the form with `results`.
  public var isBatch: Bool

  /// An answer.
  public init(places: [RecordPlace], isBatch: Bool) {
    self.places = places
    self.isBatch = isBatch
  }

  /// Reads either form.
  public init(_ document: JSONField) throws(FieldMistake) {
    if let results = try document.optionalMember("results") {
      isBatch = true
      places = []
      for element in try results.elements(maximum: QueueAPI.maximumRecords) { places.append(try RecordPlace(element)) }
    } else {
      isBatch = false
      places = [try RecordPlace(document)]
    }
  }

  /// The HTTP response.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      if isBatch {
        writer.name("results")
        writer.beginArray()
        for place in places {
          writer.beginObject()
          place.write(to: &writer)
          writer.endObject()
        }
        writer.endArray()
      } else if let place = places.first {
        place.write(to: &writer)
      }
      writer.endObject()
    }
  }
}

/// A request for messages.
public struct ConsumeRequest: Sendable, Hashable {
  /// The topic.
  public var topic: String
  /// The partition.
  public var partition: Int
  /// The first offset wanted.
  public var offset: Int64
  /// Most messages wanted.
  public var count: Int
  /// The longest wait for a first message, in milliseconds; 0 answers at once.
  public var waitMilliseconds: Int64

  /// A request.
  public init(topic: String = QueueAPI.inboundTopic, partition: Int, offset: Int64, count: Int, waitMilliseconds: Int64 = 0) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.count = count
    self.waitMilliseconds = waitMilliseconds
  }

  /// Reads the query of a target.
  public init(_ target: HTTPTarget) throws(HTTPTargetError) {
    try target.onlyItems(["topic", "partition", "offset", "count", "wait"])
    topic = try target.item("topic") ?? QueueAPI.inboundTopic
    if NameRule.control(in: topic) != nil { throw .invalidItem("topic", expected: NameRule.words) }
    _ = try target.requiredItem("partition")
    _ = try target.requiredItem("offset")
    partition = Int(try target.integer("partition", in: 0...Int64(QueueAPI.partitionCount - 1)) ?? 0)
    offset = try target.integer("offset", in: 0...Int64.max) ?? 0
    count = Int(try target.integer("count", in: 1...Int64(QueueAPI.maximumCount)) ?? 100)
    waitMilliseconds = try target.integer("wait", in: 0...QueueAPI.maximumWaitMilliseconds) ?? 0
  }

  /// The HTTP request. The topic must be one of ours, of unreserved characters.
  public func request() -> Request {
    Request(.get, "/consume?topic=\(topic)&partition=\(partition)&offset=\(offset)&count=\(count)&wait=\(waitMilliseconds)")
  }
}

/// One message of an answer.
public struct ConsumedMessage: Sendable, Equatable {
  /// Its place in the partition.
  public var offset: Int64
  /// Its key; nil where it has none.
  public var key: String?
  /// Its value; where it is bytes that are no JSON, an object whose member `value_base64` holds them.
  public var value: JSON

  /// A message.
  public init(offset: Int64, key: String?, value: JSON) {
    self.offset = offset
    self.key = key
    self.value = value
  }
}

/// The answer to a consume request.
public struct ConsumeResponse: Sendable, Equatable {
  /// The messages, by rising offset.
  public var messages: [ConsumedMessage]
  /// The offset to ask for next.
  public var nextOffset: Int64

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    messages = []
    for element in try document.member("messages").elements(maximum: QueueAPI.maximumCount) {
      // A value may be any JSON, `null` too, or other bytes: one that is no point must be seen as a message, so that it
      // can be passed over.
      let value: JSON
      if let bytes = try element.optionalMember("value_base64") {
        value = .object([JSON.Member("value_base64", bytes.value)])
      } else {
        value = try element.nullableMember("value").value
      }
      let offset = try element.member("offset").integer(in: 0...Int64.max)
      messages.append(ConsumedMessage(offset: offset, key: try QueueAPI.key(element), value: value))
    }
    nextOffset = try document.member("next_offset").integer(in: 0...Int64.max)
  }
}

/// The answer to a consume request whose offset is no longer held (410, code `OFFSET_NOT_RETAINED`).
public struct OffsetNotRetained: Sendable, Equatable {
  /// The first offset that is held.
  public var firstOffset: Int64

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    firstOffset = try document.member("error").member("first_offset").integer(in: 0...Int64.max)
  }
}
