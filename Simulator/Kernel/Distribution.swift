// Distributions of spans as quantile tables: integer arithmetic only, so that a draw is the same on every machine (a
// logarithm from the C library need not be).

import Vocabulary

/// A distribution of spans given by some of its quantiles and straight lines between them.
public struct Distribution: Sendable, Hashable {
  /// One corner: the share of draws (parts per million) that lie at or below a span.
  public struct Corner: Sendable, Hashable {
    /// Parts per million of the draws, 0 … 1,000,000.
    public var partsPerMillion: Int64
    /// The span at that quantile.
    public var span: TimeSpan

    /// A corner.
    public init(_ partsPerMillion: Int64, _ span: TimeSpan) {
      self.partsPerMillion = partsPerMillion
      self.span = span
    }
  }

  /// From 0 to 1,000,000 parts, strictly rising in parts, never falling in span.
  @usableFromInline let corners: [Corner]

  /// Always the same span.
  public static func fixed(_ span: TimeSpan) -> Distribution { Distribution(corners: [Corner(0, span), Corner(1_000_000, span)]) }

  /// Evenly between two spans.
  public static func uniform(_ range: ClosedRange<TimeSpan>) -> Distribution {
    Distribution(corners: [Corner(0, range.lowerBound), Corner(1_000_000, range.upperBound)])
  }

  /// A long-tailed distribution through its minimum, median, 99th percentile and maximum.
  public static func longTail(minimum: TimeSpan, median: TimeSpan, p99: TimeSpan, maximum: TimeSpan) -> Distribution {
    Distribution(corners: [Corner(0, minimum), Corner(500_000, median), Corner(990_000, p99), Corner(1_000_000, maximum)])
  }

  /// A distribution through `corners`; they must start at 0, end at 1,000,000 and never fall (a defect of the caller
  /// otherwise).
  public init(corners: [Corner]) {
    invariant(
      corners.count >= 2 && corners.first?.partsPerMillion == 0 && corners.last?.partsPerMillion == 1_000_000,
      "a distribution goes from 0 to 1,000,000 and not through \(corners)")
    invariant(
      zip(corners, corners.dropFirst()).allSatisfy { $0.partsPerMillion < $1.partsPerMillion && $0.span <= $1.span },
      "a distribution rises and does not go through \(corners)")
    invariant(corners.allSatisfy { abs($0.span.nanoseconds) < 1 << 42 }, "a distribution reaches beyond an hour: \(corners)")
    self.corners = corners
  }

  /// Draws a span from `random`.
  public func draw(_ random: inout RandomStream) -> TimeSpan { span(at: random.next()) }

  /// The span that 64 even random bits stand for.
  public func span(at bits: UInt64) -> TimeSpan {
    let at = Int64(bits.multipliedFullWidth(by: 1_000_000).high)
    var index = 1
    while index < corners.count - 1 && corners[index].partsPerMillion <= at { index += 1 }
    let low = corners[index - 1]
    let high = corners[index]
    let width = high.span.nanoseconds - low.span.nanoseconds
    if width == 0 { return low.span }
    let share = at - low.partsPerMillion
    // Widths stay below 2⁴³ ns (2.4 hours; see `init`), so that the product fits.
    return TimeSpan(nanoseconds: low.span.nanoseconds + width * share / (high.partsPerMillion - low.partsPerMillion))
  }

  /// The span which `partsPerMillion` of the draws do not exceed.
  public func quantile(_ partsPerMillion: Int64) -> TimeSpan {
    for (low, high) in zip(corners, corners.dropFirst()) where partsPerMillion <= high.partsPerMillion {
      let width = high.span.nanoseconds - low.span.nanoseconds
      let share = max(0, partsPerMillion - low.partsPerMillion)
      return TimeSpan(nanoseconds: low.span.nanoseconds + width * share / (high.partsPerMillion - low.partsPerMillion))
    }
    return corners[corners.count - 1].span
  }
}
