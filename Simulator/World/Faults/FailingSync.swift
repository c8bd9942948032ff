// Failing sync: a share of a node's syncs fails with EIO; the node loses what it had not synced and starts again.

import Kernel
import Vocabulary

/// A share of a node's syncs fails: of several such faults the largest.
public struct FailingSync: Fault {
  /// Whose disk.
  public var node: NodeID
  /// The share, 0 … 1.
  public var probability: Double

  /// Failing syncs.
  public init(of node: NodeID, probability: Double) {
    self.node = node
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String { "\(percent(probability)) of syncs of \(host.name(of: node)) fail" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.state(node).box.failingSyncs.begin(host.faultInHand, probability)
  }
  public func end(_ host: SimulatedHost) { host.state(node).box.failingSyncs.end(host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.state(node).box.failingSyncs.hasActed(number) }
}
