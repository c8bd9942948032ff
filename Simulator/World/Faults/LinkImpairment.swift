// Link impairment: a share of what passes on some links meets with a misfortune, each by itself and at random.
//
// Lost packets: messages are gone; parts of exchanges are sent again and come late. Repeated and reordered ones are
// messages only: exchanges run over connections, where nothing is repeated and parts keep their order. And meddling:
// somebody is between two nodes, hears all that passes and does not have the key, and puts frames on their links behind a
// share of the messages.

import Kernel
import Vocabulary

/// Something befalls a share of the packets, messages or frames on these links.
public struct LinkImpairment: Fault {
  /// What befalls them.
  public enum Kind: Hashable, Sendable {
    /// A packet is lost.
    case loss
    /// A message arrives twice.
    case duplication
    /// A message is held back behind later ones.
    case reordering
    /// Somebody without the key puts frames of his own on the links, and opens links of his own as one of the nodes.
    case forging
    /// He repeats frames that passed, of the same session or of the one before, and opens links as they were opened before.
    case replaying
    /// He sends a node's own frames back to it.
    case reflecting

    /// The share of it in the condition of a link.
    var share: WritableKeyPath<LinkCondition, Double> {
      switch self {
      case .loss: \.lossProbability
      case .duplication: \.duplicateProbability
      case .reordering: \.reorderProbability
      case .forging: \.forgeProbability
      case .replaying: \.replayProbability
      case .reflecting: \.reflectProbability
      }
    }

    /// In reports.
    var word: String {
      switch self {
      case .loss: "loss of"
      case .duplication: "duplication of"
      case .reordering: "reordering of"
      case .forging: "forging behind"
      case .replaying: "replaying behind"
      case .reflecting: "reflecting behind"
      }
    }

    /// Whether somebody must be on the links for it.
    var isMeddling: Bool {
      switch self {
      case .loss, .duplication, .reordering: false
      case .forging, .replaying, .reflecting: true
      }
    }
  }

  /// What befalls them.
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
  public func label(_ host: SimulatedHost) -> String { "\(kind.word) \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage[keyPath: kind.share] = probability
    if kind.isMeddling { host.meddle(with: links, damage) } else { links.begin(host, damage) }
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { links.haveActed(host, number) }
}

/// A share, 0 … 1, as people write it: whole percents, halves rounded up; of less than half a percent only that it is
/// so, since 0 % would be none.
///
/// By integers: `rounded()` may become a call of `round` in the mathematical library, which whoever links this room
/// need not have.
func percent(_ share: Double) -> String {
  let hundredfold = share * 100
  let whole = Int(hundredfold)
  if share > 0, hundredfold < 0.5 { return "less than 1 %" }
  return "\(hundredfold - Double(whole) < 0.5 ? whole : whole + 1) %"
}
