// How long something took, counted by bounds, for the figures of a service (`MetricsText`): no samples are kept. Limits: what
// lies between two bounds cannot be told apart; percentiles of a flight come from what loads timed, not from here.

import Vocabulary

/// Counts of how long something took.
public struct TimeHistogram: Sendable {
  /// The upper bounds, in seconds: 1, 2, 5 and so on from 50 µs to 10 s.
  public static let boundsSeconds: [Double] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
  ]
  private static let boundsNanoseconds = boundsSeconds.map { Int64($0 * 1e9) }

  private var counts = [UInt64](repeating: 0, count: boundsSeconds.count)
  private var all: UInt64 = 0
  private var sumNanoseconds: UInt64 = 0

  /// None.
  public init() {}

  /// How many there were.
  public var count: UInt64 { all }

  /// Counts one; what took less than no time took none.
  public mutating func add(_ span: TimeSpan) {
    all += 1
    sumNanoseconds &+= UInt64(max(0, span.nanoseconds))
    if let place = Self.boundsNanoseconds.firstIndex(where: { span.nanoseconds <= $0 }) { counts[place] += 1 }
  }

  /// Writes it as a sample of the family of histograms that was begun last, whose unit is seconds.
  public func write(_ text: inout MetricsText, _ labels: [MetricsText.Label] = []) {
    var sum: UInt64 = 0
    let buckets = zip(Self.boundsSeconds, counts).map { bound, count -> (bound: Double, count: UInt64) in
      sum += count
      return (bound, sum)
    }
    text.histogram(labels, buckets: buckets, count: all, sum: Double(sumNanoseconds) / 1e9)
  }
}
