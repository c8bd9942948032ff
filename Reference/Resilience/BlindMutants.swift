// Planted bugs of calls by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A half-open breaker lets no other probe pass, so the endpoint is not called again by this life, however well it
  /// is.
  static let callsForgetTimedOutProbes = Mutant(
    "calls/forgets-timed-out-probes", "does not tell the breaker of a probe that timed out, so that it keeps its place for good",
    breaks: ["MONITORING-5", "MONITORING-19"],
    caughtBy: ["conservation in the queue", "all was read back"])
}

/// The bugs of calls that were planted blindly.
public let resilienceBlindMutants: [Mutant] = [.callsForgetTimedOutProbes]
