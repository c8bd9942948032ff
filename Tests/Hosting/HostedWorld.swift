// A world in which machines can be placed and watched, whichever host runs it. A test that is written against it is a
// test of both hosts.

import ProvingGround
import Vocabulary

/// A node to be placed.
public struct PlacedNode: Sendable {
  /// Which node; its endpoint has the same index.
  public var node: NodeID
  /// What people call it.
  public var name: String
  /// Whether others can call it.
  public var isServing: Bool
  /// Whether it has a disk.
  public var hasDisk: Bool
  /// Whether its calls are recorded.
  public var isRecorded: Bool
  /// Whether it is of the outside world: users' destinations may lead to it.
  public var isOutside = false
  /// Planted bugs that are switched on.
  public var planted: PlantedBugs
  /// Makes the machine, once for each life.
  public var makeMachine: @Sendable () -> any Machine

  /// A node.
  public init(
    _ node: NodeID, name: String, isServing: Bool = false, hasDisk: Bool = false, isRecorded: Bool = false,
    planted: PlantedBugs = .none, makeMachine: @escaping @Sendable () -> any Machine
  ) {
    self.node = node
    self.name = name
    self.isServing = isServing
    self.hasDisk = hasDisk
    self.isRecorded = isRecorded
    self.planted = planted
    self.makeMachine = makeMachine
  }
}

/// What a world has written down so far.
public struct WorldRecords: Sendable {
  /// Exchanges of recorded callers that have ended.
  public var exchanges: [ExchangeRecord] = []
  /// Streams of recorded callers that have ended.
  public var streams: [StreamRecord] = []
  /// Facts that nodes stated.
  public var observations: [ObservationRecord] = []
  /// What nodes did that they must never do.
  public var defects: [DefectRecord] = []

  /// Nothing yet.
  public init() {}

  /// The last value of the probe `subject` that `node` stated, or nil.
  public func probe(_ subject: UInt64, of node: NodeID) -> UInt64? {
    observations.last { $0.node == node && $0.observation.fact == .probe && $0.observation.subject == subject }?.observation.value
  }
}

/// A world of nodes under one of the hosts.
public protocol HostedWorld: AnyObject {
  /// Places a node; before the first `run`.
  func place(_ node: PlacedNode)
  /// The port at which a node listens, or will; for destinations.
  func port(of node: NodeID) -> Int
  /// Has `host` be the name of these nodes: of the first for the first look-up, of the last from then on.
  func name(_ host: String, _ nodes: [NodeID])
  /// Runs until `node` has stated the probe `subject`, or for `limit` of the host's time. Returns the probe's value, or
  /// nil at the limit. May be called again, to go on.
  func run(untilProbe subject: UInt64, of node: NodeID, limit: TimeSpan) async throws -> UInt64?
  /// Crashes a node, which restarts from its disk.
  func crash(_ node: NodeID) async
  /// What was written down so far.
  var records: WorldRecords { get }
  /// Ends all nodes.
  func end() async
}
