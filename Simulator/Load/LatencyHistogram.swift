// Latencies of many requests in bounded memory: what a bench measures, and what all flights of a campaign came to.
//
// An HDR histogram (Tene): values are kept to three significant digits, so a percentile is up to 0.1 % above the true
// one, and the memory (a few hundred KiB) does not hang on how many there are. The requests of one flight are few:
// their percentiles are exact (`Percentile.value`). Limit: what took more than an hour counts as an hour.

import Histogram
import Vocabulary

/// Counts latencies.
public struct LatencyHistogram: Sendable {
  private static let longestNanoseconds: UInt64 = 3_600_000_000_000
  private var values = Histogram<UInt32>(highestTrackableValue: longestNanoseconds, numberOfSignificantValueDigits: .three)
  /// Those that count as longer than any: of requests that failed.
  public private(set) var endlessCount = 0
  /// The longest that was recorded and is not endless; nil where there is none.
  public private(set) var longest: TimeSpan?

  /// Without latencies.
  public init() {}

  /// How many were recorded.
  public var count: Int { Int(clamping: values.totalCount) + endlessCount }

  /// Counts one; `.forever` for a request that failed.
  public mutating func record(_ latency: TimeSpan) {
    guard latency != .forever else {
      endlessCount += 1
      return
    }
    longest = max(longest ?? latency, latency)
    let isKept = values.record(min(Self.longestNanoseconds, UInt64(clamping: latency.nanoseconds)))
    invariant(isKept, "a latency within the histogram's bounds was not counted")
  }

  /// The value which `thousandths` of a percent do not exceed, by nearest rank; `.forever` where it is that of a request
  /// that failed, nil where nothing was recorded.
  public func percentile(_ thousandths: Int) -> TimeSpan? {
    guard count > 0 else { return nil }
    let rank = Percentile.rank(thousandths, of: count)
    let finite = count - endlessCount
    guard rank <= finite else { return .forever }
    // The library's own percentile of the finite ones, in the middle of the rank so that no rounding moves it.
    let value = values.valueAtPercentile((Double(rank) - 0.5) * 100 / Double(finite))
    return min(.nanoseconds(Int64(clamping: value)), longest ?? .forever)
  }
}
