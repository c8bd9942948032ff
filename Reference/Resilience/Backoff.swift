// Backoff: how long to wait before trying again. Exponential with full jitter (Brooker, "Exponential Backoff and
// Jitter", AWS 2015), capped, and never beyond the deadline.

import Vocabulary

/// Waits between attempts.
public struct Backoff: Sendable, Hashable {
  /// The longest possible first wait; doubles with each further attempt.
  public var base: TimeSpan
  /// What no wait exceeds.
  public var cap: TimeSpan

  /// A backoff.
  public init(base: TimeSpan, cap: TimeSpan) {
    invariant(base > .zero && cap >= base, "a backoff from \(base) to \(cap) needs a positive base and a cap not below it")
    self.base = base
    self.cap = cap
  }

  /// The longest wait before attempt `attempt` (1 is the first retry).
  public func ceiling(beforeAttempt attempt: Int) -> TimeSpan {
    let doublings = Int64(min(max(attempt - 1, 0), 62))
    let (product, overflow) = base.nanoseconds.multipliedReportingOverflow(by: 1 << doublings)
    return overflow ? cap : min(cap, TimeSpan(nanoseconds: product))
  }

  /// When to try again at `now`, before attempt `attempt`, not earlier than `floor` later (a server's Retry-After); nil
  /// where that would not be before `deadline`.
  public func nextAttempt(
    _ attempt: Int, now: Instant, deadline: Deadline, floor: TimeSpan = .zero, _ random: inout RandomStream
  ) -> Instant? {
    let jittered = random.span(in: .zero...ceiling(beforeAttempt: attempt))
    let instant = now + max(jittered, floor)
    invariant(instant >= now, "attempt \(attempt) at \(instant), before now, \(now)")
    return instant < deadline.instant ? instant : nil
  }
}
