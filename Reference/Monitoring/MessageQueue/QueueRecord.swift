// The broker's journal records. The byte format is on the page QueueRecord.md.

import DequeModule
import MonitoringAPI
import Wire

/// One message as it is stored.
struct StoredMessage: Equatable {
  var partition: Int
  var offset: Int64
  var key: String
  /// The value's JSON text.
  var value: [UInt8]
  var identity: ProducerSequence?
}

/// What one record of the broker's journal says.
enum QueueRecord: Equatable {
  /// Messages that came in one request; stored together or not at all.
  case messages([StoredMessage])
  /// What later records build on: each partition's next offset, and what is remembered of producers. Written before older segments are discarded.
  case checkpoint(nextOffsets: [Int64], producers: [ProducerMemory.Entry])

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    switch self {
    case .messages(let messages):
      writer.byte(1)
      writer.count(messages.count)
      for message in messages {
        writer.varint(UInt64(message.partition))
        writer.varint(UInt64(message.offset))
        writer.prefixedString(message.key)
        writer.prefixedBytes(message.value)
        if let identity = message.identity {
          writer.byte(1)
          writer.prefixedString(identity.producer)
          writer.varint(UInt64(identity.sequence))
        } else {
          writer.byte(0)
        }
      }
    case .checkpoint(let nextOffsets, let producers):
      writer.byte(2)
      writer.count(nextOffsets.count)
      for offset in nextOffsets { writer.varint(UInt64(offset)) }
      writer.count(producers.count)
      for producer in producers {
        writer.prefixedString(producer.producer)
        writer.zigzag(producer.greatestForgotten)
        writer.count(producer.runs.count)
        for run in producer.runs {
          writer.varint(UInt64(run.firstSequence))
          writer.varint(UInt64(run.count))
          writer.varint(UInt64(run.place.partition))
          writer.varint(UInt64(run.place.offset))
        }
      }
    }
    return writer.finish()
  }

  init(_ payload: ArraySlice<UInt8>) throws(ByteError) {
    var reader = ByteReader(Array(payload))
    switch try reader.byte() {
    case 1:
      var messages: [StoredMessage] = []
      for _ in 0..<(try reader.count(minimumBytesEach: 5)) {
        let partition = try Self.number(&reader, below: Int64(QueueAPI.partitionCount))
        let offset = try Self.number(&reader, below: .max)
        let key = try reader.prefixedString(maximumBytes: QueueAPI.maximumKeyBytes)
        let value = try reader.prefixedBytes()
        var identity: ProducerSequence?
        if try reader.byte() == 1 {
          let producer = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
          identity = ProducerSequence(producer: producer, sequence: try Self.number(&reader, below: .max))
        }
        messages.append(StoredMessage(partition: Int(partition), offset: offset, key: key, value: value, identity: identity))
      }
      self = .messages(messages)
    case 2:
      var nextOffsets: [Int64] = []
      for _ in 0..<(try reader.count()) { nextOffsets.append(try Self.number(&reader, below: .max)) }
      var producers: [ProducerMemory.Entry] = []
      for _ in 0..<(try reader.count(minimumBytesEach: 3)) {
        let producer = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
        let greatestForgotten = try reader.zigzag()
        var runs: Deque<ProducerMemory.Run> = []
        for _ in 0..<(try reader.count(minimumBytesEach: 4)) {
          let sequence = try Self.number(&reader, below: .max)
          let count = try Self.number(&reader, below: 1 << 40)
          let partition = try Self.number(&reader, below: Int64(QueueAPI.partitionCount))
          let offset = try Self.number(&reader, below: 1 << 62)
          guard count <= Int64.max - sequence else {
            throw ByteError(offset: reader.position, expected: "a run of sequences", found: "\(count)")
          }
          runs.append(
            ProducerMemory.Run(firstSequence: sequence, count: count, place: RecordPlace(partition: Int(partition), offset: offset)))
        }
        producers.append(ProducerMemory.Entry(producer: producer, runs: runs, greatestForgotten: greatestForgotten))
      }
      self = .checkpoint(nextOffsets: nextOffsets, producers: producers)
    case let kind: throw ByteError(offset: 0, expected: "a record of kind 1 or 2", found: "kind \(kind)")
    }
    try reader.expectEnd()
  }

  private static func number(_ reader: inout ByteReader, below bound: Int64) throws(ByteError) -> Int64 {
    let offset = reader.position
    let number = try reader.varint()
    guard let value = Int64(exactly: number), value < bound || bound == .max else {
      throw ByteError(offset: offset, expected: "a number below \(bound)", found: "\(number)")
    }
    return value
  }
}
