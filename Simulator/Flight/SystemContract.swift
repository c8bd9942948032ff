// What a system's contract judges: its services, and how the reference is placed for a case.

import Vocabulary
import World

/// The contract of a system.
public struct SystemContract: Sendable {
  /// Where something that the system tells by itself (an alert) reaches whoever judges it.
  public struct Channel: Sendable, Hashable {
    /// Its name, as clients of the system use it.
    public var name: String
    /// Where it leads.
    public var endpoint: Endpoint

    /// A channel.
    public init(name: String, endpoint: Endpoint) {
      self.name = name
      self.endpoint = endpoint
    }
  }

  /// The names of its services, in the order of their ports and of their nodes.
  public var services: [String]
  /// The reference's nodes, numbered from 0 on, with these planted bugs; the services come first.
  public var place: @Sendable (_ channel: Channel, _ planted: PlantedBugs) -> [NodePlan]

  /// A contract.
  public init(services: [String], place: @escaping @Sendable (_ channel: Channel, _ planted: PlantedBugs) -> [NodePlan]) {
    self.services = services
    self.place = place
  }
}
