// Duplication: a share of the messages on some links arrives twice. Exchanges run over connections and are never
// repeated.

import Kernel
import Vocabulary

/// A share of the messages on these links arrives twice.
public struct MessageDuplication: Fault {
  /// The links.
  public var links: Links
  /// The share, 0 … 1.
  public var probability: Double

  /// Duplication.
  public init(_ links: Links, probability: Double) {
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "duplication of \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { links.change(host) { $0.duplicateProbability += probability } }
  public func end(_ host: SimulatedHost) {
    links.change(host) { $0.duplicateProbability = settled($0.duplicateProbability - probability) }
  }
}
