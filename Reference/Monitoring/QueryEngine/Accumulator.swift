// What the aggregates know of the points so far, in one pass over points in the order of time and series.
//
// Sums are compensated (Neumaier 1974): the error does not grow with the number of points, and since the order is fixed equal points
// give equal bits. A sum beyond the range of doubles has no value (null). Serves MONITORING-19.

import MonitoringAPI

/// The aggregates of one bucket.
struct Accumulator: Sendable {
  private(set) var count: Int64 = 0
  private var sum = 0.0
  private var compensation = 0.0
  private var least = 0.0
  private var greatest = 0.0
  private var first = 0.0
  private var last = 0.0

  /// Nothing so far.
  init() {}

  /// Takes the next point's value in.
  mutating func add(_ value: Double, averagesAverages: Bool = false) {
    if count == 0 {
      least = value
      greatest = value
      first = value
    }
    least = min(least, value)
    greatest = max(greatest, value)
    last = value
    count += 1
    if averagesAverages, count > 1 {
      sum = (sum / Double(count - 1) + value) / 2 * Double(count)
      return
    }
    let next = sum + value
    compensation += sum.magnitude >= value.magnitude ? (sum - next) + value : (value - next) + sum
    sum = next
  }

  /// Forgets that one of the points was there; for a planted bug.
  mutating func miscount() { count -= 1 }

  /// The value of an aggregate; there must have been a point.
  func value(_ aggregate: Aggregate) -> EngineValue {
    switch aggregate {
    case .avg: Self.number((sum + compensation) / Double(count))
    case .sum: Self.number(sum + compensation)
    case .count: .integer(count)
    case .min: .number(least)
    case .max: .number(greatest)
    case .first: .number(first)
    case .last: .number(last)
    }
  }

  private static func number(_ number: Double) -> EngineValue { number.isFinite ? .number(number) : .none }
}
