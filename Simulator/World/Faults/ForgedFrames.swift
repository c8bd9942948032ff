// Forged frames: somebody who is between two nodes, hears all that passes and does not have the key puts frames of his own
// on their links, and opens links of his own as one of them, behind a share of the messages.

import Kernel
import Vocabulary

/// Somebody without the key puts frames of his own on these links, behind a share of the messages.
public struct ForgedFrames: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up.
  public var probability: Double

  /// Forged frames.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "forging behind \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage.forgeProbability = probability
    host.meddle(with: links, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
}
