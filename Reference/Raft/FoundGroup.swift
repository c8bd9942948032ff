// What a server finds of one group in its journal, record by record, when it starts. The rules of the records are on
// the page RaftRecord.md.
//
// Where records are missing in between (a gap, where the journal is damaged), two things are kept apart: the log as it
// was before the gap, which is a log that this server really had once, and what later records tell of the log as it was
// after it. They are never joined by guessing: entries that stood before the gap may have been replaced within it. What
// comes after it is taken where it goes on from a snapshot without a hole; else the log is the one before the gap, and
// a floor tells how far the true one went. Requirements: MONITORING-9, 10.

import DequeModule
import Durable
import Vocabulary
import Wire

/// What is known of a log. Places may be missing while the journal is read: their segment is gone, and their copy
/// stands further on.
struct FoundLog {
  /// One entry's outline.
  typealias Outline = (term: Term, byteCount: Int, membership: Membership?)

  private(set) var store: EntryStore
  private var outlines = Deque<Outline?>()

  init(recentLimitBytes: Int) { store = EntryStore(recentLimitBytes: recentLimitBytes) }

  var firstIndex: LogIndex { store.firstIndex }
  /// Behind the last place.
  var endIndex: LogIndex { firstIndex + outlines.count }
  /// The last entry, where the log has any.
  var last: LogPosition? {
    guard let outline = outlines.last, let outline else { return nil }
    return LogPosition(index: endIndex.previous, term: outline.term)
  }

  /// Places that may be missing between two records: more is no log of ours.
  private static let maximumMissing = 1 << 26

  /// The term of the entry at `index`, where it is known.
  func term(at index: LogIndex) -> Term? {
    guard index >= firstIndex, index < endIndex else { return nil }
    return outlines[index - firstIndex]?.term
  }

  /// Takes entries that replace what stands at `first` and behind; false where they cannot be part of this log.
  mutating func replace(_ entries: [LogEntry], first: LogIndex, at location: JournalLocation) -> Bool {
    guard outlines.isEmpty || first - endIndex <= Self.maximumMissing else { return false }
    if outlines.isEmpty || first < firstIndex { restart(at: first) }
    if endIndex > first { outlines.removeLast(endIndex - first) }
    while endIndex < first { outlines.append(nil) }
    for entry in entries { outlines.append(Self.outline(entry)) }
    store.append(entries, first: first, at: location)
    store.forgetOld(upTo: first + entries.count)
    invariant(
      store.endIndex == endIndex && store.firstIndex == firstIndex,
      "a store from \(store.firstIndex) to \(store.endIndex) of a log from \(firstIndex) to \(endIndex)")
    return true
  }

  /// Takes copies of entries that the log has; false where they cannot be part of this log.
  mutating func fill(_ entries: [LogEntry], first: LogIndex, at location: JournalLocation) -> Bool {
    if outlines.isEmpty { restart(at: first) }
    guard firstIndex - first <= Self.maximumMissing, first - endIndex <= Self.maximumMissing else { return false }
    for _ in 0..<(firstIndex - first) { outlines.prepend(nil) }
    store.fill(entries, first: first, at: location)
    while endIndex < first + entries.count { outlines.append(nil) }
    for (offset, entry) in entries.enumerated() { outlines[first - firstIndex + offset] = Self.outline(entry) }
    invariant(
      store.endIndex == endIndex && store.firstIndex == firstIndex,
      "a store from \(store.firstIndex) to \(store.endIndex) of a log from \(firstIndex) to \(endIndex)")
    return true
  }

  /// Notes that entries of it were written anew.
  mutating func moved(_ entries: [LogEntry], first: LogIndex, to location: JournalLocation) {
    store.fill(entries, first: first, at: location)
  }

  /// Forgets the entries up to `index`.
  mutating func discard(upTo index: LogIndex) {
    guard index >= firstIndex else { return }
    guard index < endIndex else { return restart(at: index.next) }
    outlines.removeFirst(index.next - firstIndex)
    store.discard(upTo: index)
    invariant(store.endIndex == endIndex, "a store that ends at \(store.endIndex) of a log that ends at \(endIndex)")
  }

  /// Forgets all: the next entry has this index.
  mutating func restart(at index: LogIndex) {
    outlines.removeAll()
    store.restart(at: index)
  }

  /// Forgets the entries from `index` on.
  mutating func truncate(from index: LogIndex) {
    guard index >= firstIndex, index < endIndex else { return }
    outlines.removeLast(endIndex - index)
    store.truncate(from: index)
  }

  /// Whether it goes on behind `index` without a hole; an empty log does.
  func isWhole(behind index: LogIndex) -> Bool { outlines.isEmpty || (firstIndex == index.next && !outlines.contains { $0 == nil }) }

  /// Makes it go on behind `index` without a hole: what stands behind the first hole is forgotten.
  mutating func makeWhole(behind index: LogIndex) {
    guard firstIndex == index.next else { return restart(at: index.next) }
    if let hole = outlines.firstIndex(where: { $0 == nil }) { truncate(from: firstIndex + hole) }
  }

  /// The outlines; of a log without holes.
  var entries: [Outline] { outlines.compactMap { $0 } }

  private static func outline(_ entry: LogEntry) -> Outline {
    (entry.term, entry.bytes.count, entry.kind == .membership ? try? Membership(entry.bytes) : nil)
  }
}

/// What was found of a group in the journal.
struct FoundGroup {
  var state = HardState()
  private(set) var snapshot: RaftMessage.Snapshot?
  var log: FoundLog
  /// The log as it was at a gap, and the snapshot behind which it began; nil where none may concern this group any
  /// more.
  private var before: (log: FoundLog, start: LogPosition)?
  /// Whether the log's end is told by a record since the last gap.
  private var isEndKnown = true
  /// Whether the term and the vote are told by a record since the last gap.
  private(set) var isStateKnown = true
  private let recentLimitBytes: Int

  init(recentLimitBytes: Int) {
    self.recentLimitBytes = recentLimitBytes
    log = FoundLog(recentLimitBytes: recentLimitBytes)
  }

  /// Whether something of the log may have stood in a gap.
  var isSuspect: Bool { before != nil }
  /// The last entry that the newest snapshot covers.
  var start: LogPosition { snapshot?.last ?? .zero }
  /// The last entry of the log, or the snapshot's.
  var lastEntry: LogPosition { log.last ?? start }

  /// Takes a record in its turn; false where it cannot be.
  mutating func take(_ record: RaftRecord, _ location: JournalLocation) -> Bool {
    switch record {
    case .entries(_, let first, let entries):
      isEndKnown = true
      return log.replace(entries, first: first, at: location)
    case .carried(_, let first, let entries): return log.fill(entries, first: first, at: location)
    case .state(_, let state):
      self.state = state
      isStateKnown = true
    case .snapshot(_, let snapshot) where snapshot.last == .zero:
      // It says who founded the group, and covers no entry.
      if start == .zero { self.snapshot = snapshot }
    case .snapshot(_, let snapshot):
      self.snapshot = snapshot
      log.discard(upTo: snapshot.last.index)
    case .installed(_, let snapshot):
      self.snapshot = snapshot
      log.restart(at: snapshot.last.index.next)
      before = nil
      isEndKnown = true
    }
    return true
  }

  /// Records may be missing here.
  mutating func noteGap() {
    // Of several gaps the log before the first is kept: it is one that this server really had.
    if before == nil { before = (log, start) }
    log = FoundLog(recentLimitBytes: recentLimitBytes)
    isEndKnown = false
    isStateKnown = false
  }

  /// Ends the reading: the log goes on behind the snapshot without a hole. Gives the floor that protects what may be
  /// missing, nil where nothing can be; throws where entries are missing and no gap explains it.
  mutating func settle() throws(StartRefusalReason) -> LogPosition? {
    let trueEnd = log.last
    log.discard(upTo: start.index)
    guard let before else {
      guard log.isWhole(behind: start.index) else {
        throw StartRefusalReason("its log begins at \(log.firstIndex), and no snapshot covers what was before")
      }
      if log.firstIndex != start.index.next { log.restart(at: start.index.next) }
      return nil
    }
    self.before = nil
    if isEndKnown, log.isWhole(behind: start.index) {
      if log.firstIndex != start.index.next { log.restart(at: start.index.next) }
      return nil
    }
    log = before.log
    // A snapshot that is newer than the log before the gap covers a part of it only where that log has the snapshot's
    // last entry.
    if before.start != start, log.term(at: start.index) != start.term { log.restart(at: start.index.next) }
    log.discard(upTo: start.index)
    log.makeWhole(behind: start.index)
    // Of a log whose end is not known every entry of the latest term may have been acknowledged: only a log with a
    // later one holds them all.
    return isEndKnown ? trueEnd : LogPosition(index: LogIndex(.max), term: state.term)
  }
}

/// Why a group cannot be recovered.
struct StartRefusalReason: Error {
  var text: String
  init(_ text: String) { self.text = text }
}
