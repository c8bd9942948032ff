// What the nodes of model services are to their judges.

import Checking
import Vocabulary

extension NodeRole {
  /// The service registry.
  public static let registry = NodeRole("registry")
  /// The context manager.
  public static let context = NodeRole("context")
  /// A host of models.
  public static let modelHost = NodeRole("model host")
  /// Who registers and swaps.
  public static let modelOperator = NodeRole("operator")
  /// Who listens to events of health.
  public static let watcher = NodeRole("watcher")
}

extension FlightRecord {
  /// The hosts of models, in order.
  public var modelHosts: [NodeID] { nodes.filter { $0.roles.contains(.modelHost) }.map(\.id) }
}
