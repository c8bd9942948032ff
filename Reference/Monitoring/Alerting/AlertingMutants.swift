// Alerting's planted bugs.

import Vocabulary

extension Mutant {
  /// Fires at once.
  static let alertingFiresAtOnce = Mutant(
    "alerting/fires-without-waiting", "fires as soon as the condition holds, without waiting for the rule's duration",
    breaks: ["MONITORING-24"])
  /// Takes missing data for a reading that fails.
  static let alertingResolvesMissing = Mutant(
    "alerting/resolves-on-missing-data", "resolves an alert because there is no data, whatever the rule says", breaks: ["MONITORING-24"])
  /// Keeps states in memory only.
  static let alertingForgetsStates = Mutant(
    "alerting/forgets-states", "does not journal the states of alerts, so that a restart begins them anew", breaks: ["MONITORING-24"])
  /// Notifies again after a restart.
  static let alertingNotifiesAgain = Mutant(
    "alerting/notifies-again-after-restart", "forgets at a restart what was delivered, and delivers it under another key",
    breaks: ["MONITORING-24"])
  /// Does not tell of resolved alerts.
  static let alertingHidesResolved = Mutant(
    "alerting/hides-resolved", "does not notify that an alert was resolved", breaks: ["MONITORING-24"])
  /// Does not reset a flapping condition.
  static let alertingIgnoresFlapping = Mutant(
    "alerting/ignores-flapping", "keeps a pending alert pending when its condition fails in between", breaks: ["MONITORING-24"])
}

/// Alerting's planted bugs, for the scorecard.
public let alertingMutants: [Mutant] = [
  .alertingFiresAtOnce, .alertingResolvesMissing, .alertingForgetsStates, .alertingNotifiesAgain, .alertingHidesResolved,
  .alertingIgnoresFlapping,
]
