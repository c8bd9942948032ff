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
  /// Never forgets a client.
  static let ingestionRemembersClients = Mutant(
    "ingestion/never-forgets-a-client", "takes the time of its start for the time of every request, so that no client ever counts as idle",
    breaks: ["MONITORING-2"],
    caughtBy: ["who keeps to the limit is served", "ingestion/limit/comes-back-after-retry-after"])
  /// Lets new metrics overtake those that wait.
  static let ingestionOvertakesSpill = Mutant(
    "ingestion/overtakes-the-spill", "hands new metrics to the queue while older ones of the same client still wait in the spill",
    breaks: ["MONITORING-5"],
    caughtBy: ["clients keep their order"])
  /// The spill has no end.
  static let ingestionSpillsWithoutEnd = Mutant(
    "ingestion/spills-without-end", "takes metrics into the spill beyond its limit", breaks: ["MONITORING-5"],
    caughtBy: ["a full spill refuses"])
}

/// Ingestion's planted bugs, for the scorecard.
public let ingestionMutants: [Mutant] = [
  .ingestionAcknowledgesEarly, .ingestionDropsWhenQueueFails, .ingestionRenumbersRetries, .ingestionLimitsLoosely,
  .ingestionRemembersClients, .ingestionOvertakesSpill, .ingestionSpillsWithoutEnd,
]
