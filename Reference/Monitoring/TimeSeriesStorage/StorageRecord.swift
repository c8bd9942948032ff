// What storage writes into its journal. The byte format is on the page StorageRecord.md.
//
// A consumed batch and the offset behind it are one record: after any crash either both are there or neither, so that a
// message is stored once although it may be fetched again. Serves MONITORING-9, 12.

import Wire

/// One record of storage's journal.
enum StorageRecord {
  /// Points out of the queue, and the offset of the partition from which to go on. `skipped` messages among them were
  /// no points.
  case consumed(partition: Int, nextOffset: Int64, skipped: Int, PointBatch)
  /// Points of a client's write.
  case written(PointBatch)
  /// The queue no longer held what was next in a partition: what lies before `nextOffset` is lost.
  case jumped(partition: Int, nextOffset: Int64)

  func encoded() -> [UInt8] {
    switch self {
    case .consumed(let partition, let nextOffset, let skipped, let batch):
      var writer = ByteWriter(capacity: 64 + 20 * batch.rows.count + 128 * batch.series.count)
      writer.byte(1)
      writer.count(partition)
      writer.varint(UInt64(max(0, nextOffset)))
      writer.count(skipped)
      batch.write(to: &writer)
      return writer.finish()
    case .written(let batch):
      var writer = ByteWriter(capacity: 64 + 20 * batch.rows.count + 128 * batch.series.count)
      writer.byte(2)
      batch.write(to: &writer)
      return writer.finish()
    case .jumped(let partition, let nextOffset):
      var writer = ByteWriter(capacity: 24)
      writer.byte(3)
      writer.count(partition)
      writer.varint(UInt64(max(0, nextOffset)))
      return writer.finish()
    }
  }

  init(_ payload: ArraySlice<UInt8>) throws(ByteError) {
    var reader = ByteReader(Array(payload))
    switch try reader.byte() {
    case 1:
      let (partition, nextOffset) = try Self.place(&reader)
      let skipped = try Self.number(&reader)
      self = .consumed(partition: partition, nextOffset: nextOffset, skipped: skipped, try PointBatch(&reader))
    case 2: self = .written(try PointBatch(&reader))
    case 3:
      let (partition, nextOffset) = try Self.place(&reader)
      self = .jumped(partition: partition, nextOffset: nextOffset)
    case let kind: throw ByteError(offset: 0, expected: "a record of kind 1, 2 or 3", found: "kind \(kind)")
    }
    try reader.expectEnd()
  }

  private static func place(_ reader: inout ByteReader) throws(ByteError) -> (partition: Int, nextOffset: Int64) {
    (try number(&reader), Int64(try number(&reader)))
  }

  private static func number(_ reader: inout ByteReader) throws(ByteError) -> Int {
    let offset = reader.position
    guard let number = Int(exactly: try reader.varint()) else {
      throw ByteError(offset: offset, expected: "a number of at most 63 bits", found: "a larger one")
    }
    return number
  }
}
