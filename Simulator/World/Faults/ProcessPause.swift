// Process pause: a process stands still (SIGSTOP, a long collection, a stolen core); its sockets and clocks go on.

import Kernel
import Vocabulary

/// A process stands still for a while.
public struct ProcessPause: Fault {
  /// Which process.
  public var node: NodeID
  /// For how long.
  public var duration: TimeSpan

  /// A pause.
  public init(of node: NodeID, for duration: TimeSpan) {
    self.node = node
    self.duration = duration
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers([node]) }
  public func label(_ host: SimulatedHost) -> String { "pause of \(host.name(of: node)) for \(duration.milliseconds) ms" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    if !host.pause(node, until: host.now + duration.nanoseconds) { host.faultInHandDidNothing() }
  }
  public func end(_ host: SimulatedHost) {}
}
