// Alerting's planted bugs.

import Vocabulary

extension Mutant {
  /// Fires at once.
  static let alertingFiresAtOnce = Mutant(
    "alerting/fires-without-waiting", "fires as soon as the condition holds, without waiting for the rule's duration",
    breaks: ["MONITORING-24"],
    caughtBy: [
      "alerting/evaluate/not-before-its-duration", "alerting/evaluate/pending-then-firing-then-resolved",
      "high-cpu alerts once and within 40 s",
    ])
  /// Takes missing data for a reading that fails.
  static let alertingResolvesMissing = Mutant(
    "alerting/resolves-on-missing-data", "resolves an alert because there is no data, whatever the rule says", breaks: ["MONITORING-24"],
    caughtBy: ["alerting/missing-data/is-kept-by-default"])
  /// Keeps states in memory only.
  static let alertingForgetsStates = Mutant(
    "alerting/forgets-states", "does not journal the states of alerts, so that a restart begins them anew", breaks: ["MONITORING-24"],
    caughtBy: ["high-cpu alerts once and within 40 s"])
  /// Notifies again after a restart.
  static let alertingNotifiesAgain = Mutant(
    "alerting/notifies-again-after-restart", "forgets at a restart what was delivered, and delivers it under another key",
    breaks: ["MONITORING-24"],
    caughtBy: ["high-cpu alerts once and within 40 s"])
  /// Does not tell of resolved alerts.
  static let alertingHidesResolved = Mutant(
    "alerting/hides-resolved", "does not notify that an alert was resolved", breaks: ["MONITORING-24"],
    caughtBy: ["alerting/notifications/firing-and-resolved-are-told", "high-cpu alerts once and within 40 s"])
  /// Does not reset a flapping condition.
  static let alertingIgnoresFlapping = Mutant(
    "alerting/ignores-flapping", "keeps a pending alert pending when its condition fails in between", breaks: ["MONITORING-24"],
    caughtBy: ["alerting/evaluate/flapping-begins-anew"])
  /// Delivers to all channels as if they were one.
  static let alertingWaitsForOthers = Mutant(
    "alerting/waits-for-other-channels", "tells a channel nothing while one before it has not taken all", breaks: ["MONITORING-25"],
    caughtBy: ["high-cpu alerts once and within 30 s"])
  /// Serves on what is left of a damaged journal.
  static let alertingStartsOnDamage = Mutant(
    "alerting/starts-on-damage", "starts on what could be read of a damaged journal", breaks: ["MONITORING-9"],
    caughtBy: ["alerting refuses its damaged journal"])
}

/// Alerting's planted bugs, for the scorecard.
public let alertingMutants: [Mutant] = [
  .alertingFiresAtOnce, .alertingResolvesMissing, .alertingForgetsStates, .alertingNotifiesAgain, .alertingHidesResolved,
  .alertingIgnoresFlapping, .alertingWaitsForOthers, .alertingStartsOnDamage,
]
