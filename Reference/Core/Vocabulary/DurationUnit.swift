// Units of durations as people write them, and the rule by which parts such as those of `1h30m` make one: integers,
// each with a unit, the greater units first. One rule for queries, alert rules and scenario files.

/// The unit of a duration.
public enum DurationUnit: String, CaseIterable, Sendable {
  /// Seven days.
  case week = "w"
  /// 24 hours.
  case day = "d"
  /// 60 minutes.
  case hour = "h"
  /// 60 seconds.
  case minute = "m"
  /// The second.
  case second = "s"
  /// A thousandth of a second.
  case millisecond = "ms"
  /// A millionth of a second.
  case microsecond = "us"
  /// A billionth of a second.
  case nanosecond = "ns"

  /// The units as an error message lists them.
  public static let list = "ns, us, ms, s, m, h, d, w"

  /// The length of the unit in nanoseconds.
  public var nanoseconds: Int64 {
    switch self {
    case .week: 604_800_000_000_000
    case .day: 86_400_000_000_000
    case .hour: 3_600_000_000_000
    case .minute: 60_000_000_000
    case .second: 1_000_000_000
    case .millisecond: 1_000_000
    case .microsecond: 1000
    case .nanosecond: 1
    }
  }
}

/// A duration while its parts are added.
public struct DurationSum: Sendable {
  /// Why a part cannot be added.
  public enum Mistake: Error, Hashable, Sendable {
    /// Its unit is not smaller than that of the part before it.
    case unitDoesNotFall(after: DurationUnit)
    /// The sum would exceed 64 bits of nanoseconds.
    case tooLong
  }

  /// What the parts come to.
  public private(set) var nanoseconds: Int64 = 0
  private var last: DurationUnit?

  /// No part yet.
  public init() {}

  /// Adds so many units; nil are more than 64 bits hold.
  public mutating func add(_ count: UInt64?, _ unit: DurationUnit) throws(Mistake) {
    if let last, unit.nanoseconds >= last.nanoseconds { throw .unitDoesNotFall(after: last) }
    guard let count = count.flatMap({ Int64(exactly: $0) }) else { throw .tooLong }
    let (part, isProductTooLong) = count.multipliedReportingOverflow(by: unit.nanoseconds)
    let (sum, isSumTooLong) = nanoseconds.addingReportingOverflow(part)
    guard !isProductTooLong, !isSumTooLong else { throw .tooLong }
    (nanoseconds, last) = (sum, unit)
  }
}
