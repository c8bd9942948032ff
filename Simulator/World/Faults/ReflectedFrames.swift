// Reflected frames: somebody who is between two nodes sends a node's own frames back to it, behind a share of the
// messages.

import Kernel
import Vocabulary

/// Somebody sends frames on these links back to their sender, behind a share of the messages.
public struct ReflectedFrames: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up.
  public var probability: Double

  /// Reflected frames.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "reflecting behind \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage.reflectProbability = probability
    host.meddle(with: links, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
}
