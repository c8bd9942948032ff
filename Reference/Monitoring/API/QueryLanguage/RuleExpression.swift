// The condition of an alert rule: one aggregate of the query language, compared with a number.
//
// `avg(cpu_usage) > 80` reads the last minute over all series unless its conditions say otherwise. MONITORING-23.

import Vocabulary
import Wire

/// An aggregate over one measurement, compared with a threshold.
public struct RuleExpression: Sendable, Equatable {
  /// The window when no condition bounds the time from below: one minute.
  public static let defaultWindowNanoseconds: Int64 = 60_000_000_000

  /// The aggregate.
  public var aggregate: Aggregate
  /// The measurement.
  public var measurement: String
  /// What a point must meet, all of it.
  public var conditions: [Condition]
  /// How the aggregate is compared.
  public var comparator: Comparator
  /// What it is compared with; finite.
  public var threshold: Double

  /// An expression.
  public init(aggregate: Aggregate, measurement: String, conditions: [Condition] = [], comparator: Comparator, threshold: Double) {
    self.aggregate = aggregate
    self.measurement = measurement
    self.conditions = conditions
    self.comparator = comparator
    self.threshold = threshold
  }

  public static func == (left: RuleExpression, right: RuleExpression) -> Bool {
    sameBytes(left.measurement, right.measurement) && left.aggregate == right.aggregate && left.conditions == right.conditions
      && left.comparator == right.comparator && left.threshold == right.threshold
  }

  /// The span of time to read. Without an upper bound it ends with `now` (included); without a lower bound it is the
  /// last minute before its end.
  public func timeRange(nowNanoseconds: Int64) -> TimeRange {
    TimeBounds(conditions, nowNanoseconds: nowNanoseconds)
      .range(nowNanoseconds: nowNanoseconds, windowNanoseconds: RuleExpression.defaultWindowNanoseconds)
  }

  /// Whether no condition bounds the time from below, so that the default window does.
  public var hasDefaultWindow: Bool { TimeBounds(conditions, nowNanoseconds: 0).start == nil }

  /// The query that gives the value to compare.
  public var query: Query {
    Query(selections: [Selection(aggregate)], measurement: measurement, conditions: conditions)
  }
}

/// How a value is compared with a threshold.
public enum Comparator: String, Sendable, CaseIterable {
  /// `>`.
  case greater = ">"
  /// `>=`.
  case greaterOrEqual = ">="
  /// `<`.
  case less = "<"
  /// `<=`.
  case lessOrEqual = "<="
  /// `==`.
  case equal = "=="
  /// `!=`.
  case notEqual = "!="

  /// Whether the comparison holds. As IEEE 754 has it: of a NaN only `!=` does.
  public func holds(_ value: Double, _ threshold: Double) -> Bool {
    switch self {
    case .greater: value > threshold
    case .greaterOrEqual: value >= threshold
    case .less: value < threshold
    case .lessOrEqual: value <= threshold
    case .equal: value == threshold
    case .notEqual: value != threshold
    }
  }
}
