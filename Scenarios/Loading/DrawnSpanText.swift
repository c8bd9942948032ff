// Spans that the seed draws, as people write them: `10s..40s`.

import Vocabulary
import YAMLReading

extension SpanText {
  /// `10s` or `10s..40s`.
  public static func drawn(_ text: String) -> DrawnSpan? {
    guard let dots = text.firstRange(of: "..") else { return span(text).map { DrawnSpan($0) } }
    guard let low = span(String(text[..<dots.lowerBound])), let high = span(String(text[dots.upperBound...])), low <= high else {
      return nil
    }
    return DrawnSpan(low...high)
  }
}

extension Phrase {
  /// Reads a span that is fixed (`10s`) or drawn (`10s..40s`).
  mutating func drawnSpan(_ what: String) throws(TextMistake) -> DrawnSpan {
    try value(SpanText.words(what, like: "10s, or 10s..40s to let the seed draw it", nextWord)) { SpanText.drawn($0) }
  }
}
