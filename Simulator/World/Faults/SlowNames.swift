// Slow names: the resolver takes longer, for everybody. Faults that overlap add up; beyond what a host waits for a
// connection, calls by name fail.

import Kernel
import Vocabulary

/// The resolver's answers are late.
public struct SlowNames: Fault {
  /// By how much.
  public var extraLatency: TimeSpan

  /// A slow resolver.
  public init(by extraLatency: TimeSpan) { self.extraLatency = extraLatency }

  public func reach(_ host: SimulatedHost) -> FaultReach { .names((0..<host.nodeCount).map { NodeID(UInt16($0)) }) }
  public func label(_ host: SimulatedHost) -> String { "slow names (+\(extraLatency.milliseconds) ms)" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { host.names.latenesses.begin(host.faultInHand, extraLatency) }
  public func end(_ host: SimulatedHost) { host.names.latenesses.end(host.faultInHand) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { host.names.latenesses.hasActed(number) }
}
