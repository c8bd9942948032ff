// What a fault touches, for checkers that promise something of what no fault touches.
//
// Limits: what a process does after it was stopped (recovery) is its own doing.

import Vocabulary

/// What a fault touches.
public enum FaultReach: Hashable, Sendable {
  /// One direction of the network between two nodes.
  public struct Link: Hashable, Sendable {
    /// Who sends.
    public var from: NodeID
    /// Who receives.
    public var to: NodeID

    /// A link.
    public init(from: NodeID, to: NodeID) {
      self.from = from
      self.to = to
    }
  }

  /// Nothing: it came to nothing, or what it touches was not known before.
  case nothing
  /// Processes are not there.
  case stops([NodeID])
  /// Processes are slow or stand still, or their disk is slow, full, failing or rotten.
  case hampers([NodeID])
  /// These nodes' clocks run wrong.
  case clocks([NodeID])
  /// Nothing passes on these links.
  case cuts([Link])
  /// What passes on these links is lost in part, late, repeated or overtaken.
  case blurs([Link])
  /// What these nodes are called leads elsewhere, nowhere, or late: calls to them by name are touched, and no others.
  case names([NodeID])

  /// Whether it is of links, and there is none.
  var hasNoLink: Bool {
    switch self {
    case .cuts(let links), .blurs(let links): links.isEmpty
    case .nothing, .stops, .hampers, .clocks, .names: false
    }
  }

  /// Whether it touches one of `nodes`, or a link that one of them is an end of.
  public func touches(_ nodes: Set<NodeID>) -> Bool {
    switch self {
    case .nothing: false
    case .stops(let stricken), .hampers(let stricken), .clocks(let stricken), .names(let stricken): stricken.contains { nodes.contains($0) }
    case .cuts(let links), .blurs(let links): links.contains { nodes.contains($0.from) || nodes.contains($0.to) }
    }
  }
}
