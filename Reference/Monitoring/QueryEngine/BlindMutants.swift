// Planted bugs of the query engine by someone who had not read the checkers, nor the scenarios. Scored apart from the
// others (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A breaker with a fallback, as libraries offer it: while storage is away clients and rules are told that there is
  /// nothing, or the pages that came.
  static let queryAnswersEmptyWhileOpen = Mutant(
    "query/answers-empty-while-the-breaker-is-open", "answers with the rows it has, mostly none, where storage's breaker refuses the call",
    breaks: ["MONITORING-19"],
    caughtBy: ["reads never go back"])
}

/// The bugs of the query engine that were planted blindly.
public let queryEngineBlindMutants: [Mutant] = [.queryAnswersEmptyWhileOpen]
