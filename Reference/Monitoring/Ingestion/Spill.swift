// The spill: metrics that ingestion accepted while the queue was away, durable and in order, until the queue has taken them.
//
// Journal records (numbers are LEB128 varints, text and bytes preceded by their length):
//   kind 1, spilled:  byte 01, number (varint), count (varint), then for each record: key (text), value (JSON text as bytes),
//                     producer (text), sequence (varint)
//   kind 2, drained:  byte 02, number up to and including which all is in the queue (varint)
// Once nothing is left the journal is cut off at its end. Fault model: that of the journal; a damaged durable record keeps
// ingestion from starting, since it would lose what was acknowledged. Requirements: MONITORING-5.

import DequeModule
import Durable
import MonitoringAPI
import Vocabulary
import Wire

/// Accepted batches that wait for the queue.
struct Spill {
  /// One accepted request.
  struct Batch {
    var number: UInt64
    var records: [ProduceRecord]
    var bytes: Int
  }

  private var journal: Journal
  /// Oldest first.
  private(set) var batches = Deque<Batch>()
  /// Bytes of the batches that wait.
  private(set) var bytes = 0
  private var nextNumber: UInt64 = 1

  /// Recovers what waits from the disk.
  init(from disk: any Disk) throws(JournalError) {
    var batches = Deque<Batch>()
    var next: UInt64 = 1
    let recovered = try Journal.recover(from: disk, segmentBytes: 4 << 20) { (location, payload) throws(JournalError) in
      do throws(ByteError) {
        var reader = ByteReader(Array(payload))
        switch try reader.byte() {
        case 1:
          let batch = try Self.batch(&reader, bytes: payload.count)
          next = batch.number + 1
          batches.append(batch)
        case 2:
          let drained = try reader.varint()
          while let first = batches.first, first.number <= drained { batches.removeFirst() }
          next = max(next, drained + 1)
        case let kind: throw ByteError(offset: 0, expected: "a record of kind 1 or 2", found: "kind \(kind)")
        }
      } catch {
        throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of the spill: \(error)")
      }
    }
    journal = recovered.journal
    self.batches = batches
    nextNumber = next
    bytes = batches.reduce(0) { $0 + $1.bytes }
  }

  private static func batch(_ reader: inout ByteReader, bytes: Int) throws(ByteError) -> Batch {
    let number = try reader.varint()
    var records: [ProduceRecord] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 4)) {
      let key = try reader.prefixedString(maximumBytes: QueueAPI.maximumKeyBytes)
      let offset = reader.position
      let text = try reader.prefixedBytes()
      guard let value = try? JSON(parsing: text) else { throw ByteError(offset: offset, expected: "JSON text", found: "other bytes") }
      let producer = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
      let sequence = Int64(truncatingIfNeeded: try reader.varint())
      records.append(ProduceRecord(key: key, value: value, identity: ProducerSequence(producer: producer, sequence: sequence)))
    }
    return Batch(number: number, records: records, bytes: bytes)
  }

  /// Writes `records` down behind all that waits. Nothing is kept where it throws.
  mutating func append(_ records: [ProduceRecord], to disk: any Disk) throws(JournalError) {
    var writer = ByteWriter(capacity: 64 + 200 * records.count)
    writer.byte(1)
    writer.varint(nextNumber)
    writer.count(records.count)
    for record in records {
      writer.prefixedString(record.key)
      writer.prefixedBytes((try? record.value.serialized()) ?? [])
      writer.prefixedString(record.identity?.producer ?? "")
      writer.varint(UInt64(bitPattern: record.identity?.sequence ?? 0))
    }
    let payload = writer.finish()
    _ = try journal.append(payload, to: disk)
    batches.append(Batch(number: nextNumber, records: records, bytes: payload.count))
    nextNumber += 1
    bytes += payload.count
  }

  /// Takes note that the queue has all batches up to `number`. What is written here need not be durable: a batch that is drained
  /// again is recognised by the queue.
  mutating func drained(upTo number: UInt64, on disk: any Disk) throws(JournalError) {
    while let first = batches.first, first.number <= number {
      bytes -= first.bytes
      batches.removeFirst()
    }
    var writer = ByteWriter(capacity: 12)
    writer.byte(2)
    writer.varint(number)
    let location = try journal.append(writer.finish(), to: disk)
    if batches.isEmpty {
      try journal.rotate(on: disk)
      try journal.discard(before: location.position, on: disk)
    }
  }
}
