// Unreadable disk: a share of a node's reads fails with EIO.

import Kernel
import Vocabulary

/// A share of a node's reads fails: of several such faults the largest.
public struct UnreadableDisk: Fault {
  /// Whose disk.
  public var node: NodeID
  /// The share, 0 … 1.
  public var probability: Double

  /// An unreadable disk.
  public init(of node: NodeID, probability: Double) {
    self.node = node
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers(host.boxMates(of: node)) }
  public func spoils(_ host: SimulatedHost) -> [NodeID] { host.boxMates(of: node) }
  public func label(_ host: SimulatedHost) -> String { "\(percent(probability)) of reads of \(host.name(of: node)) fail" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.disk(of: node).medium.unreadableShares.begin(host.faultInHand, probability)
  }
  public func end(_ host: SimulatedHost) { host.disk(of: node).medium.unreadableShares.end(host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.disk(of: node).medium.unreadableShares.hasActed(number) }
}
