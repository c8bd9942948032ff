// What one try with a planted bug shows: its failures held against those of the same try without it. Only a check that
// was named to catch the bug catches it, and only where nothing fails without it.

import Vocabulary

/// One try of a check, or of a flight with all its checks, with and without a planted bug.
public struct MutantTrial: Sendable, Hashable {
  /// The named checks that failed with the bug; empty where the control failed.
  public let caught: [String]
  /// Other checks that failed with the bug; empty where the control failed.
  public let unexpected: [String]
  /// Checks that failed without the bug: the try shows nothing.
  public let control: [String]

  /// A try of `mutant` in which the checks `failed` did not hold, and those of `control` did not without it.
  public init(_ mutant: Mutant, failed: [String], control: [String]) {
    self.control = control
    // Several flights' checkers may have one name (one for each group of consumers).
    var known: Set<String> = []
    let broken = control.isEmpty ? failed.filter { known.insert($0).inserted } : []
    // In a flight of several systems a check's name stands behind that of its system.
    func isNamed(_ check: String) -> Bool {
      mutant.catchers.contains(check) || mutant.catchers.contains(String(check.drop { $0 != "/" }.dropFirst()))
    }
    caught = broken.filter(isNamed)
    unexpected = broken.filter { !isNamed($0) }
  }
}

extension FlightResult {
  /// The names of the checks that found something broken. One that had nothing to look at did not: a bug by which a
  /// service refuses everything is not caught by who then sees nothing.
  public var failedChecks: [String] { judgements.filter { !$0.violations.isEmpty }.map(\.checker) }
}
