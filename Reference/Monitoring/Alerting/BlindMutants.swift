// Planted bugs of alerting by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// Tried again in this life until the channel takes it; a restart while the channel is away forgets it.
  static let alertingSettlesWhenSending = Mutant(
    "alerting/settles-when-it-sends",
    "journals a notification as delivered when its first attempt leaves, not when the channel has taken it",
    breaks: ["MONITORING-24", "MONITORING-25"],
    caughtBy: ["high-cpu alerts once and within 30 s"])
}

/// The bugs of alerting that were planted blindly.
public let alertingBlindMutants: [Mutant] = [.alertingSettlesWhenSending]
