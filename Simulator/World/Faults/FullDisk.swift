// Full disk: a node's disk has almost no space left; the write that needs more throws in its turn.

import Kernel
import Vocabulary

/// A node's disk is full, but for a little: of several such faults the one that leaves least counts.
public struct FullDisk: Fault {
  /// Whose disk.
  public var node: NodeID
  /// What is left, in bytes, when the fault begins.
  public var bytesLeft: Int

  /// A full disk.
  public init(of node: NodeID, bytesLeft: Int = 0) {
    self.node = node
    self.bytesLeft = bytesLeft
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String { "disk of \(host.name(of: node)) full" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    let disk = host.disk(of: node)
    disk.medium.fullness.begin(host.faultInHand, disk.used + bytesLeft)
  }
  public func end(_ host: SimulatedHost) { host.disk(of: node).medium.fullness.end(host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.disk(of: node).medium.fullness.hasActed(number) }
}
