import Ingestion
import MessageQueue
import MonitoringAPI
import TimeSeriesStorage
import Vocabulary

public struct AssembledNode {
  public var name: String
  public var id: NodeID
  public var make: () -> any Machine
}
public struct MonitoringChannel: Sendable { public var name: String; public var endpoint: Endpoint; public var path: String
  public init(name: String, endpoint: Endpoint, path: String) { self.name = name; self.endpoint = endpoint; self.path = path } }
public struct MonitoringConfiguration: Sendable { public var channels: [MonitoringChannel] = []; public init() {} }
public struct MonitoringAssembly {
  public static let serviceCount = 5
  public let configuration: MonitoringConfiguration
  public init(_ c: MonitoringConfiguration) { configuration = c }
  public var ingestion: Endpoint { Endpoint(0) }
  public var queue: Endpoint { Endpoint(1) }
  public var storage: Endpoint { Endpoint(2) }
  public var query: Endpoint { Endpoint(3) }
  public var alerting: Endpoint { Endpoint(4) }
  public var nodes: [AssembledNode] {
    let queue = queue
    return [
      AssembledNode(name: "ingestion", id: NodeID(0)) { Ingestion(IngestionConfiguration(queue: queue)) },
      AssembledNode(name: "queue", id: NodeID(1)) { MessageQueue() },
      AssembledNode(name: "storage", id: NodeID(2)) { TimeSeriesStorage(TimeSeriesStorageConfiguration(queue: queue)) },
      AssembledNode(name: "query", id: NodeID(3)) { Idle() },
      AssembledNode(name: "alerting", id: NodeID(4)) { Idle() },
    ]
  }
}
struct Idle: Machine { mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  mutating func handle(_ event: Event, _ turn: inout Turn) { if case .request(let id, _) = event { turn.reply(id, Response(status: 200, body: Array("{}".utf8))) } } }
public let monitoringMutants: [Mutant] = ingestionMutants + messageQueueMutants + timeSeriesStorageMutants
