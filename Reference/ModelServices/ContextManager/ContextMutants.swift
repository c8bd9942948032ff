// The planted bugs of the context manager. Each is one line where it lives.

import Vocabulary

extension Mutant {
  static let contextInTime = "context is given out in its time"
  static let contextForReaders = "context is given to its readers, in order"

  /// What is over is given out until it is cleaned away.
  public static let contextServesWhatIsOver = context(
    "serves-what-is-over", "an item is given out behind its time, until it is cleaned away", "MODELS-4", contextInTime,
    also: ["context/time-to-live/over", "context/time-to-live/out-of-memory-too", "registry/context/not-behind-its-time"])
  /// Memory is not told of writes.
  public static let contextKeepsMemoryOverWrites = context(
    "keeps-memory-over-writes", "a scope in memory is not forgotten when it is written to", "MODELS-4", contextInTime,
    also: ["context/items/replaced", "context/items/deleted", "registry/context/what-changes-is-seen"])
  /// A write is acknowledged when it is on its way to the store.
  public static let contextAcknowledgesBeforeKeeping = context(
    "acknowledges-before-keeping", "a write is acknowledged before the store has it", "MODELS-4", contextInTime)
  /// All models are given all items.
  public static let contextIgnoresReaders = context(
    "ignores-readers", "a model is given items that others alone may read", "MODELS-14", contextForReaders,
    also: ["context/readers/who-may-read", "context/readers/do-not-take-places", "registry/context/for-its-readers"])
  /// The order is that of ids.
  public static let contextForgetsPriority = context(
    "forgets-priority", "models are given items in the order of their ids", "MODELS-6", contextForReaders,
    also: ["context/order/priority-then-the-newest"])
  /// All models are given the first format.
  public static let contextAdaptsToFirstFormat = context(
    "adapts-to-the-first-format", "a model of format 2 is given context in the form of format 1", "MODELS-13",
    "tasks get what their model makes of them",
    also: ["context/adapted/for-effects", "context/adapted/for-language", "registry/context/format-2-works-with-the-same"])

  /// A type that nobody knows is taken for another.
  public static let contextGuessesTypes = context(
    "guesses-types", "context for an unknown type of model is made as if for effects", "MODELS-5", "context/adapted/unknown-types")
  /// What ranks first is handed on as it is.
  public static let contextAdaptsNothing = context(
    "adapts-nothing", "a model is given the content of the item that ranks first, whatever its kind", "MODELS-5",
    "context/adapted/for-analyses", also: ["registry/context/reference-is-measured-against"])

  private static func context(
    _ name: String, _ summary: String, _ requirement: String, _ catcher: String, also others: [String] = []
  ) -> Mutant {
    Mutant("models/context/\(name)", summary, breaks: [requirement], caughtBy: [catcher] + others)
  }
}

/// The planted bugs of the context manager.
public let contextMutants: [Mutant] = [
  .contextServesWhatIsOver, .contextKeepsMemoryOverWrites, .contextAcknowledgesBeforeKeeping, .contextIgnoresReaders,
  .contextForgetsPriority, .contextAdaptsToFirstFormat, .contextGuessesTypes, .contextAdaptsNothing,
]
