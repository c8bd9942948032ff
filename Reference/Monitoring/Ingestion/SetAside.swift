// Records that were acknowledged and that the queue will never take: set aside, so that they neither block those behind them nor vanish.
//
// `GET /set-aside` shows them with the queue's reason, `GET /health` counts them. The byte format is on the page Spill.md. Limits: `maximumRecords`
// and `maximumBytes`; beyond either the oldest go, and are counted. Requirements: MONITORING-5.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

/// What the queue refused for good.
struct SetAside {
  /// One record, and why it is here.
  struct Entry {
    var record: ProduceRecord
    var status: Int
    var code: String
    var message: String

    fileprivate var valueBytes: [UInt8] { (try? record.value.serialized()) ?? [] }
  }

  /// Most records.
  static let maximumRecords = 1_000
  /// Bytes that they may take on the disk.
  static let maximumBytes = 4 << 20

  private var file: TwinFile
  /// Oldest first.
  private(set) var entries: [Entry] = []
  /// How many were dropped because there were too many.
  private(set) var dropped: UInt64 = 0

  /// Loads what was set aside.
  init(from disk: any Disk) throws(JournalError) {
    let loaded = try TwinFile.load(stem: "aside", from: disk)
    file = loaded.file
    guard let state = loaded.state else { return }
    do throws(ByteError) {
      try read(state)
    } catch {
      throw .damaged(FileName(fixed: "aside"), offset: error.offset, "\(error)")
    }
  }

  /// Adds a record, unless it is there already, and saves all. Nothing is kept where it throws.
  mutating func add(_ entry: Entry, to disk: any Disk) throws(JournalError) {
    if let identity = entry.record.identity, entries.contains(where: { $0.record.identity == identity }) { return }
    var new = self
    new.entries.append(entry)
    var state = new.encoded()
    while new.entries.count > 1, new.entries.count > Self.maximumRecords || state.count > Self.maximumBytes {
      new.entries.removeFirst()
      new.dropped += 1
      state = new.encoded()
    }
    try new.file.save(state, to: disk)
    self = new
  }

  /// The answer to `GET /set-aside`.
  func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("records")
      writer.beginArray()
      for entry in entries {
        writer.beginObject()
        writer.member("key", entry.record.key ?? "")
        writer.member("value", entry.record.value)
        writer.member("producer", entry.record.identity?.producer ?? "")
        writer.member("sequence", entry.record.identity?.sequence ?? 0)
        writer.member("status", entry.status)
        writer.member("code", entry.code)
        writer.member("message", entry.message)
        writer.endObject()
      }
      writer.endArray()
      writer.member("dropped", Int64(clamping: dropped))
      writer.endObject()
    }
  }

  // MARK: bytes

  private func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256 * (1 + entries.count))
    writer.byte(1)
    writer.varint(dropped)
    writer.count(entries.count)
    for entry in entries {
      writer.prefixedString(entry.record.key ?? "")
      writer.prefixedBytes(entry.valueBytes)
      writer.prefixedString(entry.record.identity?.producer ?? "")
      writer.varint(UInt64(bitPattern: entry.record.identity?.sequence ?? 0))
      writer.count(entry.status)
      writer.prefixedString(entry.code)
      writer.prefixedString(entry.message)
    }
    return writer.finish()
  }

  private mutating func read(_ state: [UInt8]) throws(ByteError) {
    var reader = ByteReader(state)
    let version = try reader.byte()
    guard version == 1 else { throw ByteError(offset: 0, expected: "version 1", found: "version \(version)") }
    dropped = try reader.varint()
    for _ in 0..<(try reader.count(minimumBytesEach: 7)) {
      let key = try reader.prefixedString()
      let offset = reader.position
      guard let value = try? JSON(parsing: try reader.prefixedBytes()) else {
        throw ByteError(offset: offset, expected: "JSON text", found: "other bytes")
      }
      let identity = ProducerSequence(
        producer: try reader.prefixedString(), sequence: Int64(truncatingIfNeeded: try reader.varint()))
      entries.append(
        Entry(
          record: ProduceRecord(key: key, value: value, identity: identity), status: Int(clamping: try reader.varint()),
          code: try reader.prefixedString(), message: try reader.prefixedString()))
    }
    try reader.expectEnd()
  }
}
