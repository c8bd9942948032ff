// Packet loss: a share of the packets on some links is lost. Messages are gone; parts of exchanges are sent again and
// come late.

import Kernel
import Vocabulary

/// A share of the packets on these links is lost.
public struct PacketLoss: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up, to 1 at most.
  public var probability: Double

  /// Packet loss.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "loss of \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { links.change(host) { $0.lossProbability += probability } }
  public func end(_ host: SimulatedHost) { links.change(host) { $0.lossProbability = settled($0.lossProbability - probability) } }
}

/// A share, 0 … 1, as people write it: whole percents, halves rounded up.
///
/// By integers: `rounded()` may become a call of `round` in the mathematical library, which whoever links this room
/// need not have.
func percent(_ share: Double) -> String {
  let hundredfold = share * 100
  let whole = Int(hundredfold)
  return "\(hundredfold - Double(whole) < 0.5 ? whole : whole + 1) %"
}

/// A share from which another was taken back, without the dust of the subtraction.
func settled(_ share: Double) -> Double { share < 1e-9 ? 0 : share }
