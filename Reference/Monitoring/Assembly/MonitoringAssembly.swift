// The monitoring platform's assembly: which nodes it has, where each finds the others, and how they are set up. The
// only room that sees all five services. Plain data, used by the simulator and by the live host alike.
//
// Node ids and endpoints inside the platform are equal: from the first one on ingestion, queue, storage, query,
// alerting, and further brokers of the queue behind them. Endpoints from `nextNode` on are free for whoever flies the
// platform: clients, and the worlds outside to which alerting's channels lead. Serves MONITORING-1 to 30 as far as the services
// do.

import Alerting
import Ingestion
import MessageQueue
import QueryEngine
import Resilience
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
  /// Each broker of the queue; who it is and where the others are is set by the assembly.
  public var queue = MessageQueueConfiguration()
  /// Brokers of the queue: 1, or 3 or 5 that replicate.
  public var brokers = 1
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
  /// How many services the platform has: its nodes where the queue has one broker.
  public static let serviceCount = 5
  static let queueEndpoint = Endpoint(1)
  static let storageEndpoint = Endpoint(2)
  static let queryEndpoint = Endpoint(3)

  /// How its services are set up; where they find each other is set here.
  public let configuration: MonitoringConfiguration
  /// The number of its first node.
  public let firstNode: NodeID

  /// A platform whose nodes are numbered from `firstNode` on.
  public init(_ configuration: MonitoringConfiguration = MonitoringConfiguration(), firstNode: NodeID = NodeID(0)) {
    self.firstNode = firstNode
    var configuration = configuration
    func at(_ place: UInt16) -> Endpoint { Endpoint(NodeID(firstNode.index + place)) }
    configuration.ingestion.queue = at(1)
    configuration.storage.queue = at(1)
    configuration.query.storage = at(2)
    configuration.alerting.queryEngine = at(3)
    self.configuration = configuration
  }

  private func node(_ place: Int) -> NodeID { NodeID(firstNode.index + UInt16(place)) }

  /// Where clients send metrics.
  public var ingestion: Endpoint { Endpoint(node(0)) }
  /// Where ingestion produces and storage consumes.
  public var queue: Endpoint { Endpoint(node(1)) }
  /// Where points are written and read.
  public var storage: Endpoint { Endpoint(node(2)) }
  /// Where queries are asked.
  public var query: Endpoint { Endpoint(node(3)) }
  /// Where rules and alerts are.
  public var alerting: Endpoint { Endpoint(node(4)) }

  /// How many nodes the platform has.
  public var nodeCount: Int { Self.serviceCount + max(1, configuration.brokers) - 1 }
  /// The number of the node behind all of them.
  public var nextNode: NodeID { node(nodeCount) }

  /// The nodes of the queue's brokers, which are peers of each other.
  public var brokerNodes: [NodeID] { brokers.map(\.id) }

  /// The brokers of the queue: the first on the queue's node, the others behind all services.
  private var brokers: [AssembledNode] {
    let further = (Self.serviceCount..<nodeCount).map { node($0) }
    let queue = configuration.queue
    return QueueAssembly(brokers: ([node(1)] + further).enumerated().map { (UInt32($0.offset + 1), $0.element) }) { broker in
      let (server, nodes, founders) = (broker.raft.server, broker.raft.nodes, broker.raft.founders)
      broker = queue
      (broker.raft.server, broker.raft.nodes, broker.raft.founders) = (server, nodes, founders)
    }.nodes
  }

  /// The nodes, by id.
  public var nodes: [AssembledNode] {
    let brokers = brokers
    var configuration = configuration
    configuration.ingestion.otherBrokers = brokers.dropFirst().map { Endpoint($0.id) }
    configuration.storage.otherBrokers = configuration.ingestion.otherBrokers
    let fixed = configuration
    return services(fixed, brokers[0]) + brokers.dropFirst()
  }

  private func services(_ configuration: MonitoringConfiguration, _ queue: AssembledNode) -> [AssembledNode] {
    [
      AssembledNode(name: "ingestion", id: node(0)) { Ingestion(configuration.ingestion) },
      AssembledNode(name: "queue", id: queue.id, make: queue.make),
      AssembledNode(name: "storage", id: node(2)) { TimeSeriesStorage(configuration.storage) },
      AssembledNode(name: "query", id: node(3)) { QueryEngine(configuration.query) },
      AssembledNode(name: "alerting", id: node(4)) { Alerting(configuration.alerting) },
    ]
  }
}

/// The platform's planted bugs, service by service.
public let monitoringMutants: [Mutant] =
  ingestionMutants + messageQueueMutants + timeSeriesStorageMutants + queryEngineMutants + alertingMutants

/// The platform's bugs that were planted by someone who had not read the checkers, without the queue's.
public let monitoringBlindMutants: [Mutant] =
  ingestionBlindMutants + timeSeriesStorageBlindMutants + queryEngineBlindMutants + alertingBlindMutants + resilienceBlindMutants
