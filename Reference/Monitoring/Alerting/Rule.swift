// A rule as the service keeps it: parsed, with its alert. Serves MONITORING-23, 24.

import MonitoringAPI
import Vocabulary
import Wire

/// A rule, parsed.
struct Rule: Sendable, Equatable {
  /// The longest duration of a rule.
  static let maximumDuration = TimeSpan.hours(24 * 90)
  /// The bounds of `every`.
  static let every = TimeSpan.seconds(1)...TimeSpan.hours(1)

  var name: String
  /// As it was given.
  var query: String
  var expression: RuleExpression
  var duration: TimeSpan
  /// Without repetition.
  var channels: [String]
  var missingData: MissingDataPolicy
  /// How often it is evaluated; nil for the service's default.
  var every: TimeSpan?

  /// The rule as JSON.
  var body: RuleBody {
    RuleBody(
      name: name, query: query, duration: DurationText.text(nanoseconds: duration.nanoseconds), channels: channels,
      missingData: missingData, every: every.map { DurationText.text(nanoseconds: $0.nanoseconds) })
  }

  /// Why a query found no value; `hasPoints` where there were points, but the engine has no number for them.
  func reasonOfMissing(hasPoints: Bool) -> String {
    let what = "\(expression.aggregate.rawValue)(\(quoted(expression.measurement)))"
    if hasPoints { return "\(what) is beyond the range of doubles" }
    let window = DurationText.text(nanoseconds: RuleExpression.defaultWindowNanoseconds)
    return expression.hasDefaultWindow
      ? "no points for \(what) in the last \(window), which a rule reads that says no time: WHERE time > now() - … in its query reads further back"
      : "no points for \(what) in the time that the query says"
  }

  /// The query that gives the value at `now`: the expression's aggregate over its explicit range, so that the engine's
  /// clock plays no part.
  func engineQuery(now: WallTime) -> EngineQueryRequest {
    let range = expression.timeRange(nowNanoseconds: now.nanoseconds)
    var conditions = expression.conditions.filter { condition in
      switch condition {
      case .tag: true
      case .time: false
      }
    }
    conditions.append(.time(.atLeast, .instant(nanoseconds: range.startNanoseconds)))
    conditions.append(.time(.atMost, .instant(nanoseconds: range.lastNanoseconds)))
    let aggregates: [Aggregate] =
      switch expression.aggregate {
      // The engine has no number for a sum beyond the range of doubles; the average beside it tells on which side it
      // is.
      case .sum: [.sum, .avg]
      case .avg, .count, .min, .max, .first, .last: [expression.aggregate]
      }
    let query = Query(
      selections: aggregates.map { Selection($0) }, measurement: expression.measurement, conditions: conditions)
    return EngineQueryRequest(query: query.description)
  }

  /// What a row of the engine's answer has to compare: for a sum beyond the range of doubles the infinity of its sign,
  /// which is greater, or less, than every threshold; nil where it has nothing.
  func comparand(_ row: EngineRow) -> Double? {
    if let value = row.columns.first?.value.double { return value }
    guard expression.aggregate == .sum, let average = row.columns.dropFirst().first?.value.double, average != 0 else { return nil }
    return average > 0 ? .infinity : -.infinity
  }
}

/// A rule with its alert.
struct RuleEntry: Sendable {
  /// Never used for another rule again.
  let number: UInt64
  var rule: Rule
  var state = AlertState.inactive
  /// What the query gave last; nil where there was no data, or a sum beyond the range of doubles.
  var value: Double?
  /// Notifications so far: each has a number of its own.
  var transitions: UInt64 = 0

  // What follows is of this life only.

  /// Rises with each change of the rule, so that the answer to an old query is known.
  var revision: UInt64 = 0
  /// When it is evaluated next.
  var due = Instant.never
  var phase = EvaluationPhase.idle
  /// Clients of `/evaluate` whose evaluation is under way.
  var served: [ExchangeID] = []
  /// Clients of `/evaluate` that wait for the next one.
  var waiting: [ExchangeID] = []
  /// Why the last evaluation failed; nil where it did not.
  var failure: String?
  /// Since when its evaluations find nothing to compare, and why; nil where the last one found a value.
  var missing: MissingData?

  /// An inactive alert.
  init(number: UInt64, rule: Rule) {
    self.number = number
    self.rule = rule
  }
}

/// A rule finds nothing to compare.
struct MissingData: Sendable {
  /// When it first found nothing, of those evaluations since which it found nothing else.
  var since: WallTime
  /// Why: a sentence for people.
  var reason: String
}

/// Where the evaluation of a rule stands.
enum EvaluationPhase: Sendable {
  /// Nothing goes on.
  case idle
  /// It waits until fewer evaluations are under way.
  case ready
  /// The query engine was asked.
  case underWay
}
