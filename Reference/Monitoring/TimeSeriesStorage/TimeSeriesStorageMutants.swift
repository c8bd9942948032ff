// Storage's planted bugs.

import Vocabulary

extension Mutant {
  /// Journals the offset without the points.
  static let storageJournalsOffsetAlone = Mutant(
    "storage/journals-the-offset-alone", "makes a partition's offset durable without the points before it, which a crash then loses",
    breaks: ["MONITORING-9", "MONITORING-12"],
    caughtBy: ["conservation in storage", "reads never go back"])
  /// Does not look into the frozen memtable.
  static let storageForgetsFrozen = Mutant(
    "storage/forgets-the-frozen-memtable", "answers queries during a flush without the points that are being flushed",
    breaks: ["MONITORING-13"],
    caughtBy: ["reads never go back"])
  /// Takes the end of a range in.
  static let storageIncludesEnd = Mutant(
    "storage/includes-the-end", "answers a query with the points at its end too", breaks: ["MONITORING-13"],
    caughtBy: ["storage/query/end-is-out", "storage/query/empty-range"])
  /// Keeps the first of two points.
  static let storageKeepsFirst = Mutant(
    "storage/first-write-wins", "keeps the older of two points of one series and time", breaks: ["MONITORING-12"],
    caughtBy: ["storage/write/last-write-wins", "storage/write/batch"])
  /// Discards the journal early.
  static let storageDiscardsEarly = Mutant(
    "storage/discards-the-journal-early", "discards the journal before the manifest that replaces it is durable",
    breaks: ["MONITORING-9", "MONITORING-12"],
    caughtBy: ["conservation in storage", "reads never go back"])
}

/// Storage's planted bugs, for the scorecard.
public let timeSeriesStorageMutants: [Mutant] = [
  .storageJournalsOffsetAlone, .storageForgetsFrozen, .storageIncludesEnd, .storageKeepsFirst, .storageDiscardsEarly,
]
