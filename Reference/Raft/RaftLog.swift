// What a group knows of its log without the bytes of the entries: where it begins and ends, each entry's term and
// length, and the memberships in it. The bytes lie with the replica, in memory or in its journal.
//
// Limits: 12 bytes of memory for each entry that is held.

import DequeModule
import Vocabulary

/// The outline of a log.
struct RaftLog {
  /// One entry's outline.
  private struct Outline {
    var term: Term
    var byteCount: UInt32
  }

  /// The last entry that a snapshot covers; the log begins behind it.
  private(set) var start: LogPosition
  private var outlines = Deque<Outline>()
  /// The memberships that stand in the log or at its start, oldest first; never empty.
  private(set) var memberships: [(index: LogIndex, membership: Membership)]

  init(start: LogPosition, membership: Membership) {
    self.start = start
    memberships = [(start.index, membership)]
  }

  /// The index of the first entry that is held, or would be.
  var firstIndex: LogIndex { start.index.next }
  /// The index of the last entry; that of the start where none is held.
  var lastIndex: LogIndex { start.index + outlines.count }
  /// The last entry.
  var last: LogPosition { LogPosition(index: lastIndex, term: outlines.last?.term ?? start.term) }
  /// The membership in force: the newest in the log, committed or not (dissertation, section 4.1).
  var membership: Membership { memberships[memberships.count - 1].membership }
  /// Where that membership stands.
  var membershipIndex: LogIndex { memberships[memberships.count - 1].index }

  /// The membership in force at `index`.
  func membership(at index: LogIndex) -> Membership {
    (memberships.last { $0.index <= index } ?? memberships[0]).membership
  }

  /// The term of the entry at `index`; nil where it is not held and is not the start.
  func term(at index: LogIndex) -> Term? {
    if index == start.index { return start.term }
    guard index > start.index, index <= lastIndex else { return nil }
    return outlines[index - firstIndex].term
  }

  /// The length of the entry at `index` in bytes; 0 where it is not held.
  func byteCount(at index: LogIndex) -> Int {
    guard index > start.index, index <= lastIndex else { return 0 }
    return Int(outlines[index - firstIndex].byteCount)
  }

  /// Puts an entry behind the last one.
  mutating func append(_ term: Term, byteCount: Int, membership: Membership?) {
    outlines.append(Outline(term: term, byteCount: UInt32(clamping: byteCount)))
    guard let membership else { return }
    invariant(membershipIndex < lastIndex, "a membership at \(lastIndex) behind the one at \(membershipIndex)")
    memberships.append((lastIndex, membership))
  }

  /// Names those who vote at the beginning of a log that begins with the first entry, where nobody is known; false
  /// otherwise.
  mutating func found(by membership: Membership) -> Bool {
    guard start == .zero, memberships[0].index == .zero, memberships[0].membership.everyone.isEmpty, !membership.everyone.isEmpty else {
      return false
    }
    memberships[0].membership = membership
    return true
  }

  /// Forgets the entries from `index` on.
  mutating func truncate(from index: LogIndex) {
    guard index > start.index, index <= lastIndex else { return }
    outlines.removeLast(lastIndex - index + 1)
    while memberships.count > 1, memberships[memberships.count - 1].index > lastIndex { memberships.removeLast() }
    invariant(
      memberships[0].index <= start.index && lastIndex == index.previous,
      "a log cut before \(index) goes from \(start.index) to \(lastIndex), with its first membership at \(memberships[0].index)")
  }

  /// Forgets the entries up to `index`, which a snapshot covers.
  mutating func discard(upTo index: LogIndex) {
    guard index > start.index, let term = term(at: index) else { return }
    let inForce = membership(at: index)
    let last = lastIndex
    outlines.removeFirst(index - start.index)
    start = LogPosition(index: index, term: term)
    memberships.removeAll { $0.index <= index }
    memberships.insert((index, inForce), at: 0)
    invariant(lastIndex == last, "a log that ended at \(last) ends at \(lastIndex) without what stood up to \(index)")
  }

  /// Forgets everything: the log begins behind a snapshot.
  mutating func restart(behind snapshot: LogPosition, membership: Membership) {
    outlines.removeAll()
    start = snapshot
    memberships = [(snapshot.index, membership)]
  }

  /// What another log may agree with, of one that has no entry of `position`: the last of ours that is no later in term
  /// and place.
  func hint(before position: LogPosition) -> LogPosition {
    let index = max(start.index, lastIndex(notAbove: position.term, upTo: position.index))
    return LogPosition(index: index, term: term(at: index) ?? start.term)
  }

  /// The last index at or before `index` whose term is at most `term`: where a leader goes on after a hint. Before the
  /// start where even the start is of a later term: only the snapshot helps then.
  func lastIndex(notAbove term: Term, upTo index: LogIndex) -> LogIndex {
    var index = min(index, lastIndex)
    while index >= start.index, index > .zero, let own = self.term(at: index), own > term { index = index.previous }
    return index
  }
}
