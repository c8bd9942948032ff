// The message queue alone: a cluster of brokers, for whoever serves it, flies it or measures it. Plain data, like the
// platform's assembly. Serves MONITORING-6 to 11.

import MessageQueue
import Raft
import Vocabulary

/// A cluster of brokers.
public struct QueueAssembly: Sendable {
  /// Every broker that may belong to the cluster: its number, and its node, which is its endpoint too.
  public var brokers: [(number: UInt32, node: NodeID)]
  /// The numbers of those that found a new cluster.
  public var founders: [UInt32]
  /// Where brokers listen (`host:port`), for worlds that have addresses.
  public var addresses: [UInt32: String]
  /// What is changed of each broker's configuration.
  public var tune: @Sendable (inout MessageQueueConfiguration) -> Void

  /// Brokers on these nodes; all of them found the cluster where nothing else is said.
  public init(
    brokers: [(number: UInt32, node: NodeID)], founders: [UInt32]? = nil, addresses: [UInt32: String] = [:],
    tune: @escaping @Sendable (inout MessageQueueConfiguration) -> Void = { _ in }
  ) {
    self.brokers = brokers
    self.founders = founders ?? brokers.map(\.number)
    self.addresses = addresses
    self.tune = tune
  }

  /// Brokers 1 to `count`, on nodes from `firstNode` on.
  public init(count: Int, firstNode: Int, tune: @escaping @Sendable (inout MessageQueueConfiguration) -> Void = { _ in }) {
    self.init(brokers: (0..<max(1, count)).map { (UInt32($0 + 1), NodeID(UInt16(firstNode + $0))) }, tune: tune)
  }

  /// The broker of a number; nil where there is none.
  public func node(_ number: UInt32) -> AssembledNode? {
    guard let broker = brokers.first(where: { $0.number == number }) else { return nil }
    let nodes = Dictionary(uniqueKeysWithValues: brokers.map { (ServerID($0.number), $0.node) })
    var configuration = MessageQueueConfiguration(
      raft: RaftServerConfiguration(server: ServerID(number), nodes: nodes, founders: founders.map { ServerID($0) }))
    for (number, address) in addresses { configuration.addresses[ServerID(number)] = address }
    tune(&configuration)
    let fixed = configuration
    return AssembledNode(name: "queue-\(number)", id: broker.node) { MessageQueue(fixed) }
  }

  /// All brokers, in order.
  public var nodes: [AssembledNode] { brokers.compactMap { node($0.number) } }
}

/// The queue's planted bugs.
public let queueMutants: [Mutant] = messageQueueMutants

/// The queue's bugs that were planted by someone who had not read the checkers.
public let queueBlindMutants: [Mutant] = messageQueueBlindMutants
