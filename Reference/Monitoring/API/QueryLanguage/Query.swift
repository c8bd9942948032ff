// The query language as values: what a text means once it is parsed.
//
// A `Query` aggregates one measurement over the points that meet all conditions. Times are Int64 nanoseconds since 1970 UTC,
// durations Int64 nanoseconds. Every value that the parser returns prints (see `QueryPrinting.swift`) to a text that parses
// to an equal value. Serves MONITORING-19 and, as cache key, MONITORING-21.

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
  /// A tag has, or has not, a value. A series without the tag meets only `!=`.
  case tag(String, TagComparison, String)
  /// The time of the point.
  case time(TimeComparison, Moment)
}

/// How a tag is compared.
public enum TagComparison: String, Sendable, CaseIterable {
  /// Equal bytes.
  case equal = "="
  /// Other bytes, or no such tag.
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

  /// The moment in nanoseconds since 1970 UTC. What lies beyond 64 bits is the nearest moment within: no point lies beyond
  /// either, so every comparison comes out the same.
  public func resolved(nowNanoseconds: Int64) -> Int64 {
    switch self {
    case .instant(let nanoseconds): return nanoseconds
    case .now(let plus):
      let (sum, overflow) = nowNanoseconds.addingReportingOverflow(plus)
      return overflow ? (plus < 0 ? .min : .max) : sum
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

/// A span of time with its start and without its end, in nanoseconds since 1970 UTC.
public struct TimeRange: Sendable, Hashable {
  /// The first nanosecond within.
  public var startNanoseconds: Int64
  /// The first nanosecond behind.
  public var endNanoseconds: Int64

  /// A range.
  public init(startNanoseconds: Int64, endNanoseconds: Int64) {
    self.startNanoseconds = startNanoseconds
    self.endNanoseconds = endNanoseconds
  }

  /// Whether no nanosecond lies within.
  public var isEmpty: Bool { startNanoseconds >= endNanoseconds }

  /// Whether a nanosecond lies within.
  public func contains(_ nanoseconds: Int64) -> Bool { nanoseconds >= startNanoseconds && nanoseconds < endNanoseconds }
}

extension Query {
  /// The span of time that the conditions leave. Without a lower bound it begins at `Int64.min`; without an upper bound it ends
  /// with `now` (included), so that points stamped in the future do not slip into a running average. An empty range has its
  /// start as its end. The one nanosecond `Int64.max` lies in no range.
  public func timeRange(nowNanoseconds: Int64) -> TimeRange {
    let bounds = TimeBounds(conditions, nowNanoseconds: nowNanoseconds)
    return bounds.range(defaultStart: .min, nowNanoseconds: nowNanoseconds)
  }

  /// Whether a condition bounds the time from below: without one, `fill` has no first bucket to begin with.
  public var hasLowerTimeBound: Bool { TimeBounds(conditions, nowNanoseconds: 0).start != nil }
}

/// What the time conditions say, before defaults.
struct TimeBounds {
  var start: Int64?
  var end: Int64?

  init(_ conditions: [Condition], nowNanoseconds: Int64) {
    for condition in conditions {
      switch condition {
      case .tag: continue
      case .time(let comparison, let moment):
        let time = moment.resolved(nowNanoseconds: nowNanoseconds)
        let next = time == .max ? time : time + 1
        switch comparison {
        case .before: end = min(end ?? .max, time)
        case .atMost: end = min(end ?? .max, next)
        case .after: start = max(start ?? .min, next)
        case .atLeast: start = max(start ?? .min, time)
        case .at:
          start = max(start ?? .min, time)
          end = min(end ?? .max, next)
        }
      }
    }
  }

  func range(defaultStart: Int64, nowNanoseconds: Int64) -> TimeRange {
    let first = start ?? defaultStart
    let last = end ?? (nowNanoseconds == .max ? .max : nowNanoseconds + 1)
    return TimeRange(startNanoseconds: first, endNanoseconds: max(first, last))
  }
}
