// Slow link: latency grows and bandwidth shrinks on some links.

import Kernel
import Vocabulary

/// Latency grows and bandwidth shrinks on these links. Of several that overlap on a link the latencies add up, and the
/// least bandwidth counts.
public struct SlowLink: Fault {
  /// The links.
  public var links: Links
  /// Added to each packet's latency.
  public var extraLatency: TimeSpan
  /// Bytes a second; 0 leaves the bandwidth unlimited.
  public var bytesPerSecond: Int64

  /// A slow link.
  public init(_ links: Links, extraLatency: TimeSpan, bytesPerSecond: Int64 = 0) {
    self.links = links
    self.extraLatency = extraLatency
    self.bytesPerSecond = bytesPerSecond
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String {
    let bandwidth = bytesPerSecond > 0 ? ", \(bytesPerSecond) bytes/s" : ""
    return "slow link (+\(extraLatency.milliseconds) ms\(bandwidth)) \(links.label(host))"
  }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage.extraLatency = extraLatency
    damage.bytesPerSecond = bytesPerSecond
    links.begin(host, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { links.haveActed(host, number) }
}
