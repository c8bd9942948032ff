// Planted bugs of storage by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// Paging by a key that is not unique: series that are sampled at the same time are torn apart by a page's end, and
  /// the rest of that time is on no page.
  static let storagePagesByTimeAlone = Mutant(
    "storage/pages-by-time-alone",
    "ends a page at exactly its number of points and goes on behind the last one's time, though other series have points at that time",
    breaks: ["MONITORING-13", "MONITORING-19"],
    caughtBy: ["storage/query/pages-hold-every-point-once", "query engine agrees with storage", "reads never go back"])
}

/// The bugs of storage that were planted blindly.
public let timeSeriesStorageBlindMutants: [Mutant] = [.storagePagesByTimeAlone]
