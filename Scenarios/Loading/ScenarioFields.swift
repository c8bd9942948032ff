// Values that many systems' words are made of: spans, numbers, rates, shares.

import Vocabulary
import YAMLReading

extension YAMLField {
  /// A span; `what` says of what.
  public func span(_ what: String, positive: Bool = false) throws(TextMistake) -> TimeSpan {
    let words = SpanText.words(what, like: "10s or 250ms", try? text(what), bounds: positive ? "more than 0s" : "0s or more")
    return try value(words) { text in
      SpanText.span(text).flatMap { $0 > .zero || (!positive && $0 == .zero) ? $0 : nil }
    }
  }

  /// An integer of a range.
  public func number(_ what: String, in range: ClosedRange<Int>) throws(TextMistake) -> Int {
    try value("\(what), \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// How many a second.
  public func rate() throws(TextMistake) -> Double {
    func number(_ text: String) -> Double? { text.hasSuffix("/s") ? Double(text.dropLast(2)) : nil }
    let isOne = (try? text("a rate")).flatMap(number) != nil
    return try value(isOne ? "a rate above 0/s and up to 1000000/s" : "a rate, like 200/s") { text in
      number(text).flatMap { $0 > 0 && $0 <= 1_000_000 ? $0 : nil }
    }
  }

  /// Whether gaps are exponential (`poisson`) or `even`.
  public func isPoisson() throws(TextMistake) -> Bool { try value("poisson or even") { ["poisson": true, "even": false][$0] } }

  /// A share, 0 … 1, written in percent.
  public func share() throws(TextMistake) -> Double { try value(SpanText.shareWords) { SpanText.share($0) } }

  /// A window within `duration` that begins no sooner than `earliest`: `20s..40s`.
  public func window(from earliest: TimeSpan, within duration: TimeSpan) throws(TextMistake) -> Range<TimeSpan> {
    try value("a window within the duration, behind the one before, like 20s..40s") { text in
      guard let range = SpanText.drawn(text)?.range, range.lowerBound < range.upperBound, range.upperBound <= duration,
        range.lowerBound >= earliest
      else { return nil }
      return range.lowerBound..<range.upperBound
    }
  }
}

extension [String: YAMLField] {
  /// What stands at a key, read by `read`; `fallback` where it is left out.
  public func value<Read>(
    _ key: String, or fallback: Read, _ read: (YAMLField) throws(TextMistake) -> Read
  ) throws(TextMistake) -> Read {
    guard let field = self[key] else { return fallback }
    return try read(field)
  }
}

/// How a system's tunables are set.
public enum Tuning: String, Sendable, Hashable, CaseIterable {
  /// Drawn by the seed, so that flushes and new segments happen in some runs often and in others hardly ever.
  case drawn
  /// As small as they go, so that files are written, named and discarded all the time.
  case small
  /// As they are served.
  case served

  /// Reads it.
  public init(_ field: YAMLField) throws(TextMistake) {
    self = try field.value("drawn, small or served") { Tuning(rawValue: $0) }
  }
}
