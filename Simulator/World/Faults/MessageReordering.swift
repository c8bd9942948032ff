// Reordering: a share of the messages on some links is held back behind later ones.

import Kernel
import Vocabulary

/// A share of the messages on these links is held back behind later ones.
public struct MessageReordering: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1.
  public var probability: Double

  /// Reordering.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "reordering of \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { links.change(host) { $0.reorderProbability += probability } }
  public func end(_ host: SimulatedHost) {
    links.change(host) { $0.reorderProbability = settled($0.reorderProbability - probability) }
  }
}
