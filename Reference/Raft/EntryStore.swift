// Where the entries of one group are: in memory as far as they are recent, and in the journal.
//
// Limits: `recentLimitBytes` of the newest entries stay in memory, and all that is not applied yet; 32 bytes are kept for each entry held.

import DequeModule
import Durable
import Vocabulary
import Wire

/// The entries of one group.
struct EntryStore {
  private struct Slot {
    var location: JournalLocation
    /// Which entry of its record.
    var ordinal: UInt32
    /// Nil where it is only in the journal.
    var entry: LogEntry?
  }

  private var slots = Deque<Slot>()
  private var firstIndex = LogIndex(1)
  /// The first entry that may still be in memory.
  private var firstInMemory = LogIndex(1)
  private var bytesInMemory = 0
  let recentLimitBytes: Int

  init(recentLimitBytes: Int) { self.recentLimitBytes = recentLimitBytes }

  private var endIndex: LogIndex { firstIndex + slots.count }

  /// Where the oldest entry that is held lies.
  var oldestLocation: JournalLocation? { slots.first?.location }

  /// Puts entries at `first`, in the place of what stands there and behind.
  mutating func append(_ entries: [LogEntry], first: LogIndex, at location: JournalLocation) {
    if slots.isEmpty && first > firstIndex { restart(at: first) }
    truncate(from: first)
    for (ordinal, entry) in entries.enumerated() {
      bytesInMemory += entry.bytes.count
      slots.append(Slot(location: location, ordinal: UInt32(ordinal), entry: entry))
    }
  }

  private mutating func truncate(from index: LogIndex) {
    guard index < endIndex, index >= firstIndex else { return }
    for _ in 0..<(endIndex - index) { bytesInMemory -= slots.removeLast().entry?.bytes.count ?? 0 }
    firstInMemory = min(firstInMemory, endIndex)
  }

  /// Drops from memory what is beyond the limit, up to `index`.
  mutating func forgetOld(upTo index: LogIndex) {
    while bytesInMemory > recentLimitBytes, firstInMemory <= index, firstInMemory < endIndex {
      let place = firstInMemory - firstIndex
      bytesInMemory -= slots[place].entry?.bytes.count ?? 0
      slots[place].entry = nil
      firstInMemory = firstInMemory.next
    }
  }

  /// Drops the entries up to `index`.
  mutating func discard(upTo index: LogIndex) {
    while firstIndex <= index, let slot = slots.popFirst() {
      bytesInMemory -= slot.entry?.bytes.count ?? 0
      firstIndex = firstIndex.next
    }
    firstInMemory = max(firstInMemory, firstIndex)
  }

  /// Drops all: the next entry has this index.
  mutating func restart(at index: LogIndex) {
    slots.removeAll()
    bytesInMemory = 0
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
    guard case .entries(_, _, let entries)? = try? RaftRecord(payload[...]) else { throw .notHeld(location.position) }
    return entries
  }
}
