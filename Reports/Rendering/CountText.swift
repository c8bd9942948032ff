// Counts and times as people read them.

import Checking

/// Counts and times as people read them.
public enum CountText {
  /// "1 flight", "19,000 flights".
  public static func of(_ count: Int, _ what: String) -> String { "\(grouped(count)) \(noun(count, what))" }

  /// "19,000".
  public static func grouped(_ count: Int) -> String {
    var out = ""
    let digits = String(count.magnitude)
    for (offset, digit) in digits.enumerated() {
      if offset > 0, (digits.count - offset) % 3 == 0 { out += "," }
      out.append(digit)
    }
    return (count < 0 ? "-" : "") + out
  }

  /// A length of time to be waited, to about two digits: "40 s", "81 min", "5.2 h". Not negative; a year at most.
  public static func time(seconds: Double) -> String {
    let seconds = seconds.isFinite ? max(0, min(seconds, 31_536_000)) : 31_536_000
    if seconds < 100 { return "\(Int(seconds.rounded())) s" }
    if seconds < 6_000 { return "\(Int((seconds / 60).rounded())) min" }
    let tenths = Int((seconds / 360).rounded())
    return "\(tenths / 10).\(tenths % 10) h"
  }
}
