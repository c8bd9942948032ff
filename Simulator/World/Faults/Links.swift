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

  /// Each link by itself that is one of the network, and not within a box; once, also where both of its ends are in
  /// both groups.
  func each(_ host: SimulatedHost) -> [FaultReach.Link] {
    var links: [FaultReach.Link] = []
    var known: Set<FaultReach.Link> = []
    for first in from {
      for second in to where !host.network.isInner(from: first, to: second) {
        for link in [FaultReach.Link(from: first, to: second)] + (bothWays ? [FaultReach.Link(from: second, to: first)] : [])
        where known.insert(link).inserted {
          links.append(link)
        }
      }
    }
    return links
  }

  /// The fault in hand does this to each link.
  func begin(_ host: SimulatedHost, _ damage: LinkCondition) {
    for link in each(host) { host.network.begin(host.faultInHand, damage, from: link.from, to: link.to) }
  }

  /// The fault in hand is over on each link.
  func end(_ host: SimulatedHost) {
    for link in each(host) { host.network.end(host.faultInHand, from: link.from, to: link.to) }
  }

  /// Whether the fault of this number has changed something on one of them.
  func haveActed(_ host: SimulatedHost, _ number: Int) -> Bool {
    each(host).contains { host.network.hasActed(number, from: $0.from, to: $0.to) }
  }

  /// "a, b ↔ c", "among a, b, c", "among a, b and ↔ c". Who stands on both sides is named once.
  func label(_ host: SimulatedHost) -> String {
    func names(_ nodes: [NodeID]) -> String { nodes.isEmpty ? "nobody" : nodes.map { host.name(of: $0) }.joined(separator: ", ") }
    let arrow = bothWays ? "↔" : "→"
    let rest = to.filter { !from.contains($0) }
    // All of one side are also on the other: these links lie among them too.
    guard bothWays, !from.isEmpty, from.allSatisfy(to.contains) else { return "\(names(from)) \(arrow) \(names(to))" }
    guard from.count > 1 else { return "\(names(from)) \(arrow) \(names(rest))" }
    return "among \(names(from))" + (rest.isEmpty ? "" : " and \(arrow) \(names(rest))")
  }
}
