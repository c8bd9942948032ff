// The monitoring platform's assembly: which nodes it has, where each finds the others, and how they are set up. The only room that sees
// all five services. Plain data, used by the simulator's command and by the live host alike.
//
// Node ids and endpoints inside the platform are equal: 0 ingestion, 1 queue, 2 storage, 3 query, 4 alerting. Endpoints from 5 on are
// free for whoever flies the platform: clients, and the worlds outside to which alerting's channels lead.
// Serves MONITORING-1 to 30 as far as the services do.

import Alerting
import Ingestion
import MessageQueue
import QueryEngine
import TimeSeriesStorage
import Vocabulary

/// One node of an assembly.
public struct AssembledNode {
  /// Its name: in scenarios, on the command line, and of its folder of files.
  public var name: String
  /// Its place in the assembly, and its endpoint.
  public var id: NodeID
  /// Makes a machine for a new life.
  public var make: () -> any Machine

  /// A node.
  public init(name: String, id: NodeID, make: @escaping () -> any Machine) {
    self.name = name
    self.id = id
    self.make = make
  }
}

/// The monitoring platform: Ingestion → MessageQueue → TimeSeriesStorage ← QueryEngine ← Alerting.
public struct MonitoringAssembly {
  /// Ingestion's node.
  public static let ingestionNode = NodeID(0)
  /// The queue's node.
  public static let queueNode = NodeID(1)
  /// Storage's node.
  public static let storageNode = NodeID(2)
  /// The query engine's node.
  public static let queryNode = NodeID(3)
  /// Alerting's node.
  public static let alertingNode = NodeID(4)
  /// How many nodes the platform has; endpoints from here on are free.
  public static let nodeCount = 5

  /// How ingestion is set up.
  public var ingestion = IngestionConfiguration(queue: Endpoint(queueNode))
  /// How the queue is set up.
  public var queue = MessageQueueConfiguration()
  /// How storage is set up.
  public var storage = TimeSeriesStorageConfiguration(queue: Endpoint(queueNode))
  /// How the query engine is set up.
  public var query = QueryEngineConfiguration(storage: Endpoint(storageNode))
  /// How alerting is set up.
  public var alerting: AlertingConfiguration

  /// A platform with the defaults, whose alerts go to `channels`.
  public init(channels: [AlertingChannel] = []) {
    alerting = AlertingConfiguration(queryEngine: Endpoint(Self.queryNode), channels: channels)
  }

  /// The nodes, by id.
  public var nodes: [AssembledNode] {
    // The values are captured as they are now: a later change of the assembly is for nodes that are asked for later.
    let (ingestion, queue, storage, query, alerting) = (ingestion, queue, storage, query, alerting)
    return [
      AssembledNode(name: "ingestion", id: Self.ingestionNode) { Ingestion(ingestion) },
      AssembledNode(name: "queue", id: Self.queueNode) { MessageQueue(queue) },
      AssembledNode(name: "storage", id: Self.storageNode) { TimeSeriesStorage(storage) },
      AssembledNode(name: "query", id: Self.queryNode) { QueryEngine(query) },
      AssembledNode(name: "alerting", id: Self.alertingNode) { Alerting(alerting) },
    ]
  }
}

/// The platform's planted bugs, service by service.
public let monitoringMutants: [Mutant] =
  ingestionMutants + messageQueueMutants + timeSeriesStorageMutants + queryEngineMutants + alertingMutants
