// Time as a machine may know it: spans, the node's monotonic clock, its wall clock, and deadlines.
//
// Limits: all values are 64-bit counts of nanoseconds (292 years); arithmetic saturates at both ends, so that no
// timestamp from outside can trap. A node has two clocks, as real machines do: the monotonic one (`Instant`) drifts but
// never jumps and is what timers run on; the wall clock (`WallTime`) has an offset, drifts and jumps.
// An instant of one node means nothing on another: a `Deadline` crosses the network as the time that is left of it.

/// A signed length of time in nanoseconds.
@frozen public struct TimeSpan: Comparable, Hashable, Sendable {
  /// Length in nanoseconds; negative spans point backwards.
  public var nanoseconds: Int64

  /// A span of `nanoseconds`.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// No time at all.
  @inlinable public static var zero: TimeSpan { TimeSpan(nanoseconds: 0) }
  /// The longest span, used as "for ever".
  @inlinable public static var forever: TimeSpan { TimeSpan(nanoseconds: .max) }

  /// `count` nanoseconds.
  @inlinable public static func nanoseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count) }
  /// `count` microseconds, saturating.
  @inlinable public static func microseconds(_ count: Int64) -> TimeSpan { scaled(count, 1_000) }
  /// `count` milliseconds, saturating.
  @inlinable public static func milliseconds(_ count: Int64) -> TimeSpan { scaled(count, 1_000_000) }
  /// `count` seconds, saturating.
  @inlinable public static func seconds(_ count: Int64) -> TimeSpan { scaled(count, 1_000_000_000) }
  /// `count` minutes, saturating.
  @inlinable public static func minutes(_ count: Int64) -> TimeSpan { scaled(count, 60_000_000_000) }
  /// `count` hours, saturating.
  @inlinable public static func hours(_ count: Int64) -> TimeSpan { scaled(count, 3_600_000_000_000) }

  @usableFromInline static func scaled(_ count: Int64, _ unit: Int64) -> TimeSpan {
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    return TimeSpan(nanoseconds: overflow ? (count < 0 ? .min : .max) : product)
  }

  /// Whole milliseconds, rounded towards zero.
  @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }
  /// Seconds as a floating-point number, for people; never for arithmetic that must be exact.
  @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

  @inlinable public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }
  /// Sum, saturating.
  @inlinable public static func + (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: saturatingSum(left.nanoseconds, right.nanoseconds))
  }
  /// Difference, saturating.
  @inlinable public static func - (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: saturatingDifference(left.nanoseconds, right.nanoseconds))
  }
  /// `span` repeated `factor` times, saturating.
  @inlinable public static func * (span: TimeSpan, factor: Int64) -> TimeSpan { scaled(span.nanoseconds, factor) }
}

/// A point on one node's monotonic clock, in nanoseconds since that clock's own origin. It never jumps and never runs
/// backwards.
@frozen public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since the origin of this node's clock.
  public var nanoseconds: Int64

  /// The point `nanoseconds` after the origin.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// A point that is never reached.
  @inlinable public static var never: Instant { Instant(nanoseconds: .max) }

  @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
  /// The point `span` later, saturating.
  @inlinable public static func + (left: Instant, span: TimeSpan) -> Instant {
    Instant(nanoseconds: saturatingSum(left.nanoseconds, span.nanoseconds))
  }
  /// The span from `right` to `left`, saturating.
  @inlinable public static func - (left: Instant, right: Instant) -> TimeSpan {
    TimeSpan(nanoseconds: saturatingDifference(left.nanoseconds, right.nanoseconds))
  }
}

/// What a node's wall clock shows: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. It may be wrong,
/// drift and jump.
@frozen public struct WallTime: Comparable, Hashable, Sendable {
  /// Nanoseconds since the Unix epoch; negative before it.
  public var nanoseconds: Int64

  /// The point `nanoseconds` after the Unix epoch.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// The point `milliseconds` after the Unix epoch, saturating.
  @inlinable public init(milliseconds: Int64) { nanoseconds = TimeSpan.milliseconds(milliseconds).nanoseconds }

  /// Whole milliseconds since the Unix epoch, rounded towards the past.
  @inlinable public var milliseconds: Int64 {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// Whether `milliseconds` says it exactly.
  @inlinable public var isWholeMilliseconds: Bool { nanoseconds % 1_000_000 == 0 }

  @inlinable public static func < (left: WallTime, right: WallTime) -> Bool { left.nanoseconds < right.nanoseconds }
  /// The point `span` later, saturating.
  @inlinable public static func + (left: WallTime, span: TimeSpan) -> WallTime {
    WallTime(nanoseconds: saturatingSum(left.nanoseconds, span.nanoseconds))
  }
  /// The point `span` earlier, saturating.
  @inlinable public static func - (left: WallTime, span: TimeSpan) -> WallTime {
    WallTime(nanoseconds: saturatingDifference(left.nanoseconds, span.nanoseconds))
  }
  /// The span from `right` to `left`, saturating.
  @inlinable public static func - (left: WallTime, right: WallTime) -> TimeSpan {
    TimeSpan(nanoseconds: saturatingDifference(left.nanoseconds, right.nanoseconds))
  }
}

/// The instant after which nobody waits for the answer any more, on this node's monotonic clock.
/// The host carries it to other nodes as the time that is left, so that no clock is compared with another.
@frozen public struct Deadline: Comparable, Hashable, Sendable {
  /// The last instant at which an answer is of use.
  public var instant: Instant

  /// A deadline at `instant`.
  @inlinable public init(_ instant: Instant) { self.instant = instant }

  /// No deadline.
  @inlinable public static var never: Deadline { Deadline(.never) }

  /// The time that is left at `now`; negative once the deadline has passed, `.forever` when there is none.
  @inlinable public func remaining(at now: Instant) -> TimeSpan { instant == .never ? .forever : instant - now }
  /// Whether the deadline lies behind `now`.
  @inlinable public func hasPassed(at now: Instant) -> Bool { instant < now }

  @inlinable public static func < (left: Deadline, right: Deadline) -> Bool { left.instant < right.instant }
}

@inlinable func saturatingSum(_ left: Int64, _ right: Int64) -> Int64 {
  let (sum, overflow) = left.addingReportingOverflow(right)
  return overflow ? (right < 0 ? .min : .max) : sum
}

@inlinable func saturatingDifference(_ left: Int64, _ right: Int64) -> Int64 {
  let (difference, overflow) = left.subtractingReportingOverflow(right)
  return overflow ? (right < 0 ? .max : .min) : difference
}
