// When something is due in a table (a time-out, a next attempt), with one wake armed at a time, for the earliest of
// these instants. What is over is dropped when it comes first, or when there is much of it; nothing is taken out before.
// A wake that turns out early is let be: what is waited for mostly ends long before its time-out, and arming anew for
// each would cost two effects.

import HeapModule
import Vocabulary

/// Instants of keys, and the one wake of a table.
package struct DueWakes<Key: Comparable> {
  /// Something is due for a key. Of one instant the lesser key comes first.
  package struct Due: Comparable {
    /// When.
    package var instant: Instant
    /// For whom.
    package var key: Key
    package static func < (left: Due, right: Due) -> Bool {
      left.instant != right.instant ? left.instant < right.instant : left.key < right.key
    }
  }

  private var dues = Heap<Due>()
  private var armed: (timer: TimerID, at: Instant)?

  /// Nothing is due.
  package init() {}

  /// Puts down that something is due for a key; what is due never is not.
  package mutating func insert(_ key: Key, at instant: Instant) {
    if instant != .never { dues.insert(Due(instant: instant, key: key)) }
  }

  /// Whether a timer is the table's wake, which then is armed no more.
  package mutating func takes(_ timer: TimerID) -> Bool {
    guard let armed, armed.timer == timer else { return false }
    self.armed = nil
    return true
  }

  /// Takes the next key for which something may be due by `now`; nil where there is none.
  package mutating func next(by now: Instant) -> Key? {
    guard let first = dues.min, first.instant <= now else { return nil }
    dues.removeMin()
    return first.key
  }

  /// Keeps one wake armed, not later than the earliest instant at which something is due. More than `most` instants are
  /// looked through for those that `isStillDue` says are over.
  package mutating func arm(_ turn: inout Turn, most: Int, isStillDue: (Due) -> Bool) {
    if dues.count > most { dues = Heap(dues.unordered.filter(isStillDue)) }
    while let first = dues.min, !isStillDue(first) { dues.removeMin() }
    guard let first = dues.min else { return }
    if let armed {
      if armed.at <= first.instant { return }
      turn.cancelWake(armed.timer)
    }
    invariant(armed.map { $0.at > first.instant } ?? true, "a wake at \(first.instant) beside one at \(String(describing: armed?.at))")
    armed = (turn.wake(at: first.instant), first.instant)
  }
}
