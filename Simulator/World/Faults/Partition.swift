// Partition: nothing passes between two groups of nodes, both ways or one way. Messages are lost; parts of exchanges
// wait.

import Kernel
import Vocabulary

/// Nothing passes on these links.
public struct Partition: Fault {
  /// The links that are cut. The two groups of a two-way partition must not overlap.
  public var links: Links

  /// A partition.
  public init(_ links: Links) { self.links = links }

  public func reach(_ host: SimulatedHost) -> FaultReach { .cuts(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "partition \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage.cuts = 1
    links.begin(host, damage)
  }
  public func end(_ host: SimulatedHost) {
    links.end(host)
    host.releaseParked()
  }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { links.haveActed(host, number) }
}
