// The planted bugs of the service registry. Each is one line where it lives.

import Vocabulary

extension Mutant {
  private static let rightly = "tasks get what their model makes of them"
  private static let versions = "versions serve in order"
  private static let ejected = "who fails is left alone"
  private static let elsewhere = "a task that one instance fails is done by another"

  /// Whoever waits has an instance of its own loaded.
  public static let registryInitializesForEachCaller = registry(
    "initializes-for-each-caller", "each task that waits for a service has a further instance of it loaded", "MODELS-1",
    "memory stays flat", also: ["registry/initialize/once-for-all", "registry/initialize/once-for-tasks-at-once"])
  /// A service that could not be initialised once is never tried again.
  public static let registryGivesUp = registry(
    "gives-up", "a service whose initialisation failed is never tried again", "MODELS-1", "what failed comes back")
  /// Which version is active is forgotten by a restart.
  public static let registryForgetsSwaps = registry(
    "forgets-swaps", "after a restart the lowest version serves, whatever it was swapped to", "MODELS-2", versions)
  /// The version is switched before the new one is initialised.
  public static let registrySwapsBeforeReady = registry(
    "swaps-before-ready", "tasks go to the new version before it is ready", "MODELS-2", "swaps slow nobody down",
    also: ["registry/swap/while-it-warms-up"])
  /// A swap is acknowledged when tasks begin to go over.
  public static let registryAcknowledgesSwapsEarly = registry(
    "acknowledges-swaps-early", "a gradual swap is acknowledged when it begins to go over", "MODELS-2", versions,
    also: ["registry/swap/not-before-it-is-over", "registry/swap/bit-by-bit"])
  /// A failed swap leaves the new version in charge.
  public static let registryKeepsFailedSwaps = registry(
    "keeps-failed-swaps", "a swap that failed leaves the new version in charge", "MODELS-2", versions, also: ["registry/swap/that-fails"])
  /// The old version stays loaded.
  public static let registryKeepsOldVersions = registry(
    "keeps-old-versions", "the version before a swap stays in memory", "MODELS-2", "memory stays flat",
    also: ["registry/swap/all-goes-over"])
  /// Any version may take the place of any other.
  public static let registryComparesNoContracts = registry(
    "compares-no-contracts", "a version whose contract callers cannot keep may be swapped to", "MODELS-13", "callers keep their contract",
    also: ["registry/swap/what-callers-do-not-send", "registry/swap/what-callers-read"])
  /// The cap on ejections does not count who is about to go.
  public static let registryEjectsBeyondTheCap = registry(
    "ejects-beyond-the-cap", "the cap on ejections does not count who is about to go", "MODELS-7", ejected)
  /// The first instance is tried for each task.
  public static let registryTriesTheFirst = registry(
    "tries-the-first", "each task is tried on the first instance, dead or alive", "MODELS-7", ejected)
  /// A host may be silent for ever.
  public static let registryWaitsForever = registry(
    "waits-for-ever", "a host that is silent is taken for alive", "MODELS-7", "health is told as it is")
  /// Probes ask whether the host answers.
  public static let registryProbesByPing = registry(
    "probes-by-ping", "probes ask for the host's health and not for a task", "MODELS-7", "health is told as it is")
  /// What a model answers is handed on as it is.
  public static let registryTrustsAnswers = registry(
    "trusts-answers", "an answer that breaks the contract is handed on", "MODELS-3", rightly, also: ["registry/contracts/declared"])
  /// A failed task is not tried elsewhere.
  public static let registryTriesOnce = registry(
    "tries-once", "a task that one instance failed is tried on no other", "MODELS-7", elsewhere)
  /// A task that wants context is done without.
  public static let registryDoesWithoutContext = registry(
    "does-without-context", "a task whose context cannot be had is done without it", "MODELS-14", rightly)
  /// All services share the places of one instance.
  public static let registrySharesPlaces = registry(
    "shares-places", "the tasks of all services share the places of one instance", "MODELS-7", "a hung model blocks nobody else")

  /// A version that is registered otherwise takes the place of the one before.
  public static let registryReplacesVersions = registry(
    "replaces-versions", "a version that is registered otherwise is taken for the one that is there", "MODELS-2",
    "registry/services/a-version-is-what-it-was")
  /// What a task hands in is not held against the contract.
  public static let registryTakesAnyInput = registry(
    "takes-any-input", "a task's input is handed on as it is", "MODELS-3", "registry/tasks/bad-blocks", also: ["registry/tasks/bad-input"])
  /// What a version does not know is handed on to it.
  public static let registryLeavesNothingOut = registry(
    "leaves-nothing-out", "a version is given fields that a newer one alone knows", "MODELS-13",
    "registry/tasks/what-a-version-does-not-know", also: ["registry/swap/forth-and-back"])
  /// A task that is done is counted twice.
  public static let registryCountsTwice = registry(
    "counts-twice", "a task that is done is counted twice", "MODELS-8", "registry/operators/what-was-done")

  private static func registry(
    _ name: String, _ summary: String, _ requirement: String, _ catcher: String, also others: [String] = []
  ) -> Mutant {
    Mutant("models/registry/\(name)", summary, breaks: [requirement], caughtBy: [catcher] + others)
  }
}

/// The planted bugs of the registry.
public let registryMutants: [Mutant] = [
  .registryInitializesForEachCaller, .registryGivesUp, .registryForgetsSwaps, .registrySwapsBeforeReady, .registryAcknowledgesSwapsEarly,
  .registryKeepsFailedSwaps,
  .registryKeepsOldVersions, .registryComparesNoContracts, .registryEjectsBeyondTheCap, .registryTriesTheFirst, .registryWaitsForever,
  .registryProbesByPing, .registryTrustsAnswers, .registryTriesOnce, .registryDoesWithoutContext, .registrySharesPlaces,
  .registryReplacesVersions, .registryTakesAnyInput, .registryLeavesNothingOut, .registryCountsTwice,
]
