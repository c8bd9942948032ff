// The newest record of each key of a compacted topic, for the part of its log that is given up.
//
// A record with the JSON value `null`, or with no bytes, removes its key. Limit: all of it stands in one snapshot, so that a partition that keeps
// `maximumBytes` or more is not compacted further and its log grows. The owner looks at `isFull`, shows it in GET /topics and GET /health, and
// never lets more be kept than a snapshot can hold.
// Requirement: MONITORING-10 (the same on all replicas: by the entries alone).

import MonitoringAPI
import Wire

/// The newest record of each key.
struct KeptRecords: Equatable {
  /// One record.
  struct Record: Equatable {
    var offset: Int64
    var timestampMilliseconds: Int64
    var isJSON: Bool
    var value: [UInt8]
  }

  /// Bytes beyond which no more is compacted.
  static let maximumBytes = 8 << 20
  /// Bytes that are never kept: with them a snapshot would be too long for a record of the journal.
  static let limitBytes = 14 << 20
  /// Bytes that a record takes in a snapshot beside its key and its value, at most.
  static let recordOverheadBytes = 24

  private var records: [String: Record] = [:]
  /// The keys by offset.
  private var order: [(offset: Int64, key: String)] = []
  /// Bytes that they take in a snapshot, at most.
  private(set) var byteCount = 0

  /// Whether nothing is kept.
  var isEmpty: Bool { records.isEmpty }
  /// Whether there is no room for more.
  var isFull: Bool { byteCount >= Self.maximumBytes }

  /// Nothing.
  init() {}

  /// Takes records, in the order of their offsets; each replaces the one of its key.
  mutating func take(_ new: [(key: String, record: Record)]) {
    guard !new.isEmpty else { return }
    for (key, record) in new {
      if let old = records.removeValue(forKey: key) { byteCount -= Self.byteCount(key, old) }
      let isRemoval = record.value.isEmpty || record.isJSON && record.value.elementsEqual("null".utf8)
      guard !isRemoval else { continue }
      records[key] = record
      byteCount += Self.byteCount(key, record)
    }
    order = records.map { ($0.value.offset, $0.key) }.sorted { $0.0 < $1.0 }
  }

  private static func byteCount(_ key: String, _ record: Record) -> Int { record.value.count + key.utf8.count + recordOverheadBytes }

  /// The records from `offset` on, in order, until `body` returns false.
  func forEach(from offset: Int64, _ body: (_ key: String, Record) -> Bool) {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if order[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    for (_, key) in order[low...] {
      guard let record = records[key], body(key, record) else { return }
    }
  }

  /// Writes all, by offset.
  func write(to writer: inout ByteWriter) {
    writer.count(order.count)
    for (offset, key) in order {
      guard let record = records[key] else { continue }
      writer.varint(UInt64(offset))
      writer.fixed(record.timestampMilliseconds)
      writer.byte(record.isJSON ? 1 : 0)
      writer.prefixedString(key)
      writer.prefixedBytes(record.value)
    }
  }

  /// Reads what `write` wrote.
  init(from reader: inout ByteReader) throws(ByteError) {
    var all: [(key: String, record: Record)] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 12)) {
      let offset = try reader.integer()
      let timestamp = try reader.fixed(Int64.self)
      let isJSON = try reader.byte() == 1
      let key = try reader.prefixedString(maximumBytes: QueueAPI.maximumKeyBytes)
      let value = try reader.prefixedBytes(maximumBytes: QueueAPI.maximumValueBytes)
      all.append((key, Record(offset: offset, timestampMilliseconds: timestamp, isJSON: isJSON, value: value)))
    }
    take(all)
  }

  static func == (left: KeptRecords, right: KeptRecords) -> Bool { left.records == right.records }
}
