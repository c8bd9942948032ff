// The journal: ordered records on a node's disk, in numbered segment files. The byte format is on the page Journal.md.
//
// Fault model: a crash keeps any part of what was not yet synced, in any order of sectors; the journal's recovery cuts
// such a tail off. Damage to a record that was once durable is never cut off and never skipped: recovery refuses,
// loudly, and says where. The two are told apart by what each record remembers: how far the journal was known to be
// durable when it was written. Limit: damage to the very last records, behind which nothing was written after they
// became durable, looks like a torn tail. A room that can replace what it lost recovers by Journal+Salvage.swift
// instead, which goes on behind damage and tells of it. Requirements: MONITORING-9.

import Vocabulary
import Wire

/// A point in a journal: bytes since its first record ever, discarded ones counted too.
@frozen public struct JournalPosition: Hashable, Comparable, Sendable {
  /// Bytes.
  public var bytes: UInt64

  /// The point after `bytes` bytes.
  @inlinable public init(_ bytes: UInt64) { self.bytes = bytes }

  @inlinable public static func < (left: JournalPosition, right: JournalPosition) -> Bool { left.bytes < right.bytes }
}

/// Where one record lies.
@frozen public struct JournalLocation: Hashable, Sendable {
  /// Where it begins.
  public var position: JournalPosition
  /// Length of its payload in bytes.
  public var payloadBytes: UInt32

  /// A location.
  @inlinable public init(position: JournalPosition, payloadBytes: UInt32) {
    self.position = position
    self.payloadBytes = payloadBytes
  }
}

/// Why a journal could not be read or recovered.
public enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A record that was durable is damaged.
  case damaged(FileName, offset: Int, String)
  /// The disk failed.
  case disk(DiskError)
  /// The record was discarded, or never written.
  case notHeld(JournalPosition)
  /// The payload is longer than `Journal.maximumPayloadBytes`.
  case payloadTooLong(Int)

  /// One line for operators.
  public var description: String {
    switch self {
    case .damaged(let file, let offset, let what): "\(file), byte \(offset): \(what)"
    case .disk(let error): "\(error)"
    case .notHeld(let position): "journal position \(position.bytes) is not held"
    case .payloadTooLong(let count): "a payload of \(count) bytes is longer than \(Journal.maximumPayloadBytes)"
    }
  }
}

/// What recovery found.
public struct JournalRecovery: Hashable, Sendable {
  /// Records that were kept.
  public var records = 0
  /// Bytes of a torn tail that were cut off.
  public var tornBytes = 0
  /// Where records may be missing, oldest first. Only `Journal.salvage` goes on behind damage.
  public var gaps: [JournalGap] = []
}

/// Ordered records on the disk of one node.
public struct Journal: Sendable {
  /// The longest payload in bytes: 16 MiB.
  public static let maximumPayloadBytes = 16 << 20
  static let magic: UInt32 = 0x314A_5457  // "WTJ1", little-endian
  static let segmentHeaderBytes = 32
  /// Bytes of a record beside its payload.
  public static let recordHeaderBytes = 24

  struct Segment {
    var number: UInt64
    /// Position of the first byte behind the segment's header.
    var start: JournalPosition
    /// Length of the file in bytes, header included.
    var fileBytes: Int
    /// Whether a part of it is damaged: then the file is kept under another name when it is discarded.
    var isDamaged = false
  }

  let segmentBytes: Int
  /// What the files' names begin with.
  let stem: StaticString
  var segments: [Segment] = []
  var nextNumber: UInt64 = 1
  /// The name of the file that is being written, so that it is not spelled anew for each record.
  private var written: (number: UInt64, file: FileName)?
  /// A tail was cut off. The next record goes into a new segment: written where the tail stood, it could be mixed with
  /// it if a crash undid the cut.
  var hasCut = false
  /// Behind the last record.
  public internal(set) var end = JournalPosition(0)
  /// How far the journal is known to be durable.
  public internal(set) var durableEnd = JournalPosition(0)
  /// A point whose durability is awaited: once the disk is durable up to `disk`, the journal is up to `end`.
  var mark: (disk: DiskPosition, end: JournalPosition)?

  /// An empty journal; files are made by the first append. `segmentBytes` is the length after which a new segment
  /// begins.
  init(stem: StaticString, segmentBytes: Int) {
    self.stem = stem
    self.segmentBytes = segmentBytes
  }

  /// Where the oldest record that is held begins.
  public var start: JournalPosition { segments.first?.start ?? end }
  /// Bytes that the journal's files take.
  public var fileBytes: Int { segments.reduce(0) { $0 + $1.fileBytes } }

  func fileName(_ number: UInt64) -> FileName { FileName(stem, number: number, suffix: "log") }

  private mutating func writtenFile(_ number: UInt64) -> FileName {
    if let written, written.number == number { return written.file }
    let file = fileName(number)
    written = (number, file)
    return file
  }

  // MARK: appending

  /// Appends a record and returns where it lies. It is durable once the host has synced. Where this throws no record
  /// was added; a new, empty segment may have begun.
  public mutating func append(_ payload: [UInt8], to disk: any Disk) throws(JournalError) -> JournalLocation {
    guard payload.count <= Self.maximumPayloadBytes else { throw .payloadTooLong(payload.count) }
    noteDurability(of: disk)
    if segments.isEmpty || hasCut || segments[segments.count - 1].fileBytes >= segmentBytes { try beginSegment(on: disk) }
    let last = segments.count - 1
    let place = segments[last].start.bytes + UInt64(segments[last].fileBytes - Self.segmentHeaderBytes)
    invariant(
      place == end.bytes, "journal \(stem): segment \(segments[last].number) ends at \(place), and the next record belongs at \(end.bytes)")
    let record = Self.encode(payload, at: end, durableEnd: durableEnd)
    do throws(DiskError) {
      try disk.write(writtenFile(segments[last].number), at: segments[last].fileBytes, record)
    } catch {
      throw .disk(error)
    }
    let location = JournalLocation(position: end, payloadBytes: UInt32(payload.count))
    segments[last].fileBytes += record.count
    end.bytes += UInt64(record.count)
    if mark == nil { mark = (disk.position, end) }
    return location
  }

  /// Takes note of how far the disk is durable.
  public mutating func noteDurability(of disk: any Disk) {
    guard let awaited = mark, awaited.disk <= disk.durablePosition else { return }
    invariant(
      durableEnd <= awaited.end && awaited.end <= end,
      "journal \(stem): durable up to \(durableEnd.bytes), then up to \(awaited.end.bytes), of \(end.bytes)")
    durableEnd = awaited.end
    mark = disk.position == disk.durablePosition ? nil : (disk.position, end)
    if mark == nil { durableEnd = end }
  }

  private mutating func beginSegment(on disk: any Disk) throws(JournalError) {
    var writer = ByteWriter(capacity: Self.segmentHeaderBytes)
    writer.fixed(Self.magic)
    writer.fixed(UInt32(1))
    writer.fixed(end.bytes)
    writer.fixed(durableEnd.bytes)
    writer.fixed(UInt32(0))
    writer.fixed(CRC32C.checksum(writer.bytes))
    do throws(DiskError) {
      try disk.write(fileName(nextNumber), at: 0, writer.finish())
    } catch {
      throw .disk(error)
    }
    if let last = segments.last {
      invariant(
        last.number < nextNumber && last.start <= end,
        "journal \(stem): segment \(nextNumber) at \(end.bytes) begins behind segment \(last.number) at \(last.start.bytes)")
    }
    segments.append(Segment(number: nextNumber, start: end, fileBytes: Self.segmentHeaderBytes))
    nextNumber += 1
    hasCut = false
  }

  private static func encode(_ payload: [UInt8], at position: JournalPosition, durableEnd: JournalPosition) -> [UInt8] {
    var writer = ByteWriter(capacity: recordHeaderBytes + payload.count)
    writer.fixed(UInt32(payload.count))
    writer.fixed(UInt32(0))
    writer.fixed(position.bytes)
    writer.fixed(durableEnd.bytes)
    writer.raw(payload)
    writer.patch(checksum(of: writer.bytes[...]), at: 4)
    return writer.finish()
  }

  /// CRC-32C of a record but for the checksum's own four bytes.
  private static func checksum(of record: ArraySlice<UInt8>) -> UInt32 {
    var checksum = CRC32C()
    checksum.update(record.prefix(4))
    checksum.update(record.dropFirst(8))
    return checksum.value
  }

  /// Where the second segment begins: what `discard` would drop first lies before it. Nil where there is one segment
  /// only.
  public var secondSegmentStart: JournalPosition? { segments.count > 1 ? segments[1].start : nil }

  /// Drops whole segments that lie before `position`. What they held must be durable elsewhere before this is called.
  public mutating func discard(before position: JournalPosition, on disk: any Disk) throws(JournalError) {
    invariant(position <= end, "journal \(stem): cut before \(position.bytes), and it ends at \(end.bytes)")
    while segments.count > 1, segments[1].start <= position {
      invariant(
        segments[0].start <= segments[1].start && segments[0].number < segments[1].number,
        "journal \(stem): segment \(segments[0].number) at \(segments[0].start.bytes) before \(segments[1].number) at \(segments[1].start.bytes)"
      )
      do throws(DiskError) {
        let file = fileName(segments[0].number)
        // An operator may want to look at it.
        if segments[0].isDamaged, let name = FileName("damaged-\(file)") { try disk.rename(file, to: name) } else { try disk.delete(file) }
      } catch {
        throw .disk(error)
      }
      segments.removeFirst()
    }
  }

  /// Whether `discard(before: position)` would drop anything.
  public func canDiscard(before position: JournalPosition) -> Bool { segments.count > 1 && segments[1].start <= position }

  /// The start of the oldest segment that must stay so that the newest `bytes` bytes of files do, at least the last
  /// segment.
  public func position(keepingBytes bytes: Int) -> JournalPosition {
    var kept = 0
    for segment in segments.reversed() {
      kept += segment.fileBytes
      if kept >= bytes { return segment.start }
    }
    return start
  }

  /// Begins a new segment with the next append, so that all before it can be discarded as a whole.
  public mutating func rotate(on disk: any Disk) throws(JournalError) {
    guard let last = segments.last, last.fileBytes > Self.segmentHeaderBytes else { return }
    noteDurability(of: disk)
    try beginSegment(on: disk)
    if mark == nil { mark = (disk.position, end) }
  }

  // MARK: reading

  /// The payload of the record at `location`, checked against its checksum.
  public func read(_ location: JournalLocation, from disk: any Disk) throws(JournalError) -> [UInt8] {
    guard let segment = segments.last(where: { $0.start <= location.position }), location.position < end else {
      throw .notHeld(location.position)
    }
    let file = fileName(segment.number)
    let offset = Self.segmentHeaderBytes + Int(location.position.bytes - segment.start.bytes)
    let count = Self.recordHeaderBytes + Int(location.payloadBytes)
    let bytes: [UInt8]
    do throws(DiskError) {
      bytes = try disk.readLong(file, at: offset, count: count)
    } catch {
      throw .disk(error)
    }
    guard let record = Self.record(in: bytes, at: 0, position: location.position), record.payload.count == location.payloadBytes else {
      throw .damaged(file, offset: offset, "the record's checksum does not fit its bytes")
    }
    return Array(record.payload)
  }

  struct Record {
    var payload: ArraySlice<UInt8>
    var durableEnd: JournalPosition
    var end: Int
  }

  /// The record that begins at `offset` of a segment's bytes, if it is whole, in its place and its checksum fits.
  static func record(in bytes: [UInt8], at offset: Int, position: JournalPosition) -> Record? {
    guard bytes.count - offset >= recordHeaderBytes else { return nil }
    var reader = ByteReader(bytes, in: offset..<bytes.count)
    guard let length = try? reader.fixed(UInt32.self), let checksum = try? reader.fixed(UInt32.self),
      let stated = try? reader.fixed(UInt64.self), let durable = try? reader.fixed(UInt64.self),
      stated == position.bytes, length <= maximumPayloadBytes, Int(length) <= bytes.count - offset - recordHeaderBytes
    else { return nil }
    let end = offset + recordHeaderBytes + Int(length)
    guard Self.checksum(of: bytes[offset..<end]) == checksum else { return nil }
    return Record(payload: bytes[(offset + recordHeaderBytes)..<end], durableEnd: JournalPosition(durable), end: end)
  }

  // MARK: recovery

  /// Reads the journal on `disk` from its start, gives each record to `visit` in order, cuts a torn tail off, and
  /// returns the journal ready for appending. Refuses where a durable record is damaged. `visit` throws what it cannot
  /// understand. `stem` is what the names of its files begin with, for a node that keeps several.
  public static func recover(
    stem: StaticString = "journal", from disk: any Disk, segmentBytes: Int = 8 << 20,
    visit: (JournalLocation, ArraySlice<UInt8>) throws(JournalError) -> Void
  ) throws(JournalError) -> (journal: Journal, recovery: JournalRecovery) {
    var journal = Journal(stem: stem, segmentBytes: segmentBytes)
    var recovery = JournalRecovery()
    let numbers = disk.list().compactMap { $0.number(stem: journal.stem, suffix: "log") }.sorted()
    journal.nextNumber = (numbers.last ?? 0) + 1
    var index = 0
    while index < numbers.count {
      let file = journal.fileName(numbers[index])
      let bytes = try load(file, from: disk)
      let header = Self.header(of: bytes)
      var tornAt: Int?
      if let header, journal.segments.isEmpty || header.start == journal.end {
        let end = try journal.read(bytes, header.start, visit, &recovery)
        journal.segments.append(Segment(number: numbers[index], start: header.start, fileBytes: end))
        if end < bytes.count { tornAt = end }
      } else {
        tornAt = 0
      }
      guard let tornAt else {
        index += 1
        continue
      }
      // A life that cut its tail here went on in a new segment, which begins at this very place; then what stands
      // between is what it had cut, and whose removal a crash undid.
      let place = journal.end
      var follower: Int?
      for later in (index + 1)..<max(index + 1, numbers.count) where follower == nil {
        if Self.header(of: try load(journal.fileName(numbers[later]), from: disk))?.start == place { follower = later }
      }
      if follower == nil {
        for later in index..<numbers.count {
          let found = later == index ? bytes : try load(journal.fileName(numbers[later]), from: disk)
          try refuse(ifDurable: place, tornIn: file, at: tornAt, found, Self.header(of: found), from: later == index ? tornAt : 0)
        }
      }
      try journal.cut(from: index, at: tornAt, to: follower ?? numbers.count, numbers, disk, &recovery)
      index = follower ?? numbers.count
      journal.hasCut = journal.hasCut || follower == nil
    }
    invariant(journal.start <= journal.end, "journal \(stem): recovered from \(journal.start.bytes) to \(journal.end.bytes)")
    journal.durableEnd = journal.end
    if disk.durablePosition < disk.position { journal.mark = (disk.position, journal.end) }
    return (journal, recovery)
  }

  /// Visits the records of a segment's bytes; gives the offset behind the last whole one.
  mutating func read(
    _ bytes: [UInt8], _ start: JournalPosition, _ visit: (JournalLocation, ArraySlice<UInt8>) throws(JournalError) -> Void,
    _ recovery: inout JournalRecovery
  ) throws(JournalError) -> Int {
    var offset = Self.segmentHeaderBytes
    end = start
    while offset < bytes.count, let record = Self.record(in: bytes, at: offset, position: end) {
      try visit(JournalLocation(position: end, payloadBytes: UInt32(record.payload.count)), record.payload)
      recovery.records += 1
      end.bytes += UInt64(record.end - offset)
      offset = record.end
    }
    return offset
  }

  /// Removes the torn tail from the disk.
  private mutating func cut(
    from index: Int, at offset: Int, to follower: Int, _ numbers: [UInt64], _ disk: any Disk, _ recovery: inout JournalRecovery
  ) throws(JournalError) {
    do throws(DiskError) {
      for number in numbers[(index + 1)..<follower].reversed() {
        recovery.tornBytes += disk.size(of: fileName(number)) ?? 0
        try disk.delete(fileName(number))
      }
      let file = fileName(numbers[index])
      recovery.tornBytes += (disk.size(of: file) ?? 0) - offset
      if offset == 0 { try disk.delete(file) } else { try disk.truncate(file, to: offset) }
    } catch {
      throw .disk(error)
    }
  }

  static func load(_ file: FileName, from disk: any Disk) throws(JournalError) -> [UInt8] {
    do throws(DiskError) {
      return try disk.readAll(file, limitBytes: 1 << 32)
    } catch {
      throw .disk(error)
    }
  }

  static func header(of bytes: [UInt8]) -> (start: JournalPosition, durableEnd: JournalPosition)? {
    guard bytes.count >= segmentHeaderBytes, CRC32C.checksum(bytes[..<28]) == (try? fixedAt(28, bytes)) else { return nil }
    var reader = ByteReader(bytes, in: 0..<segmentHeaderBytes)
    guard let magic = try? reader.fixed(UInt32.self), magic == Self.magic, let version = try? reader.fixed(UInt32.self), version == 1,
      let start = try? reader.fixed(UInt64.self), let durable = try? reader.fixed(UInt64.self)
    else { return nil }
    return (JournalPosition(start), JournalPosition(durable))
  }

  private static func fixedAt(_ offset: Int, _ bytes: [UInt8]) throws(ByteError) -> UInt32 {
    var reader = ByteReader(bytes, in: offset..<bytes.count)
    return try reader.fixed(UInt32.self)
  }

  /// Where a record at `offset` says that it stands, if there is one; its checksum covers that.
  private static func statedPosition(_ bytes: [UInt8], _ offset: Int) -> JournalPosition {
    var reader = ByteReader(bytes, in: (offset + 8)..<bytes.count)
    return JournalPosition((try? reader.fixed(UInt64.self)) ?? .max)
  }

  /// Throws `damaged` where anything in `bytes` shows that the journal was durable beyond `position`.
  private static func refuse(
    ifDurable position: JournalPosition, tornIn file: FileName, at offset: Int, _ bytes: [UInt8],
    _ header: (start: JournalPosition, durableEnd: JournalPosition)?, from first: Int
  ) throws(JournalError) {
    let damage = JournalError.damaged(
      file, offset: offset, "a record that was durable is damaged; restore the file, or remove it and all after it to lose its records")
    if let header, header.durableEnd > position { throw damage }
    // A later record is found by its stated position: it must equal the place where it stands, or, where the header that
    // tells the places is damaged itself, that of the record before it.
    var at = max(first, segmentHeaderBytes)
    while at + recordHeaderBytes <= bytes.count {
      let here =
        if let header { JournalPosition(header.start.bytes + UInt64(at - segmentHeaderBytes)) } else { statedPosition(bytes, at) }
      if let record = record(in: bytes, at: at, position: here) {
        if record.durableEnd > position { throw damage }
        at = record.end
      } else {
        at += 1
      }
    }
  }
}
