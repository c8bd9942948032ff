// What a server finds of one group in its journal, record by record, when it starts. The rules of the records are on the page RaftRecord.md.
//
// Requirements: MONITORING-9, 10.

import Durable
import Wire

/// What was found of a group in the journal.
struct FoundGroup {
  var state = HardState()
  var snapshot: RaftMessage.Snapshot?
  var first = LogIndex(1)
  var entries: [(term: Term, byteCount: Int, membership: Membership?)] = []
  var store: EntryStore
  /// Whether what came before the first entry is known: older segments are gone, and the snapshot that covers them comes later.
  var isVouched = true

  init(recentLimitBytes: Int) { store = EntryStore(recentLimitBytes: recentLimitBytes) }

  /// Takes a record in its turn; false where it does not fit those before it.
  mutating func take(_ record: RaftRecord, _ location: JournalLocation) -> Bool {
    switch record {
    case .entries(_, let index, let new):
      if index > first + entries.count || index < first {
        // What is missing was discarded with its segment, which only happens once a snapshot that covers it stands further on.
        guard index > first || !isVouched else { return false }
        isVouched = false
        first = index
        entries.removeAll()
        store.restart(at: index)
      }
      entries.removeLast(first + entries.count - index)
      for entry in new {
        entries.append((entry.term, entry.bytes.count, entry.kind == .membership ? try? Membership(entry.bytes) : nil))
      }
      store.append(new, first: index, at: location)
      store.forgetOld(upTo: index + new.count)
    case .state(_, let state): self.state = state
    case .snapshot(_, let snapshot) where snapshot.last == .zero:
      // It says who founded the group, and covers no entry: those that came stay.
      if self.snapshot == nil { self.snapshot = snapshot }
    case .snapshot(_, let snapshot):
      let place = snapshot.last.index.value >= first.value ? Int(snapshot.last.index.value - first.value) : -1
      if entries.indices.contains(place), entries[place].term == snapshot.last.term {
        entries.removeFirst(place + 1)
        store.discard(upTo: snapshot.last.index)
      } else if !isVouched && snapshot.last.index < first {
        // A later one covers what is missing in between, unless nothing is.
        isVouched = snapshot.last.index.next == first
        self.snapshot = snapshot
        return true
      } else if self.snapshot?.last != snapshot.last {
        entries.removeAll()
        store.restart(at: snapshot.last.index.next)
      }
      first = snapshot.last.index.next
      isVouched = true
      self.snapshot = snapshot
    }
    return true
  }
}
