// The use of something that serves one after the other: the loop of a box, its disk. What is put down keeps its time;
// when one of the nodes ends, what it had not used yet is free again, and nothing that was put down for others moves.
//
// Limits: what lies free between two uses that stay is used by nobody.

import Vocabulary

/// Who uses it, and until when.
struct SerialUse {
  private struct Use {
    var node: NodeID
    var start: Int64
    var end: Int64
  }

  /// Until when it is taken, in nanoseconds of virtual time.
  private(set) var busyUntil: Int64 = 0
  /// The last use that was put down.
  private var last = Use(node: NodeID(.max), start: 0, end: 0)
  /// Those before it that may not be over; hardly ever any.
  private var earlier: [Use] = []

  /// Takes it for `node` as soon as it is free and `start` has come, for `nanoseconds`. Returns when that is over.
  @inline(__always) mutating func take(by node: NodeID, at now: Int64, from start: Int64, for nanoseconds: Int64) -> Int64 {
    if busyUntil > now { keepLast(at: now) } else if !earlier.isEmpty { earlier.removeAll() }
    let start = max(start, busyUntil)
    busyUntil = start + nanoseconds
    last = Use(node: node, start: start, end: busyUntil)
    return busyUntil
  }

  /// Keeps the last use as one that may not be over, and forgets those that are: of what is never free there would be no
  /// end of them.
  private mutating func keepLast(at now: Int64) {
    if earlier.count >= 8 { earlier.removeAll { $0.end <= now } }
    earlier.append(last)
  }

  /// What `node` has not used yet is free. Returns how many nanoseconds that is.
  mutating func release(_ node: NodeID, at now: Int64) -> Int64 {
    guard busyUntil > now else { return 0 }
    var freed: Int64 = 0
    var kept: [Use] = []
    // A turn may cost nothing, and then holds nobody up.
    for use in earlier + [last] where use.end > max(use.start, now) {
      if use.node == node { freed += use.end - max(use.start, now) } else { kept.append(use) }
    }
    last = kept.popLast() ?? Use(node: node, start: now, end: now)
    earlier = kept
    busyUntil = last.end
    invariant(freed >= 0 && busyUntil >= now, "\(freed) ns are free of what is taken until \(busyUntil), at \(now)")
    return freed
  }

  /// For how many nanoseconds it is taken from `now` on.
  func nanosecondsLeft(at now: Int64) -> Int64 {
    guard busyUntil > now else { return 0 }
    return (earlier + [last]).reduce(0) { $0 + max(0, $1.end - max($1.start, now)) }
  }
}
