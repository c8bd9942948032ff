// Recovery that goes on behind damage: for rooms that can get again from elsewhere what they lost. Every record that is
// whole is given, in order, and every gap is told in its place: never is a record that was durable left out in silence.
//
// Nothing is changed on the disk but what a torn tail and the remains of earlier cuts need: so it can be interrupted at
// any moment, and finds the same the next time. Damaged bytes stay where they are until their segment is discarded, and
// then under another name (`damaged-…`). How a torn tail is told from damage: Journal.md. Sectors that cannot be read
// are damage; a disk of which more than half cannot be read has failed, and nothing is done. Limits: damage behind the
// last record that vouches for anything, of which a lost sector could be the cause, looks like a torn tail. Where there
// is damage, all segments from it on are held in memory at once. Whole files that vanish from the beginning look as if
// they had been discarded. Requirement: MONITORING-9.

import Vocabulary
import Wire

/// A stretch of a journal whose records cannot be read.
public struct JournalGap: Hashable, Sendable, CustomStringConvertible {
  /// Where the first record that may be missing began.
  public var start: JournalPosition
  /// Where the next record begins that can be read, or would be written.
  public var end: JournalPosition
  /// The file in which it begins.
  public var file: FileName
  /// The byte of the file at which it begins.
  public var offset: Int
  /// Whether records that were durable stood there. Else it is a tail that nothing vouches for, but of which no crash
  /// is the cause.
  public var isProven: Bool

  /// One line for operators.
  public var description: String { "\(file), byte \(offset): \(end.bytes - start.bytes) bytes are damaged" }
}

/// What salvage comes upon, in order.
public enum JournalFinding {
  /// A record.
  case record(JournalLocation, ArraySlice<UInt8>)
  /// Records may be missing here.
  case gap(JournalGap)
}

extension Journal {
  /// Length of the smallest piece that a medium writes or loses, in bytes.
  private static let sectorBytes = 512
  /// What stands for a sector that cannot be read: no record, and not what a lost sector leaves.
  private static let unreadableFiller = UInt8(0x55)
  /// How often a sector is tried that cannot be read.
  private static let readAttempts = 4

  /// One segment, while damage is looked at.
  private struct Scan {
    var number: UInt64
    var bytes: [UInt8]
    /// Nil where neither the header nor a record tells it.
    var start: JournalPosition?
    /// What the header says, where it is whole.
    var headerDurableEnd: JournalPosition?
    /// A later segment begins here: what stands here or behind it is what an earlier recovery cut.
    var limit = JournalPosition(.max)
    /// Whole records, one after the other without a hole: bytes of the file.
    var runs: [Range<Int>] = []

    func position(_ offset: Int, _ start: JournalPosition) -> JournalPosition {
      JournalPosition(start.bytes + UInt64(max(0, offset - segmentHeaderBytes)))
    }
  }

  /// Reads the journal on `disk` from its start and gives what it finds to `visit`, in order; a torn tail is cut off.
  /// The journal that it returns is ready for appending. `stem` is what its files' names begin with. `visit` throws
  /// what it cannot understand; else only a disk that fails and a journal of which nothing can be read are refused.
  public static func salvage(
    from disk: any Disk, stem: StaticString = "journal", segmentBytes: Int = 8 << 20,
    visit: (JournalFinding) throws(JournalError) -> Void
  ) throws(JournalError) -> (journal: Journal, recovery: JournalRecovery) {
    var journal = Journal(stem: stem, segmentBytes: segmentBytes)
    var recovery = JournalRecovery()
    let numbers = disk.list().compactMap { $0.number(stem: stem, suffix: "log") }.sorted()
    journal.nextNumber = (numbers.last ?? 0) + 1
    var index = 0
    // So long as all is as it should be, one segment is held at a time.
    while index < numbers.count {
      guard let bytes = try? load(journal.fileName(numbers[index]), from: disk), let header = header(of: bytes),
        journal.segments.isEmpty || header.start == journal.end
      else { break }
      let end = try journal.read(
        bytes, header.start, { (location, payload) throws(JournalError) in try visit(.record(location, payload)) }, &recovery)
      journal.segments.append(Segment(number: numbers[index], start: header.start, fileBytes: end))
      guard end == bytes.count else {
        // It is looked at again, from here on.
        journal.segments.removeLast()
        break
      }
      index += 1
    }
    if index < numbers.count {
      try journal.salvage(Array(numbers[index...]), disk, visit, &recovery)
      // Old and new bytes never stand in one place.
      journal.hasCut = true
    }
    journal.durableEnd = journal.end
    if disk.durablePosition < disk.position { journal.mark = (disk.position, journal.end) }
    return (journal, recovery)
  }

  /// Reads these segments, the first of which is not as it should be; what stands before `end` was visited.
  private mutating func salvage(
    _ numbers: [UInt64], _ disk: any Disk, _ visit: (JournalFinding) throws(JournalError) -> Void, _ recovery: inout JournalRecovery
  ) throws(JournalError) {
    var scans = try load(numbers, disk)
    let isAnythingKnown = try Self.placeSegments(&scans, behind: segments.isEmpty ? nil : segmentsEnd, fileName(numbers[0]))
    var provenEnd = JournalPosition(isAnythingKnown ? 0 : .max)
    for index in scans.indices { Self.findRuns(&scans[index], &provenEnd) }
    let isVisited = recovery.records > 0 || !segments.isEmpty
    var position = isVisited ? end : scans[0].start ?? end
    let visitedEnd = position
    for (index, scan) in scans.enumerated() {
      guard let start = scan.start else { continue }
      let file = fileName(scan.number)
      guard start < scan.limit else {
        // Left over from what an earlier recovery cut.
        try remove(scan, from: 0, disk, &recovery)
        continue
      }
      // The beginning of the first one that a crash has torn off.
      let isBlank = scan.headerDurableEnd == nil && scan.bytes.prefix(Self.segmentHeaderBytes).allSatisfy { $0 == 0 }
      if isBlank || start > position, position >= provenEnd {
        return try cut(scans[index...], from: 0, at: position, disk, &recovery)
      }
      segments.append(Segment(number: scan.number, start: start, fileBytes: scan.bytes.count))
      if start > position {
        try tell(JournalGap(start: position, end: start, file: file, offset: 0, isProven: true), visit, &recovery)
        position = start
      }
      let fileEnd = min(scan.limit, scan.position(scan.bytes.count, start))
      // The end of the file is like a run of no records.
      for run in scan.runs + [scan.bytes.count..<scan.bytes.count] {
        let isEnd = run.isEmpty
        let next = isEnd ? fileEnd : scan.position(run.lowerBound, start)
        guard next > position || !isEnd else { break }
        if next > position {
          let offset = Self.segmentHeaderBytes + Int(position.bytes - start.bytes)
          let isProven = position < provenEnd
          if !isProven, Self.couldBeTorn(scan.bytes, offset..<min(run.lowerBound, scan.bytes.count)) {
            return try cut(scans[index...], from: offset, at: position, disk, &recovery)
          }
          try tell(JournalGap(start: position, end: next, file: file, offset: offset, isProven: isProven), visit, &recovery)
          position = next
        }
        var at = run.lowerBound
        while at < run.upperBound, let record = Self.record(in: scan.bytes, at: at, position: scan.position(at, start)) {
          let here = scan.position(at, start)
          at = record.end
          guard here >= visitedEnd else { continue }
          try visit(.record(JournalLocation(position: here, payloadBytes: UInt32(record.payload.count)), record.payload))
          recovery.records += 1
          position = scan.position(at, start)
        }
      }
      // What an earlier recovery cut in this file, and a crash brought back.
      let keptBytes = Self.segmentHeaderBytes + Int(fileEnd.bytes - start.bytes)
      if keptBytes < scan.bytes.count {
        try remove(scan, from: keptBytes, disk, &recovery)
        segments[segments.count - 1].fileBytes = keptBytes
      }
      position = max(position, fileEnd)
    }
    end = position
  }

  /// Where the last segment that is known ends.
  private var segmentsEnd: JournalPosition {
    segments.last.map { JournalPosition($0.start.bytes + UInt64(max(0, $0.fileBytes - Self.segmentHeaderBytes))) } ?? JournalPosition(0)
  }

  private mutating func tell(
    _ gap: JournalGap, _ visit: (JournalFinding) throws(JournalError) -> Void, _ recovery: inout JournalRecovery
  ) throws(JournalError) {
    invariant(gap.start < gap.end, "journal \(stem): a gap from \(gap.start.bytes) to \(gap.end.bytes) of \(gap.file)")
    recovery.gaps.append(gap)
    if !segments.isEmpty { segments[segments.count - 1].isDamaged = true }
    try visit(.gap(gap))
  }

  // MARK: what there is

  private func load(_ numbers: [UInt64], _ disk: any Disk) throws(JournalError) -> [Scan] {
    var scans: [Scan] = []
    var (allBytes, unreadableBytes) = (0, 0)
    for number in numbers {
      let file = fileName(number)
      do throws(DiskError) {
        let (bytes, unreadable) = try Self.loadWhatCanBeRead(file, disk)
        scans.append(Scan(number: number, bytes: bytes))
        allBytes += bytes.count
        unreadableBytes += unreadable
      } catch {
        throw .disk(error)
      }
    }
    guard unreadableBytes * 2 <= allBytes else { throw .disk(.unreadable(fileName(numbers[0]), offset: 0)) }
    return scans
  }

  private static func loadWhatCanBeRead(_ file: FileName, _ disk: any Disk) throws(DiskError) -> (bytes: [UInt8], unreadable: Int) {
    let size = disk.size(of: file) ?? 0
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    var unreadable = 0
    while bytes.count < size {
      let count = min(maximumTurnReadBytes, size - bytes.count)
      if let piece = try readable(file, bytes.count, count, disk) {
        bytes += piece
        continue
      }
      let end = bytes.count + count
      while bytes.count < end {
        let count = min(sectorBytes, end - bytes.count)
        var sector: [UInt8]?
        for _ in 0..<readAttempts where sector == nil { sector = try readable(file, bytes.count, count, disk) }
        unreadable += sector == nil ? count : 0
        bytes += sector ?? Array(repeating: unreadableFiller, count: count)
      }
    }
    return (bytes, unreadable)
  }

  /// The bytes, or nil where the device cannot read them.
  private static func readable(_ file: FileName, _ offset: Int, _ count: Int, _ disk: any Disk) throws(DiskError) -> [UInt8]? {
    do throws(DiskError) {
      return try disk.read(file, at: offset, count: count)
    } catch {
      switch error {
      case .unreadable: return nil
      case .full, .missing, .outOfBounds, .revoked: throw error
      }
    }
  }

  /// Finds out where each segment begins: by its header, else by a record in it, else by its neighbours. False where
  /// nothing tells it, though something was written: then they are taken to begin with the journal.
  private static func placeSegments(
    _ scans: inout [Scan], behind end: JournalPosition?, _ file: FileName
  ) throws(JournalError) -> Bool {
    for index in scans.indices {
      if let header = header(of: scans[index].bytes) {
        scans[index].start = header.start
        scans[index].headerDurableEnd = header.durableEnd
      } else {
        scans[index].start = startByRecords(scans[index].bytes)
      }
    }
    var before = end
    for index in scans.indices {
      if scans[index].start == nil { scans[index].start = before }
      before = scans[index].start.map { scans[index].position(scans[index].bytes.count, $0) }
    }
    for index in scans.indices.dropLast().reversed() where scans[index].start == nil {
      guard let next = scans[index + 1].start else { continue }
      let count = UInt64(max(0, scans[index].bytes.count - segmentHeaderBytes))
      if next.bytes >= count { scans[index].start = JournalPosition(next.bytes - count) }
    }
    var isAnythingKnown = true
    if scans.allSatisfy({ $0.start == nil }) {
      // A journal whose first sync a crash prevented lost its first sector. A header that is there and not whole is
      // damage.
      isAnythingKnown = scans[0].bytes.prefix(segmentHeaderBytes).allSatisfy { $0 == 0 }
      guard isAnythingKnown || scans[0].bytes.count > segmentHeaderBytes else { throw .damaged(file, offset: 0, "its header is damaged") }
      var start = JournalPosition(0)
      for index in scans.indices {
        scans[index].start = start
        start = scans[index].position(scans[index].bytes.count, start)
      }
    }
    guard scans.allSatisfy({ $0.start != nil }) else { throw .damaged(file, offset: 0, "nothing tells where its records stood") }
    var limit = JournalPosition(.max)
    for index in scans.indices.reversed() {
      scans[index].limit = limit
      limit = min(limit, scans[index].start ?? limit)
    }
    return isAnythingKnown
  }

  /// Where a segment begins, told by the first record in it that is whole.
  private static func startByRecords(_ bytes: [UInt8]) -> JournalPosition? {
    var at = segmentHeaderBytes
    while at + recordHeaderBytes <= bytes.count {
      var reader = ByteReader(bytes, in: (at + 8)..<bytes.count)
      if let stated = try? reader.fixed(UInt64.self), stated >= UInt64(at - segmentHeaderBytes),
        record(in: bytes, at: at, position: JournalPosition(stated)) != nil
      {
        return JournalPosition(stated - UInt64(at - segmentHeaderBytes))
      }
      at += 1
    }
    return nil
  }

  /// Finds the whole records of a segment, and how far they say that the journal was durable.
  private static func findRuns(_ scan: inout Scan, _ provenEnd: inout JournalPosition) {
    guard let start = scan.start, start < scan.limit else { return }
    provenEnd = max(provenEnd, scan.headerDurableEnd ?? provenEnd)
    var at = segmentHeaderBytes
    var run: Range<Int>?
    while at + recordHeaderBytes <= scan.bytes.count, scan.position(at, start) < scan.limit {
      if let record = record(in: scan.bytes, at: at, position: scan.position(at, start)) {
        provenEnd = max(provenEnd, record.durableEnd)
        run = (run?.lowerBound ?? at)..<record.end
        at = record.end
      } else {
        if let run { scan.runs.append(run) }
        run = nil
        at += 1
      }
    }
    if let run { scan.runs.append(run) }
  }

  /// Whether a crash that lost sectors explains why the record at the beginning of these bytes is not whole: in the
  /// place of what is lost there are zeros, or the file ends, since a journal writes no place twice.
  private static func couldBeTorn(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    if range.upperBound == bytes.count, bytes.count % sectorBytes == 0 { return true }
    func isBlank(_ from: Int, _ to: Int) -> Bool { from < to && bytes[from..<to].allSatisfy { $0 == 0 } }
    // Other writes to the same sector may have been kept: the piece of this record is what counts. Its length is known
    // by its beginning.
    let begin = range.lowerBound
    if isBlank(begin, min(begin + recordHeaderBytes, sectorEnd(begin), range.upperBound)) { return true }
    var reader = ByteReader(bytes, in: begin..<bytes.count)
    let length = Int((try? reader.fixed(UInt32.self)) ?? 0)
    let end = min(range.upperBound, begin + recordHeaderBytes + length)
    var at = begin
    while at < range.upperBound {
      let next = min(range.upperBound, sectorEnd(at))
      if isBlank(at, next) || isBlank(at, min(next, end)) { return true }
      at = next
    }
    return false
  }

  private static func sectorEnd(_ offset: Int) -> Int { (offset / sectorBytes + 1) * sectorBytes }

  // MARK: cutting

  /// Removes the torn tail: the first of these from `offset` on, and the others.
  private mutating func cut(
    _ scans: ArraySlice<Scan>, from offset: Int, at position: JournalPosition, _ disk: any Disk, _ recovery: inout JournalRecovery
  ) throws(JournalError) {
    invariant(offset >= 0, "journal \(stem): a tail cut at byte \(offset)")
    end = position
    for scan in scans.dropFirst().reversed() { try remove(scan, from: 0, disk, &recovery) }
    guard let first = scans.first else { return }
    let isKept = offset > 0 && (first.headerDurableEnd != nil || !first.runs.isEmpty)
    try remove(first, from: isKept ? offset : 0, disk, &recovery)
    guard let last = segments.last, last.number == first.number else { return }
    if isKept { segments[segments.count - 1].fileBytes = offset } else { segments.removeLast() }
  }

  private func remove(_ scan: Scan, from offset: Int, _ disk: any Disk, _ recovery: inout JournalRecovery) throws(JournalError) {
    recovery.tornBytes += scan.bytes.count - offset
    do throws(DiskError) {
      if offset == 0 { try disk.delete(fileName(scan.number)) } else { try disk.truncate(fileName(scan.number), to: offset) }
    } catch {
      throw .disk(error)
    }
  }
}
