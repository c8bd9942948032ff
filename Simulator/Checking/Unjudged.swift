// A check that was asked for, and for which there is nothing in the flight to look at: it is named, and does not hold.
// Left out of the list of checks, its absence would read as a pass.

import Vocabulary

/// A check that examines nothing.
public struct Unjudged: Checker {
  public var name: String
  public var requirements: [String]
  /// Why there is nothing to examine.
  public var reason: String

  /// A check named `name`, which cannot be made because of `reason`.
  public init(_ name: String, requirements: [String], because reason: String) {
    self.name = name
    self.requirements = requirements
    self.reason = reason
  }

  public func judge(_ record: FlightRecord) -> Judgement { judgement([], examined: reason, count: 0) }
}
