// Which links a network fault touches: all between two groups of nodes, in one direction or both.

import Kernel
import Vocabulary

/// Directed links between nodes.
public struct Links: Hashable, Sendable {
  /// Links from each node of the first group …
  public var from: [NodeID]
  /// … to each node of the second.
  public var to: [NodeID]
  /// And back.
  public var bothWays: Bool

  /// Links.
  public init(from: [NodeID], to: [NodeID], bothWays: Bool = true) {
    self.from = from
    self.to = to
    self.bothWays = bothWays
  }

  /// Each link by itself that is one of the network, and not within a box.
  func each(_ host: SimulatedHost) -> [FaultReach.Link] {
    var links: [FaultReach.Link] = []
    for first in from {
      for second in to where !host.network.isInner(from: first, to: second) {
        links.append(FaultReach.Link(from: first, to: second))
        if bothWays { links.append(FaultReach.Link(from: second, to: first)) }
      }
    }
    return links
  }

  /// The fault in hand does this to each link. To one that lies both ways between two members of both groups, it does it
  /// twice.
  func begin(_ host: SimulatedHost, _ damage: LinkCondition) {
    for first in from {
      for second in to where first != second {
        host.network.begin(host.faultInHand, damage, from: first, to: second)
        if bothWays { host.network.begin(host.faultInHand, damage, from: second, to: first) }
      }
    }
  }

  /// The fault in hand is over on each link.
  func end(_ host: SimulatedHost) {
    for first in from {
      for second in to where first != second {
        host.network.end(host.faultInHand, from: first, to: second)
        if bothWays { host.network.end(host.faultInHand, from: second, to: first) }
      }
    }
  }

  /// "a, b ↔ c".
  func label(_ host: SimulatedHost) -> String {
    let left = from.map { host.name(of: $0) }.joined(separator: ", ")
    let right = to.map { host.name(of: $0) }.joined(separator: ", ")
    return "\(left) \(bothWays ? "↔" : "→") \(right)"
  }
}
