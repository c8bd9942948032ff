// The planted bugs of the hosts of models. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// Each caller has the model loaded anew.
  public static let hostLoadsForEachCaller = host(
    "loads-for-each-caller", "whoever asks for an instance has it loaded anew, also while it is loaded", "MODELS-1",
    "services are initialised once")
  /// The time that it took to load counts as idle.
  public static let hostCountsIdleFromLoading = host(
    "counts-idle-from-loading", "an instance's idle time counts from when it was asked for", "MODELS-1", "instances stay their idle time",
    also: ["registry/initialize/idle-time-is-without-loading"])

  /// Weights are loaded within a turn.
  public static let hostLoadsInTurns = host(
    "loads-in-turns", "weights are loaded within a turn, and all tasks wait for that", "MODELS-9", "loads slow nobody down")

  private static func host(
    _ name: String, _ summary: String, _ requirement: String, _ catcher: String, also others: [String] = []
  ) -> Mutant {
    Mutant("models/host/\(name)", summary, breaks: [requirement], caughtBy: [catcher] + others)
  }
}

/// The planted bugs of the hosts.
public let hostMutants: [Mutant] = [.hostLoadsForEachCaller, .hostCountsIdleFromLoading, .hostLoadsInTurns]
