// Clock drift: both clocks of a node run too fast or too slow.

import Kernel
import Vocabulary

/// A node's clocks gain or lose: of several such faults the one furthest from the truth counts.
public struct ClockDrift: Fault {
  /// Whose clocks.
  public var node: NodeID
  /// Nanoseconds gained in each second; negative for a slow clock; more than −1,000,000,000.
  public var partsPerBillion: Int64

  /// Drift.
  public init(of node: NodeID, partsPerBillion: Int64) {
    self.node = node
    self.partsPerBillion = partsPerBillion
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .clocks(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String { "clock drift of \(host.name(of: node)) by \(partsPerBillion / 1_000) ppm" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    if partsPerBillion == 0 { host.faultInHandDidNothing() }
    host.state(node).box.changeDrifts(at: host.now) { $0.begin(host.faultInHand, partsPerBillion) }
  }
  public func end(_ host: SimulatedHost) { host.state(node).box.changeDrifts(at: host.now) { $0.end(host.faultInHand) } }
}
