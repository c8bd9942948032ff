// Crash of a box: all nodes that stand in it end at once, and the operating system with them (power loss). What they had
// not synced is lost in any part. They start again when the fault ends.

import Kernel
import Vocabulary

/// A box and all that stands in it end, and start again.
public struct BoxCrash: Fault {
  /// One of the nodes in the box.
  public var node: NodeID

  /// A crash of the box in which `node` stands.
  public init(of node: NodeID) { self.node = node }

  public func reach(_ host: SimulatedHost) -> FaultReach { .stops(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String {
    "crash of the box of \(host.boxMates(of: node).map { host.name(of: $0) }.joined(separator: ", "))"
  }

  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var didAnything = false
    for mate in host.boxMates(of: node) { didAnything = host.crash(mate) || didAnything }
    for mate in host.boxMates(of: node) { host.holdDown(mate, didAnything: didAnything) }
  }

  public func end(_ host: SimulatedHost) {
    for mate in host.boxMates(of: node) { host.restart(mate, after: .zero) }
  }
}
