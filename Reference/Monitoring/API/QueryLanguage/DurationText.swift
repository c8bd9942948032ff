// Durations such as `5m` and `1h30m`: of queries, and of alert rules. MONITORING-19, MONITORING-23.

import Vocabulary
import Wire

/// The unit of a duration.
enum DurationUnit: String, CaseIterable {
  case week = "w"
  case day = "d"
  case hour = "h"
  case minute = "m"
  case second = "s"
  case millisecond = "ms"
  case microsecond = "us"
  case nanosecond = "ns"

  /// The units as an error message lists them.
  static let list = "ns, us, ms, s, m, h, d, w"

  /// The length of the unit in nanoseconds.
  var nanoseconds: Int64 {
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

  /// So many units; nil when they exceed 64 bits of nanoseconds.
  func nanoseconds(times count: UInt64) -> Int64? {
    guard let count = Int64(exactly: count) else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: nanoseconds)
    return overflow ? nil : product
  }
}

/// A duration as text, such as `5m`.
public enum DurationText {
  /// The nanoseconds of a text of integers with a unit each (ns, us, ms, s, m, h, d, w), the greater units first. Throws `TextMistake`
  /// when it is anything else or exceeds 64 bits of nanoseconds.
  public static func nanoseconds(of text: String) throws(TextMistake) -> Int64 {
    var lexer = try QueryLexer(text)
    let token = try lexer.next()
    guard case .duration(let nanoseconds) = token.kind else {
      throw lexer.error("expected a duration such as 5m, found \(lexer.shown(token))", at: token.range.lowerBound)
    }
    let rest = try lexer.next()
    guard case .end = rest.kind else {
      throw lexer.error("expected the end of the duration, found \(lexer.shown(rest))", at: rest.range.lowerBound)
    }
    return nanoseconds
  }

  /// The shortest exact text: the longest unit that divides the duration. For durations that are not negative; a negative
  /// one gets a minus sign, which a query takes only behind `now()`.
  public static func text(nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    for unit in DurationUnit.allCases where nanoseconds % unit.nanoseconds == 0 {
      return "\(nanoseconds / unit.nanoseconds)\(unit.rawValue)"
    }
    return "\(nanoseconds)ns"
  }
}
