// Name rebinding: a name leads to its own address the first time that a node asks for it, and to another from the second
// time on: what was looked at, and what is connected to, are then not the same.

import Kernel
import Vocabulary

/// A node's name leads to another node's address from each caller's second resolution on.
public struct NameRebinding: Fault {
  /// Whose name.
  public var node: NodeID
  /// Where it leads.
  public var other: NodeID

  /// A rebinding.
  public init(of node: NodeID, to other: NodeID) {
    self.node = node
    self.other = other
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .names([node, other]) }
  public func label(_ host: SimulatedHost) -> String { "name of \(host.name(of: node)) rebound to \(host.name(of: other))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.names.rebind(node, to: host.names.address(of: other, in: host), fault: host.faultInHand)
  }
  public func end(_ host: SimulatedHost) { host.names.endRebinding(node, fault: host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.names.hasMisled(fault: number) }
}
