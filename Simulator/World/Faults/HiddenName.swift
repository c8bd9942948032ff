// Hidden name: the resolver does not know a node's name. What is connected stays connected, and endpoints need no name.

import Kernel
import Vocabulary

/// A node's name does not resolve.
public struct HiddenName: Fault {
  /// Whose name.
  public var node: NodeID

  /// A hidden name.
  public init(of node: NodeID) { self.node = node }

  public func reach(_ host: SimulatedHost) -> FaultReach { .names([node]) }
  public func label(_ host: SimulatedHost) -> String { "name of \(host.name(of: node)) not known" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { host.names.hide(node, fault: host.faultInHand) }
  public func end(_ host: SimulatedHost) { host.names.endHiding(node, fault: host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.names.hasHidden(node, fault: number) }
}
