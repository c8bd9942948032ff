// Meddling with frames: somebody who is between two nodes, hears all that passes and does not have the key, behind a share
// of the messages. One fault in three kinds, which differ in what he puts on the links.

import Kernel
import Vocabulary

/// Somebody without the key meddles with these links, behind a share of the messages.
public struct FrameMeddling: Fault {
  /// What he does.
  public enum Kind: Hashable, Sendable {
    /// He puts frames of his own on the links, and opens links of his own as one of the nodes.
    case forging
    /// He repeats frames that passed, of the same session or of the one before, and opens links as they were opened
    /// before.
    case replaying
    /// He sends a node's own frames back to it.
    case reflecting

    /// The share of it in the condition of a link.
    var share: WritableKeyPath<LinkCondition, Double> {
      switch self {
      case .forging: \.forgeProbability
      case .replaying: \.replayProbability
      case .reflecting: \.reflectProbability
      }
    }

    /// In reports.
    var word: String {
      switch self {
      case .forging: "forging"
      case .replaying: "replaying"
      case .reflecting: "reflecting"
      }
    }
  }

  /// What he does.
  public var kind: Kind
  /// The links.
  public var links: Links
  /// The share, 0 … 1; shares of faults that overlap add up.
  public var probability: Double

  /// Meddling.
  public init(_ kind: Kind, _ links: Links, probability: Double) {
    self.kind = kind
    self.links = links
    self.probability = probability
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .blurs(links.each(host)) }
  public func label(_ host: SimulatedHost) -> String { "\(kind.word) behind \(percent(probability)) \(links.label(host))" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    var damage = LinkCondition()
    damage[keyPath: kind.share] = probability
    host.meddle(with: links, damage)
  }
  public func end(_ host: SimulatedHost) { links.end(host) }
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { links.haveActed(host, number) }
}
