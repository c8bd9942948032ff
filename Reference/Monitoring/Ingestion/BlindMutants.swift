// Planted bugs of ingestion by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A request is drained in pieces. In this life the rest of a batch follows; after a crash between two pieces it is
  /// taken for drained: what was answered 202 is gone.
  static let ingestionNotesWholeBatches = Mutant(
    "ingestion/notes-whole-batches-as-drained", "notes a spilled batch as drained when the queue has taken the first of its records",
    breaks: ["MONITORING-5"],
    caughtBy: ["conservation in the queue"])
}

/// The bugs of ingestion that were planted blindly.
public let ingestionBlindMutants: [Mutant] = [.ingestionNotesWholeBatches]
