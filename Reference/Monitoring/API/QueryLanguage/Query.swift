// The query language as values: what a text means once it is parsed.
//
// A `Query` aggregates one measurement over the points that meet all conditions. Times are Int64 nanoseconds since 1970
// UTC, durations Int64 nanoseconds. Every value that the parser returns prints (see `QueryPrinting.swift`) to a text
// that parses to an equal value. Names and values are equal where their bytes are. Serves MONITORING-19 and, as cache
// key, MONITORING-21.

import Vocabulary
import Wire

/// One `SELECT …`.
public struct Query: Sendable, Equatable {
  /// The aggregates, at least one, each with its own result column.
  public var selections: [Selection]
  /// The measurement that all aggregates read.
  public var measurement: String
  /// What a point must meet, all of it.
  public var conditions: [Condition]
  /// `GROUP BY`.
  public var grouping: Grouping
  /// What an empty time bucket gives.
  public var fill: Fill
  /// The order of the result by time.
  public var order: TimeOrder
  /// The most rows returned; nil is all.
  public var limit: Int64?
  /// The rows skipped before the first returned.
  public var offset: Int64

  /// A query.
  public init(
    selections: [Selection], measurement: String, conditions: [Condition] = [], grouping: Grouping = Grouping(), fill: Fill = .absent,
    order: TimeOrder = .ascending, limit: Int64? = nil, offset: Int64 = 0
  ) {
    self.selections = selections
    self.measurement = measurement
    self.conditions = conditions
    self.grouping = grouping
    self.fill = fill
    self.order = order
    self.limit = limit
    self.offset = offset
  }

  public static func == (left: Query, right: Query) -> Bool {
    sameBytes(left.measurement, right.measurement) && left.selections == right.selections && left.conditions == right.conditions
      && left.grouping == right.grouping && left.fill == right.fill && left.order == right.order && left.limit == right.limit
      && left.offset == right.offset
  }
}

/// One aggregate of a query and the name of its result.
public struct Selection: Sendable, Equatable {
  /// The aggregate.
  public var aggregate: Aggregate
  /// The name given with `AS`.
  public var alias: String?

  /// A selection.
  public init(_ aggregate: Aggregate, alias: String? = nil) {
    self.aggregate = aggregate
    self.alias = alias
  }

  /// The name of the result column: the alias, else the aggregate's own name.
  public var column: String { alias ?? aggregate.rawValue }

  public static func == (left: Selection, right: Selection) -> Bool {
    left.aggregate == right.aggregate && left.alias.map { ExactName($0) } == right.alias.map { ExactName($0) }
  }
}

/// A way to make one number of many points.
public enum Aggregate: String, Sendable, CaseIterable {
  /// The arithmetic mean.
  case avg
  /// The sum.
  case sum
  /// How many points there are.
  case count
  /// The least value.
  case min
  /// The greatest value.
  case max
  /// The value of the earliest point.
  case first
  /// The value of the latest point.
  case last
}

/// One condition of `WHERE`.
public enum Condition: Sendable, Equatable {
  /// A tag has, or has not, a value. A series without the tag has the empty one.
  case tag(String, TagComparison, String)
  /// The time of the point.
  case time(TimeComparison, Moment)

  public static func == (left: Condition, right: Condition) -> Bool {
    switch (left, right) {
    case (.tag(let name, let comparison, let value), .tag(let otherName, let otherComparison, let otherValue)):
      comparison == otherComparison && sameBytes(name, otherName) && sameBytes(value, otherValue)
    case (.time(let comparison, let moment), .time(let otherComparison, let otherMoment)):
      comparison == otherComparison && moment == otherMoment
    case (.tag, .time), (.time, .tag): false
    }
  }
}

/// How a tag is compared.
public enum TagComparison: String, Sendable, CaseIterable {
  /// Equal bytes.
  case equal = "="
  /// Other bytes.
  case notEqual = "!="
}

/// How a time is compared.
public enum TimeComparison: String, Sendable, CaseIterable {
  /// Earlier.
  case before = "<"
  /// Earlier or the same.
  case atMost = "<="
  /// Later.
  case after = ">"
  /// Later or the same.
  case atLeast = ">="
  /// The same.
  case at = "="
}

/// A moment that a condition names.
public enum Moment: Sendable, Equatable {
  /// The moment of evaluation plus so many nanoseconds (negative is earlier).
  case now(plusNanoseconds: Int64)
  /// Nanoseconds since 1970 UTC.
  case instant(nanoseconds: Int64)

  /// The moment in nanoseconds since 1970 UTC, which may lie beyond 64 bits.
  public func exact(nowNanoseconds: Int64) -> Int128 {
    switch self {
    case .instant(let nanoseconds): Int128(nanoseconds)
    case .now(let plus): Int128(nowNanoseconds) + Int128(plus)
    }
  }
}

/// `GROUP BY`.
public struct Grouping: Sendable, Equatable {
  /// The length of the time buckets, which are aligned to 1970; nil is one bucket for all.
  public var intervalNanoseconds: Int64?
  /// The tags; each combination of their values is one series.
  public var tags: [String]

  /// A grouping; without arguments, none.
  public init(intervalNanoseconds: Int64? = nil, tags: [String] = []) {
    self.intervalNanoseconds = intervalNanoseconds
    self.tags = tags
  }

  public static func == (left: Grouping, right: Grouping) -> Bool {
    left.intervalNanoseconds == right.intervalNanoseconds && left.tags.elementsEqual(right.tags, by: sameBytes)
  }
}

/// What an empty time bucket gives.
public enum Fill: Sendable, Equatable {
  /// No row (`fill(none)`, and the default).
  case absent
  /// A row with `null`.
  case null
  /// A row with the value of the bucket before; `null` before the first value.
  case previous
  /// A row with this number.
  case number(Double)
}

/// The order of rows by time.
public enum TimeOrder: Sendable, Equatable {
  /// Earliest first (the default).
  case ascending
  /// Latest first.
  case descending
}

/// A span of time in nanoseconds since 1970 UTC. It is kept with its last nanosecond, so that every nanosecond of 64
/// bits can lie in one.
public struct TimeRange: Sendable, Hashable {
  /// The first nanosecond within.
  public let startNanoseconds: Int64
  /// The last nanosecond within; the one before the start where none is.
  public let lastNanoseconds: Int64

  /// From a first nanosecond to a last one, both within; empty where the last is before the first. Bounds beyond 64
  /// bits are as far as those go.
  public init(start: Int128, last: Int128) {
    if start > last || start > Int128(Int64.max) || last < Int128(Int64.min) {
      // An empty range needs a nanosecond before its start.
      startNanoseconds = max(Int64(clamping: start), .min + 1)
      lastNanoseconds = startNanoseconds - 1
    } else {
      startNanoseconds = Int64(clamping: start)
      lastNanoseconds = Int64(clamping: last)
    }
  }

  /// From a nanosecond to the one before `endNanoseconds`.
  public init(startNanoseconds: Int64, endNanoseconds: Int64) {
    self.init(start: Int128(startNanoseconds), last: Int128(endNanoseconds) - 1)
  }

  /// Whether no nanosecond lies within.
  public var isEmpty: Bool { startNanoseconds > lastNanoseconds }

  /// Whether a nanosecond lies within.
  public func contains(_ nanoseconds: Int64) -> Bool { nanoseconds >= startNanoseconds && nanoseconds <= lastNanoseconds }
}

extension Query {
  /// The span of time that the conditions leave. Without a lower bound it begins at `Int64.min`; without an upper bound
  /// it ends with `now` (included), so that points stamped in the future do not slip into a running average.
  public func timeRange(nowNanoseconds: Int64) -> TimeRange {
    TimeBounds(conditions, nowNanoseconds: nowNanoseconds).range(nowNanoseconds: nowNanoseconds, windowNanoseconds: nil)
  }

  /// Whether a condition bounds the time from below: without one, `fill` has no first bucket to begin with.
  public var hasLowerTimeBound: Bool { TimeBounds(conditions, nowNanoseconds: 0).start != nil }
}

/// What the time conditions say, before defaults. In 128 bits, so that nothing is the neighbour of the first or last
/// nanosecond of 64.
struct TimeBounds {
  /// The first nanosecond within.
  var start: Int128?
  /// The last nanosecond within.
  var last: Int128?

  init(_ conditions: [Condition], nowNanoseconds: Int64) {
    for condition in conditions {
      switch condition {
      case .tag: continue
      case .time(let comparison, let moment):
        let time = moment.exact(nowNanoseconds: nowNanoseconds)
        switch comparison {
        case .before: last = min(last ?? .max, time - 1)
        case .atMost: last = min(last ?? .max, time)
        case .after: start = max(start ?? .min, time + 1)
        case .atLeast: start = max(start ?? .min, time)
        case .at:
          start = max(start ?? .min, time)
          last = min(last ?? .max, time)
        }
      }
    }
  }

  /// The range, where `now` is the default for the last nanosecond, and `window` nanoseconds (nil for no bound) decide
  /// about the first.
  func range(nowNanoseconds: Int64, windowNanoseconds: Int64?) -> TimeRange {
    let last = self.last ?? Int128(nowNanoseconds)
    let first = start ?? windowNanoseconds.map { last - Int128($0) + 1 } ?? Int128(Int64.min)
    return TimeRange(start: first, last: last)
  }
}
