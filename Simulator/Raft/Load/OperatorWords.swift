// The words for an operator of replicated logs, which several systems have among their loads.

import Load
import Scenarios
import Vocabulary
import YAMLReading

/// A load of kind *operator*: somebody who transfers leaderships and changes memberships, and restores them in the end.
public struct OperatorLoad: Sendable, Hashable {
  /// Acts a second.
  public var perSecond: Double
  /// Share of the acts that transfer a leadership, 0 … 1; the others change a membership.
  public var transferShare: Double
  /// The first how many of the replicated logs it works on; nil for all of them.
  public var groups: Int?

  /// A load.
  public init(perSecond: Double, transferShare: Double, groups: Int? = nil) {
    self.perSecond = perSecond
    self.transferShare = transferShare
    self.groups = groups
  }

  /// The keys that it has in a scenario file.
  public static let keys = ["operator", "transfers", "groups"]

  /// Reads it.
  public init(_ field: YAMLField) throws(TextMistake) {
    let members = try field.members(Self.keys, of: "an operator, which is an item of its own in the list of loads")
    perSecond = try field.required("operator", members).rate()
    transferShare = try members.value("transfers", or: 0.5) { field throws(TextMistake) in try field.share() }
    groups = try members.value("groups", or: nil) { field throws(TextMistake) in
      try field.number("how many replicated logs, from the first on", in: 1...10_000)
    }
  }

  /// What the machine of the load does among `groups` logs, in a flight whose loads end at `end`.
  public func plan(groups: Int, restoresAt end: TimeSpan) -> RaftOperatorPlan {
    RaftOperatorPlan(
      arrivals: Arrivals(perSecond: perSecond, spacing: .poisson), transferShare: transferShare, restoresAt: end,
      groups: min(groups, self.groups ?? .max))
  }
}
