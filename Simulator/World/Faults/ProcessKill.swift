// Process kill: a process ends alone (`SIGKILL`); the operating system keeps what it wrote, synced or not, and the next
// process finds it.

import Kernel
import Vocabulary

/// A process ends, and starts again when the fault ends.
public struct ProcessKill: Fault {
  /// Which process.
  public var node: NodeID

  /// A kill.
  public init(of node: NodeID) { self.node = node }

  public func reach(_ host: SimulatedHost) -> FaultReach { .stops([node]) }
  public func label(_ host: SimulatedHost) -> String { "kill of \(host.name(of: node))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.holdDown(node, didAnything: host.kill(node))
  }
  public func end(_ host: SimulatedHost) { host.restart(node, after: .zero) }
}
