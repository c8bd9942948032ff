// What the aggregates know of the points so far, in one pass over points in the order of time and series.
//
// Sums and averages are exact and rounded once (ExactSum), so that they depend neither on the order of the points nor
// on how points were divided among partial results; nothing overflows on the way. A sum that is itself beyond the range
// of doubles has no value (null). Serves MONITORING-19.

import MonitoringAPI
import Wire

/// The aggregates of one bucket.
struct Accumulator: Sendable {
  private(set) var count: Int64 = 0
  private var sum = ExactSum()
  private var least = 0.0
  private var greatest = 0.0
  private var first = 0.0
  private var last = 0.0
  /// The running average of averages, where that bug is planted.
  private var plantedAverage: Double?

  /// Nothing so far. `averagesAverages` plants a bug.
  init(averagesAverages: Bool = false) { plantedAverage = averagesAverages ? 0 : nil }

  /// Takes the next point's value in.
  mutating func add(_ value: Double) {
    if count == 0 {
      least = value
      greatest = value
      first = value
    }
    least = min(least, value)
    greatest = max(greatest, value)
    last = value
    count += 1
    sum.add(value)
    if let average = plantedAverage { plantedAverage = count == 1 ? value : (average + value) / 2 }
  }

  /// Forgets that one of the points was there; for a planted bug.
  mutating func miscount() { count -= 1 }

  /// The value of an aggregate; there must have been a point.
  func value(_ aggregate: Aggregate) -> EngineValue {
    switch aggregate {
    case .avg: count < 1 ? .none : Self.number(plantedAverage ?? sum.mean(count: count))
    case .sum: Self.number(sum.double)
    case .count: .integer(count)
    case .min: .number(least)
    case .max: .number(greatest)
    case .first: .number(first)
    case .last: .number(last)
    }
  }

  private static func number(_ number: Double) -> EngineValue { number.isFinite ? .number(number) : .none }
}
