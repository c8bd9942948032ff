// Records that were acknowledged and that the queue will never take: set aside, so that they neither block those behind
// them nor vanish.
//
// `GET /set-aside` shows them with the queue's reason, `GET /health` counts them. The byte format is on the page
// Spill.md. Limits: `maximumRecords` and `maximumBytes`; beyond either the oldest go, and are counted. Each is a record
// of a journal of its own, so that one more costs what it holds. Requirements: MONITORING-5.

import DequeModule
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
  }

  /// An entry as the journal has it.
  private struct Kept {
    let entry: Entry
    let position: JournalPosition
    let byteCount: Int
  }

  /// Most records.
  static let maximumRecords = 1_000
  /// Bytes that they may take in the journal, together.
  static let maximumBytes = 4 << 20

  private var journal: Journal
  /// Oldest first.
  private var kept = Deque<Kept>()
  private var keptBytes = 0
  /// How many were dropped because there were too many.
  private(set) var dropped: UInt64 = 0
  /// How many there are.
  var count: Int { kept.count }

  /// Loads what was set aside.
  init(from disk: any Disk, segmentBytes: Int = 512 << 10) throws(JournalError) {
    var kept = Deque<Kept>()
    var keptBytes = 0
    var dropped: UInt64 = 0
    let recovered = try Journal.recover(stem: "aside", from: disk, segmentBytes: segmentBytes) { (location, payload) throws(JournalError) in
      do throws(ByteError) {
        let read = try Self.read(Array(payload))
        // The newest record tells how many are gone; what a segment still holds of them goes again by the same rule.
        dropped = read.dropped
        kept.append(Kept(entry: read.entry, position: location.position, byteCount: payload.count))
        keptBytes += payload.count
        _ = Self.dropOldest(&kept, &keptBytes)
      } catch {
        throw .damaged(FileName(fixed: "aside"), offset: Int(location.position.bytes), "not a record that was set aside: \(error)")
      }
    }
    journal = recovered.journal
    self.kept = kept
    self.keptBytes = keptBytes
    self.dropped = dropped
  }

  /// Drops the oldest until the rest is within the limits; one always stays. Returns how many went.
  private static func dropOldest(_ kept: inout Deque<Kept>, _ keptBytes: inout Int) -> UInt64 {
    var dropped: UInt64 = 0
    while kept.count > 1, let first = kept.first, kept.count > maximumRecords || keptBytes > maximumBytes {
      keptBytes -= first.byteCount
      kept.removeFirst()
      dropped += 1
    }
    return dropped
  }

  /// Adds a record, unless it is there already, and writes it down. Nothing is kept where it throws.
  mutating func add(_ entry: Entry, to disk: any Disk) throws(JournalError) {
    if let identity = entry.record.identity, kept.contains(where: { $0.entry.record.identity == identity }) { return }
    let value = (try? entry.record.value.serialized()) ?? []
    // However many go, the record is as long.
    let byteCount = Self.encoded(entry, value, dropped: 0).count
    var (after, afterBytes) = (kept, keptBytes + byteCount)
    after.append(Kept(entry: entry, position: journal.end, byteCount: byteCount))
    let droppedAfter = dropped + Self.dropOldest(&after, &afterBytes)
    _ = try journal.append(Self.encoded(entry, value, dropped: droppedAfter), to: disk)
    invariant(
      afterBytes > 0 && after.count <= Self.maximumRecords && droppedAfter >= dropped,
      "\(after.count) records of \(afterBytes) bytes are set aside, and \(droppedAfter) were dropped where \(dropped) were before")
    (kept, keptBytes, dropped) = (after, afterBytes, droppedAfter)
    // What cannot be deleted now is deleted the next time.
    try? journal.discard(before: kept.first?.position ?? journal.end, on: disk)
  }

  /// The answer to `GET /set-aside`.
  func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("records")
      writer.beginArray()
      for entry in kept.lazy.map(\.entry) {
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

  private static func encoded(_ entry: Entry, _ value: [UInt8], dropped: UInt64) -> [UInt8] {
    var writer = ByteWriter(capacity: 256 + value.count)
    writer.byte(1)
    writer.fixed(dropped)
    writer.prefixedString(entry.record.key ?? "")
    writer.prefixedBytes(value)
    writer.prefixedString(entry.record.identity?.producer ?? "")
    writer.varint(UInt64(bitPattern: entry.record.identity?.sequence ?? 0))
    writer.count(entry.status)
    writer.prefixedString(entry.code)
    writer.prefixedString(entry.message)
    return writer.finish()
  }

  private static func read(_ payload: [UInt8]) throws(ByteError) -> (entry: Entry, dropped: UInt64) {
    var reader = ByteReader(payload)
    let version = try reader.byte()
    guard version == 1 else { throw ByteError(offset: 0, expected: "version 1", found: "version \(version)") }
    let dropped = try reader.fixed(UInt64.self)
    let key = try reader.prefixedString()
    let offset = reader.position
    guard let value = try? JSON(parsing: try reader.prefixedBytes()) else {
      throw ByteError(offset: offset, expected: "JSON text", found: "other bytes")
    }
    let identity = ProducerSequence(producer: try reader.prefixedString(), sequence: Int64(truncatingIfNeeded: try reader.varint()))
    let entry = Entry(
      record: ProduceRecord(key: key, value: value, identity: identity), status: Int(clamping: try reader.varint()),
      code: try reader.prefixedString(), message: try reader.prefixedString())
    try reader.expectEnd()
    return (entry, dropped)
  }
}
