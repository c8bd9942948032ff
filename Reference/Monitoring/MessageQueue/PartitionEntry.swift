// What an entry of a partition's log says. The byte format is on the page PartitionEntry.md.

import MonitoringAPI
import Wire

/// A command of a partition.
enum PartitionEntry {
  /// Batches that came in one request, taken at a time in milliseconds since 1970; the first begins at `firstBatch` of
  /// the entry's bytes.
  case batches(timestampMilliseconds: Int64, firstBatch: Int)
  /// What lies before this offset is given up.
  case trim(before: Int64)

  /// Bytes of an entry before its first batch.
  static let batchesPrefixBytes = 9

  /// How an entry of batches begins; the batches follow.
  static func prefix(timestampMilliseconds: Int64, capacity: Int) -> [UInt8] {
    var writer = ByteWriter(capacity: batchesPrefixBytes + capacity)
    writer.byte(1)
    writer.fixed(timestampMilliseconds)
    return writer.finish()
  }

  /// The bytes of a trim.
  static func trim(_ offset: Int64) -> [UInt8] {
    var writer = ByteWriter(capacity: 11)
    writer.byte(2)
    writer.varint(UInt64(offset))
    return writer.finish()
  }

  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    switch try reader.byte() {
    case 1: self = .batches(timestampMilliseconds: try reader.fixed(Int64.self), firstBatch: reader.position)
    case 2:
      self = .trim(before: try reader.integer())
      try reader.expectEnd()
    case let kind: throw ByteError(offset: 0, expected: "an entry of kind 1 or 2", found: "kind \(kind)")
    }
  }

  /// The batches of an entry, which were verified when they came.
  static func batches(in bytes: [UInt8], from firstBatch: Int) throws(ByteError) -> [RecordBatch] {
    var batches: [RecordBatch] = []
    var offset = firstBatch
    while offset < bytes.count {
      let batch = try RecordBatch(in: bytes, at: offset, verifying: false)
      batches.append(batch)
      offset = batch.range.upperBound
    }
    return batches
  }
}
