// The query engine's planted bugs.

import Vocabulary

extension Mutant {
  /// Aligns buckets to the range.
  static let queryAlignsToStart = Mutant(
    "query/aligns-buckets-to-the-range", "begins the first time bucket at the range's start instead of a multiple since 1970",
    breaks: ["MONITORING-19"],
    caughtBy: ["query/query/buckets-are-aligned-to-1970"])
  /// Miscounts the last bucket.
  static let queryMiscountsLast = Mutant(
    "query/miscounts-the-last-bucket", "leaves the last point of the last bucket out of its count", breaks: ["MONITORING-19"],
    caughtBy: ["query/query/last-bucket-is-whole", "query engine agrees with storage"])
  /// Averages averages.
  static let queryAveragesAverages = Mutant(
    "query/averages-the-average", "takes for the average the middle of the average so far and the next point", breaks: ["MONITORING-19"],
    caughtBy: ["query/query/average-is-of-points"])
  /// Takes the time of its start for now().
  static let queryStopsClock = Mutant(
    "query/stops-the-clock", "takes for now() the time at which the engine was started", breaks: ["MONITORING-19"],
    caughtBy: ["query/query/now-moves"])
  /// Ignores != conditions.
  static let queryIgnoresNotEqual = Mutant(
    "query/ignores-not-equal", "takes points in whose tag has the value that != excludes", breaks: ["MONITORING-19"],
    caughtBy: ["query/query/equal-and-not-equal"])
}

/// The query engine's planted bugs, for the scorecard.
public let queryEngineMutants: [Mutant] = [
  .queryAlignsToStart, .queryMiscountsLast, .queryAveragesAverages, .queryStopsClock, .queryIgnoresNotEqual,
]
