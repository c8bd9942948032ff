// What one flight came to: the verdict, each judgement, what broke when, and the figures of its load.

import Checking
import Kernel
import Vocabulary

/// The judgement of a flight as a whole.
public enum Verdict: String, Sendable, Hashable {
  /// All promises were shown to hold.
  case held
  /// A promise was broken, or a check had nothing to examine.
  case failed
}

/// What one flight came to.
public struct FlightResult: Sendable {
  /// The scenario's name.
  public var scenario: String
  /// The seed.
  public var seed: UInt64
  /// The planted bug that was switched on, if any.
  public var mutant: String?
  /// The verdict.
  public var verdict: Verdict
  /// The hash of all that happened.
  public var traceHash: TraceHash
  /// Each checker's judgement.
  public var judgements: [Judgement]
  /// What was broken when.
  public var faults: [FaultSpan]
  /// The requests of the loads.
  public var requests: [TimedRequest]
  /// How much virtual time was flown.
  public var simulated: TimeSpan
  /// Turns that machines took.
  public var turns: Int
  /// Requirements that the scenario names.
  public var requirements: [String]

  /// The first check that was broken, and how.
  public var firstFailure: (checker: String, summary: String)? {
    for judgement in judgements where !judgement.held {
      return (judgement.checker, judgement.violations.first?.summary ?? "nothing was examined (\(judgement.examined))")
    }
    return nil
  }

  /// The one command that repeats the flight.
  public var replayCommand: String {
    "windtunnel replay \(scenario) --seed \(seed)" + (mutant.map { " --mutant \($0)" } ?? "")
  }
}
