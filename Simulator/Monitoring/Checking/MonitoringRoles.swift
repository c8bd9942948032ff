// What the nodes of a flight of the platform are to its judges.

import Checking

extension NodeRole {
  /// The services.
  public static let ingestion = NodeRole("ingestion")
  /// The first broker of the queue.
  public static let queue = NodeRole("queue")
  public static let storage = NodeRole("storage")
  public static let query = NodeRole("query")
  public static let alerting = NodeRole("alerting")
  /// Where notifications come.
  public static let webhook = NodeRole("webhook")
  /// Who reads while the loads send.
  public static let reader = NodeRole("reader")
  /// Who sets up rules before.
  public static let setup = NodeRole("setup")
}
