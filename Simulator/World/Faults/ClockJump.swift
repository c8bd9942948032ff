// Clock jump: a node's wall clock jumps, forwards or backwards, and jumps back when the fault ends (a step of the time
// service). A jump without an end is an offset. The monotonic clock never jumps.

import Kernel
import Vocabulary

/// A node's wall clock jumps.
public struct ClockJump: Fault {
  /// Whose clock.
  public var node: NodeID
  /// By how much.
  public var span: TimeSpan

  /// A jump.
  public init(of node: NodeID, by span: TimeSpan) {
    self.node = node
    self.span = span
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .clocks(host.boxMates(of: node)) }
  public func label(_ host: SimulatedHost) -> String { "clock jump of \(host.name(of: node)) by \(span.milliseconds) ms" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    if span == .zero { host.faultInHandDidNothing() }
    host.state(node).box.clock.jump(span)
  }
  public func end(_ host: SimulatedHost) { host.state(node).box.clock.jump(TimeSpan.zero - span) }
}
