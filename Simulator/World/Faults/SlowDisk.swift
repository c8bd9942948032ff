// Slow disk: syncs and transfers of a node take a multiple of their time.

import Kernel
import Vocabulary

/// A node's disk is slow: of several such faults the slowest counts.
public struct SlowDisk: Fault {
  /// Whose disk.
  public var node: NodeID
  /// By which factor, at least 1.
  public var factor: Int64

  /// A slow disk.
  public init(of node: NodeID, factor: Int64) {
    self.node = node
    self.factor = max(1, factor)
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String { "disk of \(host.name(of: node)) \(factor)× slower" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.state(node).box.slownesses.begin(host.faultInHand, factor)
  }
  public func end(_ host: SimulatedHost) { host.state(node).box.slownesses.end(host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.state(node).box.slownesses.hasActed(number) }
}
