// The planted bugs of the context manager. Each is one line where it lives.

import Vocabulary

extension Mutant {
  static let contextInTime = "context is given out in its time"
  static let contextForReaders = "context is given to its readers, in order"

  /// What is over is given out until it is cleaned away.
  public static let contextServesWhatIsOver = context(
    "serves-what-is-over", "an item is given out behind its time, until it is cleaned away", "MODELS-4", contextInTime)
  /// Memory is not told of writes.
  public static let contextKeepsMemoryOverWrites = context(
    "keeps-memory-over-writes", "a scope in memory is not forgotten when it is written to", "MODELS-4", contextInTime)
  /// A write is acknowledged when it is on its way to the store.
  public static let contextAcknowledgesBeforeKeeping = context(
    "acknowledges-before-keeping", "a write is acknowledged before the store has it", "MODELS-4", contextInTime)
  /// All models are given all items.
  public static let contextIgnoresReaders = context(
    "ignores-readers", "a model is given items that others alone may read", "MODELS-14", contextForReaders)
  /// The order is that of ids.
  public static let contextForgetsPriority = context(
    "forgets-priority", "models are given items in the order of their ids", "MODELS-6", contextForReaders)
  /// All models are given the first format.
  public static let contextAdaptsToFirstFormat = context(
    "adapts-to-the-first-format", "a model of format 2 is given context in the form of format 1", "MODELS-13",
    "tasks get what their model makes of them")

  private static func context(_ name: String, _ summary: String, _ requirement: String, _ catcher: String) -> Mutant {
    Mutant("models/context/\(name)", summary, breaks: [requirement], caughtBy: [catcher])
  }
}

/// The planted bugs of the context manager.
public let contextMutants: [Mutant] = [
  .contextServesWhatIsOver, .contextKeepsMemoryOverWrites, .contextAcknowledgesBeforeKeeping, .contextIgnoresReaders,
  .contextForgetsPriority, .contextAdaptsToFirstFormat,
]
