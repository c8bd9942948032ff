// Durations such as `5m` and `1h30m`: of queries, and of alert rules. MONITORING-19, MONITORING-23.

import Vocabulary

/// A duration as text, such as `5m`.
public enum DurationText {
  /// The nanoseconds of a text of integers with a unit each (ns, us, ms, s, m, h, d, w), the greater units first.
  /// Throws `TextMistake` when it is anything else or exceeds 64 bits of nanoseconds.
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

  /// The shortest exact text: the longest unit that divides the duration. For durations that are not negative; a
  /// negative one gets a minus sign, which a query takes only behind `now()`.
  public static func text(nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    for unit in DurationUnit.allCases where nanoseconds % unit.nanoseconds == 0 {
      return "\(nanoseconds / unit.nanoseconds)\(unit.rawValue)"
    }
    return "\(nanoseconds)ns"
  }
}
