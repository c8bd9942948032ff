// The monitoring platform's assembly: which nodes it has, where each finds the others, and how they are set up. The only room that sees
// all five services. Plain data, used by the simulator and by the live host alike.
//
// Node ids and endpoints inside the platform are equal: 0 ingestion, 1 queue, 2 storage, 3 query, 4 alerting. Endpoints from
// `serviceCount` on are free for whoever flies the platform: clients, and the worlds outside to which alerting's channels lead.
// Serves MONITORING-1 to 30 as far as the services do.

import Alerting
import Ingestion
import MessageQueue
import QueryEngine
import TimeSeriesStorage
import Vocabulary

/// One node of an assembly.
public struct AssembledNode: Sendable {
  /// Its name: in scenarios, on the command line, and of its folder of files.
  public var name: String
  /// Its place in the assembly, which is its endpoint too.
  public var id: NodeID
  /// Makes a machine for a new life.
  public var make: @Sendable () -> any Machine

  /// A node.
  public init(name: String, id: NodeID, make: @escaping @Sendable () -> any Machine) {
    self.name = name
    self.id = id
    self.make = make
  }
}

/// Where alerts can be sent: a webhook outside the platform.
public typealias MonitoringChannel = AlertingChannel

/// How the platform's services are set up.
public struct MonitoringConfiguration: Sendable {
  /// Ingestion.
  public var ingestion = IngestionConfiguration(queue: MonitoringAssembly.queueEndpoint)
  /// The queue.
  public var queue = MessageQueueConfiguration()
  /// Storage.
  public var storage = TimeSeriesStorageConfiguration(queue: MonitoringAssembly.queueEndpoint)
  /// The query engine.
  public var query = QueryEngineConfiguration(storage: MonitoringAssembly.storageEndpoint)
  /// Alerting.
  public var alerting = AlertingConfiguration(queryEngine: MonitoringAssembly.queryEndpoint, channels: [])

  /// The defaults, without channels.
  public init() {}

  /// Where alerts can be sent.
  public var channels: [MonitoringChannel] {
    get { alerting.channels }
    set { alerting.channels = newValue }
  }
}

/// The monitoring platform: Ingestion → MessageQueue → TimeSeriesStorage ← QueryEngine ← Alerting.
public struct MonitoringAssembly {
  /// How many nodes the platform has; endpoints from here on are free.
  public static let serviceCount = 5
  static let queueEndpoint = Endpoint(1)
  static let storageEndpoint = Endpoint(2)
  static let queryEndpoint = Endpoint(3)

  /// How its services are set up.
  public let configuration: MonitoringConfiguration

  /// A platform.
  public init(_ configuration: MonitoringConfiguration = MonitoringConfiguration()) { self.configuration = configuration }

  /// Where clients send metrics.
  public var ingestion: Endpoint { Endpoint(0) }
  /// Where ingestion produces and storage consumes.
  public var queue: Endpoint { Self.queueEndpoint }
  /// Where points are written and read.
  public var storage: Endpoint { Self.storageEndpoint }
  /// Where queries are asked.
  public var query: Endpoint { Self.queryEndpoint }
  /// Where rules and alerts are.
  public var alerting: Endpoint { Endpoint(4) }

  /// The nodes, by id.
  public var nodes: [AssembledNode] {
    let configuration = configuration
    return [
      AssembledNode(name: "ingestion", id: NodeID(0)) { Ingestion(configuration.ingestion) },
      AssembledNode(name: "queue", id: NodeID(1)) { MessageQueue(configuration.queue) },
      AssembledNode(name: "storage", id: NodeID(2)) { TimeSeriesStorage(configuration.storage) },
      AssembledNode(name: "query", id: NodeID(3)) { QueryEngine(configuration.query) },
      AssembledNode(name: "alerting", id: NodeID(4)) { Alerting(configuration.alerting) },
    ]
  }
}

/// The platform's planted bugs, service by service.
public let monitoringMutants: [Mutant] =
  ingestionMutants + messageQueueMutants + timeSeriesStorageMutants + queryEngineMutants + alertingMutants
