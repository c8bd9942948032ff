// The newest record of each key of a compacted topic, for the part of its log that is given up.
//
// A record with the JSON value `null`, or with no bytes, removes its key. Limit: all of it stands in one snapshot, so
// that a partition keeps at most `maximumBytes`: what does not fit is not given up, and the log grows:
// `PartitionLog.isFull`, which GET /topics and GET /health show. Requirement: MONITORING-10 (the same on all replicas:
// by the entries alone).

import MonitoringAPI
import Vocabulary
import Wire

/// The newest record of each key.
struct KeptRecords: Equatable {
  /// One record.
  struct Record: Equatable {
    var offset: Int64
    var timestampMilliseconds: Int64
    var isJSON: Bool
    var value: [UInt8]

    /// Whether it removes its key.
    var isRemoval: Bool { value.isEmpty || isJSON && value.elementsEqual("null".utf8) }
  }

  /// Bytes of the numbers of a record in a snapshot, at most.
  static let framingBytes = 24
  /// Bytes that all records may take in a snapshot, about.
  static let maximumBytes = 11 << 20
  /// Bytes that they may take in memory, while the log is not cut: more of them may be removed.
  static let limitBytes = 32 << 20

  /// By the keys' bytes: keys that look alike are different.
  private var records: [[UInt8]: Record] = [:]
  /// The keys in the order of their records' offsets. A place whose key has another record by now, or none, is stale.
  private var order: [(offset: Int64, key: [UInt8])] = []
  private var staleCount = 0
  /// Bytes that they take in a snapshot, about.
  private(set) var byteCount = 0

  /// Whether little more fits.
  var isNearlyFull: Bool { byteCount > Self.maximumBytes / 4 * 3 }
  /// The offset of the newest record that was kept; nil where none was.
  var lastOffset: Int64? { order.last?.offset }
  /// Whether nothing is kept.
  var isEmpty: Bool { records.isEmpty }

  /// Nothing.
  init() {}

  /// What a record takes in a snapshot at most: its key, its value and the numbers.
  private static func bytes(_ key: [UInt8], _ record: Record) -> Int { key.count + record.value.count + framingBytes }

  /// Bytes that there were if these came too.
  func byteCount(with new: [(key: [UInt8], record: Record)]) -> Int {
    var newest: [[UInt8]: Int] = [:]
    for (key, record) in new { newest[key] = record.isRemoval ? 0 : Self.bytes(key, record) }
    return newest.reduce(byteCount) { count, one in count - (records[one.key].map { Self.bytes(one.key, $0) } ?? 0) + one.value }
  }

  /// Takes records, in the order of their offsets, all behind those that are there; each replaces the one of its key.
  mutating func take(_ new: [(key: [UInt8], record: Record)]) {
    for (key, record) in new {
      if let old = records.removeValue(forKey: key) {
        byteCount -= Self.bytes(key, old)
        staleCount += 1
      }
      invariant(
        byteCount >= 0 && staleCount <= order.count, "\(byteCount) bytes are kept, and \(staleCount) of \(order.count) places are stale")
      guard !record.isRemoval else { continue }
      invariant(lastOffset.map { $0 < record.offset } ?? true, "a record at \(record.offset) behind one at \(lastOffset ?? 0)")
      records[key] = record
      order.append((record.offset, key))
      byteCount += Self.bytes(key, record)
    }
    // Paid by what went stale.
    guard staleCount > 1_024, staleCount > order.count / 2 else { return }
    order.removeAll { records[$0.key]?.offset != $0.offset }
    staleCount = 0
  }

  /// The records from `offset` on, in order, until `body` returns false.
  func forEach(from offset: Int64, _ body: (_ key: String, Record) -> Bool) {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if order[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    for (offset, key) in order[low...] {
      guard let record = records[key], record.offset == offset else { continue }
      guard body(String(decoding: key, as: UTF8.self), record) else { return }
    }
  }

  /// Writes all, by offset.
  func write(to writer: inout ByteWriter) {
    writer.count(records.count)
    for (offset, key) in order {
      guard let record = records[key], record.offset == offset else { continue }
      writer.varint(UInt64(offset))
      writer.fixed(record.timestampMilliseconds)
      writer.byte(record.isJSON ? 1 : 0)
      writer.prefixedBytes(key)
      writer.prefixedBytes(record.value)
    }
  }

  /// Reads what `write` wrote.
  init(from reader: inout ByteReader) throws(ByteError) {
    var all: [(key: [UInt8], record: Record)] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 12)) {
      let place = reader.position
      let offset = try reader.integer()
      guard all.last.map({ $0.record.offset < offset }) ?? true else {
        throw ByteError(offset: place, expected: "an offset behind the one before it", found: "\(offset)")
      }
      let timestamp = try reader.fixed(Int64.self)
      let isJSON = try reader.byte() == 1
      let key = Array(try reader.prefixedString(maximumBytes: QueueAPI.maximumKeyBytes).utf8)
      let value = try reader.prefixedBytes(maximumBytes: QueueAPI.maximumValueBytes)
      all.append((key, Record(offset: offset, timestampMilliseconds: timestamp, isJSON: isJSON, value: value)))
    }
    take(all)
  }

  static func == (left: KeptRecords, right: KeptRecords) -> Bool { left.records == right.records }
}
