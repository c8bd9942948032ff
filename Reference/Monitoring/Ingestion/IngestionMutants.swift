// Ingestion's planted bugs.

import Vocabulary

extension Mutant {
  /// Answers before anybody keeps the metrics.
  static let ingestionAcknowledgesEarly = Mutant(
    "ingestion/acknowledges-before-forwarding", "answers 202 before the queue has stored the metrics", breaks: ["MONITORING-1"],
    caughtBy: ["conservation in the queue", "conservation in storage"])
  /// Does not spill.
  static let ingestionDropsWhenQueueFails = Mutant(
    "ingestion/drops-when-queue-fails", "answers 202 and drops the metrics when the queue cannot be reached", breaks: ["MONITORING-5"],
    caughtBy: ["conservation in the queue", "conservation in storage"])
  /// Gives a retried batch new sequences.
  static let ingestionRenumbersRetries = Mutant(
    "ingestion/renumbers-spilled-metrics", "gives spilled metrics new sequences, so that the queue cannot recognise a repetition",
    breaks: ["MONITORING-5", "MONITORING-6"],
    caughtBy: ["conservation in the queue", "conservation in storage"])
  /// Lets an eleventh request pass.
  static let ingestionLimitsLoosely = Mutant(
    "ingestion/limits-by-fixed-windows", "counts requests in calendar seconds, so that twice the limit passes around a boundary",
    breaks: ["MONITORING-2"],
    caughtBy: ["ingestion/limit/any-second", "ingestion/limit/window-slides", "at most 10 requests a second for each client"])
}

/// Ingestion's planted bugs, for the scorecard.
public let ingestionMutants: [Mutant] = [
  .ingestionAcknowledgesEarly, .ingestionDropsWhenQueueFails, .ingestionRenumbersRetries, .ingestionLimitsLoosely,
]
