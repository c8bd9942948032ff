// Link impairment: a share of what passes on some links meets with a misfortune, each by itself and at random.
//
// Lost packets: messages are gone; parts of exchanges are sent again and come late. Repeated and reordered ones are
// messages only: exchanges run over connections, where nothing is repeated and parts keep their order.

import Kernel
import Vocabulary

/// A share of the packets or messages on these links is lost, arrives twice, or is held back behind later ones.
public struct LinkImpairment: Fault {
  /// What befalls a packet.
  public enum Kind: Hashable, Sendable {
    /// It is lost.
    case loss
    /// A message arrives twice.
    case duplication
    /// A message is held back behind later ones.
    case reordering

    /// The share of it in the condition of a link.
    var share: WritableKeyPath<LinkCondition, Double> {
      switch self {
      case .loss: \.lossProbability
      case .duplication: \.duplicateProbability
      case .reordering: \.reorderProbability
      }
    }

    /// In reports.
    var word: String {
      switch self {
      case .loss: "loss"
      case .duplication: "duplication"
      case .reordering: "reordering"
      }
    }
  }

  /// What befalls the packets.
  public var kind: Kind
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up, to 1 at most.
  public var probability: Double

  /// An impairment.
  public init(_ kind: Kind, _ links: Links, probability: Double) {
    self.kind = kind
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "\(kind.word) of \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage[keyPath: kind.share] = probability
    links.begin(host, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { links.haveActed(host, number) }
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
