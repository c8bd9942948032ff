// The wake of an open-loop load: armed for the next arrival, whatever becomes of the requests before it.

import Vocabulary

/// Wakes a load at each of its arrivals, until it ends.
public struct ArrivalTimer {
  private let arrivals: Arrivals
  private let until: TimeSpan
  private var timer: TimerID?
  /// The number of the arrival that is waited for, or is due: no other of this node has it, in whatever life.
  public private(set) var number = 0
  /// When the arrival that is due was meant to be, on the node's clock: a wake comes late where the node is busy, and what it
  /// is for is late by that too.
  public private(set) var intended = Instant(nanoseconds: 0)
  /// When the load started its first life, on its node's clock.
  public private(set) var origin = Instant(nanoseconds: 0)

  /// A timer for arrivals within `until` after the load's start.
  public init(_ arrivals: Arrivals, until: TimeSpan) {
    self.arrivals = arrivals
    self.until = until
  }

  /// The load starts: waits for the first arrival, which always comes; or it starts anew, and goes on.
  public mutating func start(_ turn: inout Turn) {
    origin = turn.loadOrigin
    number = turn.numbersBefore
    intended = turn.now
    if turn.incarnation > 0 { return goOn(&turn) }
    number += 1
    intended = intended + arrivals.nextGap(&turn.random)
    timer = turn.wake(at: intended)
  }

  /// Whether `event` is the arrival that was waited for. The load does what it does then, and calls `goOn`.
  public func isDue(_ event: Event) -> Bool { if case .timer(let timer) = event { timer == self.timer } else { false } }

  /// Waits for the next arrival, if there is one.
  public mutating func goOn(_ turn: inout Turn) {
    number += 1
    // From when the last was meant to be: else each late wake would put off all that come after it.
    intended = intended + arrivals.nextGap(&turn.random)
    timer = intended < origin + until ? turn.wake(at: intended) : nil
  }
}
