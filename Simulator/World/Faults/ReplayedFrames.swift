// Replayed frames: somebody who is between two nodes repeats frames that passed, of the same session or of the one
// before, and opens links as they were opened before, behind a share of the messages.

import Kernel
import Vocabulary

/// Somebody repeats what passed on these links, behind a share of the messages.
public struct ReplayedFrames: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up.
  public var probability: Double

  /// Replayed frames.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "replaying behind \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage.replayProbability = probability
    host.meddle(with: links, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
}
