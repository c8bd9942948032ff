// What a percentile is, once for all: by nearest rank, named in thousandths of a percent.

import Vocabulary

/// Percentiles, in thousandths of a percent: 99,000 is p99.
public enum Percentile {
  /// "p99", "p99.9".
  public static func label(_ thousandths: Int) -> String {
    let whole = thousandths / 1_000
    let rest = thousandths % 1_000
    if rest == 0 { return "p\(whole)" }
    var digits = String(rest + 1_000).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return "p\(whole).\(digits)"
  }

  /// Which of `count` values in ascending order, counted from 1, is the smallest that `thousandths` of a percent of them
  /// do not exceed (nearest rank). `count` is at least 1.
  public static func rank(_ thousandths: Int, of count: Int) -> Int {
    invariant(count > 0, "a percentile of no values")
    return min(count, max(1, (count * thousandths + 99_999) / 100_000))
  }

  /// That value; nil where there is none.
  public static func value<Value>(_ thousandths: Int, of sorted: [Value]) -> Value? {
    sorted.isEmpty ? nil : sorted[rank(thousandths, of: sorted.count) - 1]
  }
}
