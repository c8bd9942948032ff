// Where the entries of one group are: in memory as far as they are recent, and in the journal.
//
// While a server recovers, places may be missing: their segment is gone, and their copy stands further on. Afterwards
// none is. Limits: `recentLimitBytes` of the newest entries stay in memory, and all that is not committed yet; 48 bytes
// are kept for each entry held.

import DequeModule
import Durable
import Vocabulary
import Wire

/// The entries of one group.
struct EntryStore {
  private struct Slot {
    /// Its record; one of no bytes where it is missing.
    var location: JournalLocation
    /// Which entry of its record.
    var ordinal: UInt32
    var byteCount: UInt32
    /// Nil where it is only in the journal.
    var entry: LogEntry?

    var isMissing: Bool { location.payloadBytes == 0 }
    static let missing = Slot(location: JournalLocation(position: JournalPosition(.max), payloadBytes: 0), ordinal: 0, byteCount: 0)
  }

  private var slots = Deque<Slot>()
  private(set) var firstIndex = LogIndex(1)
  /// The first entry that may still be in memory.
  private var firstInMemory = LogIndex(1)
  private var bytesInMemory = 0
  /// What the entries take in the journal, about.
  private(set) var heldBytes = 0
  /// Whether later entries stand further on in the journal: so it is until some are carried forward.
  private var isInOrder = true
  /// The oldest record's place, while it is known and `isInOrder` is false.
  private var knownOldest: JournalPosition?
  let recentLimitBytes: Int
  /// What frames an entry in the journal, about.
  private static let framingBytes = 16

  init(recentLimitBytes: Int) { self.recentLimitBytes = recentLimitBytes }

  var endIndex: LogIndex { firstIndex + slots.count }

  /// Where the oldest record stands that holds one of the entries.
  mutating func oldestPosition() -> JournalPosition? {
    if isInOrder { return slots.first?.location.position }
    if let knownOldest { return knownOldest }
    var oldest: JournalPosition?
    var last = JournalPosition(0)
    isInOrder = true
    for slot in slots {
      isInOrder = isInOrder && slot.location.position >= last
      last = slot.location.position
      oldest = min(oldest ?? last, last)
    }
    knownOldest = oldest
    return oldest
  }

  /// Puts entries at `first`, in the place of what stands there and behind. What lies between the last one and `first`
  /// is missing.
  mutating func append(_ entries: [LogEntry], first: LogIndex, at location: JournalLocation) {
    if slots.isEmpty && first > firstIndex { restart(at: first) }
    invariant(first >= firstIndex, "entries from \(first) on before a store that begins at \(firstIndex)")
    truncate(from: first)
    while endIndex < first { slots.append(.missing) }
    for (ordinal, entry) in entries.enumerated() {
      bytesInMemory += entry.bytes.count
      heldBytes += entry.bytes.count + Self.framingBytes
      slots.append(Slot(location: location, ordinal: UInt32(ordinal), byteCount: UInt32(clamping: entry.bytes.count), entry: entry))
    }
    invariant(
      endIndex == first + entries.count,
      "\(entries.count) entries from \(first) on end at \(endIndex): the log has a hole or an entry twice")
  }

  /// Notes where entries stand too, or stand that are missing. Those that were missing are not taken into memory.
  /// `keepsOrder` is a planted bug.
  mutating func fill(_ entries: [LogEntry], first: LogIndex, at location: JournalLocation, keepsOrder: Bool = false) {
    if slots.isEmpty { restart(at: first) }
    while firstIndex > first {
      slots.prepend(.missing)
      firstIndex = firstIndex.previous
    }
    while endIndex < first + entries.count { slots.append(.missing) }
    for (ordinal, entry) in entries.enumerated() {
      let place = first - firstIndex + ordinal
      heldBytes += slots[place].isMissing ? entry.bytes.count + Self.framingBytes : 0
      slots[place].location = location
      slots[place].ordinal = UInt32(ordinal)
      slots[place].byteCount = UInt32(clamping: entry.bytes.count)
    }
    isInOrder = isInOrder && keepsOrder
    knownOldest = nil
  }

  mutating func truncate(from index: LogIndex) {
    guard index < endIndex, index >= firstIndex else { return }
    for _ in 0..<(endIndex - index) { if let slot = slots.popLast() { forget(slot) } }
    firstInMemory = min(firstInMemory, endIndex)
  }

  private mutating func forget(_ slot: Slot) {
    bytesInMemory -= slot.entry?.bytes.count ?? 0
    invariant(bytesInMemory >= 0, "\(bytesInMemory) bytes of entries in memory")
    heldBytes -= slot.isMissing ? 0 : Int(slot.byteCount) + Self.framingBytes
    knownOldest = nil
  }

  /// Drops from memory what is beyond the limit, up to `index`.
  mutating func forgetOld(upTo index: LogIndex) {
    while bytesInMemory > recentLimitBytes, firstInMemory <= index, firstInMemory < endIndex {
      invariant(
        firstInMemory >= firstIndex, "entries are in memory from \(firstInMemory) on, of a store that begins at \(firstIndex)")
      let place = firstInMemory - firstIndex
      bytesInMemory -= slots[place].entry?.bytes.count ?? 0
      slots[place].entry = nil
      firstInMemory = firstInMemory.next
    }
  }

  /// Drops the entries up to `index`.
  mutating func discard(upTo index: LogIndex) {
    while firstIndex <= index, let slot = slots.popFirst() {
      forget(slot)
      firstIndex = firstIndex.next
    }
    firstInMemory = max(firstInMemory, firstIndex)
    invariant(
      firstInMemory <= endIndex, "entries are in memory from \(firstInMemory) on, of a store that ends at \(endIndex)")
  }

  /// Drops all: the next entry has this index.
  mutating func restart(at index: LogIndex) {
    slots.removeAll()
    bytesInMemory = 0
    heldBytes = 0
    isInOrder = true
    knownOldest = nil
    firstIndex = index
    firstInMemory = index
  }

  /// `count` entries from `first` on; throws where one is not held or cannot be read.
  func entries(from first: LogIndex, count: Int, _ journal: Journal, _ disk: any Disk) throws(JournalError) -> [LogEntry] {
    guard count > 0 else { return [] }
    guard first >= firstIndex, first + count <= endIndex else { throw .notHeld(JournalPosition(0)) }
    var result: [LogEntry] = []
    result.reserveCapacity(count)
    var loaded: (location: JournalLocation, entries: [LogEntry])?
    for place in (first - firstIndex)..<(first - firstIndex + count) {
      let slot = slots[place]
      if let entry = slot.entry {
        result.append(entry)
        continue
      }
      if loaded?.location != slot.location { loaded = (slot.location, try Self.load(slot.location, journal, disk)) }
      guard let entries = loaded?.entries, entries.indices.contains(Int(slot.ordinal)) else { throw .notHeld(slot.location.position) }
      result.append(entries[Int(slot.ordinal)])
    }
    return result
  }

  private static func load(_ location: JournalLocation, _ journal: Journal, _ disk: any Disk) throws(JournalError) -> [LogEntry] {
    let payload = try journal.read(location, from: disk)
    switch try? RaftRecord(payload[...]) {
    case .entries(_, _, let entries), .carried(_, _, let entries): return entries
    case .state, .snapshot, .installed, nil: throw .notHeld(location.position)
    }
  }

  // MARK: carrying forward

  /// Bytes of entries whose records stand before `goal`, or more than `limit` where they are more, or too many to look
  /// at.
  func heldBytes(before goal: JournalPosition, upTo limit: Int) -> Int {
    var bytes = 0
    for (looked, slot) in slots.enumerated() {
      if slot.location.position >= goal {
        if isInOrder { return bytes }
        continue
      }
      bytes += Int(slot.byteCount) + Self.framingBytes
      if bytes > limit || looked > 16_384 { return limit + 1 }
    }
    return bytes
  }

  /// The next entries from `index` on whose records stand before `goal`: at most `limitBytes` (one always fits), found
  /// among the next `limitCount`. Where the search ended, and the entries, if there are any.
  func piece(
    before goal: JournalPosition, from index: LogIndex, limitBytes: Int, limitCount: Int
  ) -> (first: LogIndex, count: Int, end: LogIndex, isLast: Bool) {
    var place = max(index, firstIndex) - firstIndex
    let stop = min(slots.count, place + limitCount)
    while place < stop, slots[place].location.position >= goal { place += 1 }
    let first = place
    var bytes = 0
    while place < stop, slots[place].location.position < goal {
      let more = Int(slots[place].byteCount) + Self.framingBytes
      if place > first && bytes + more > limitBytes { break }
      bytes += more
      place += 1
    }
    return (firstIndex + first, place - first, firstIndex + place, place >= slots.count)
  }

  /// The first `count` entries from `first` on that are at most `limitBytes` long, at least one.
  func count(from first: LogIndex, limitBytes: Int) -> Int {
    var place = max(first, firstIndex) - firstIndex
    let begin = place
    var bytes = 0
    while place < slots.count {
      bytes += Int(slots[place].byteCount) + Self.framingBytes
      if place > begin && bytes > limitBytes { break }
      place += 1
    }
    return place - begin
  }
}
