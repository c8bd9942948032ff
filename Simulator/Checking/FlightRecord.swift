// What a flight leaves behind for its judges: recorded exchanges and streams, facts, defects, faults. Checkers read
// this and nothing else, so that the same checkers judge the reference in simulation, the reference live, and anybody's
// implementation.

import Vocabulary
import World

/// What a node is to those who judge: a static name, which whoever places the node gives it. Checkers find nodes by it,
/// and never by what people call them.
public struct NodeRole: Sendable, Hashable {
  /// Its name, within the node's system.
  public let name: String

  /// A role.
  public init(_ name: String) { self.name = name }

  /// Who reads back what is left of a flight.
  public static let probe = NodeRole("probe")
}

/// A node of a flight.
public struct FlightNode: Sendable, Hashable {
  /// The node's number.
  public var id: NodeID
  /// Its name, as reports and traces tell it: "SYSTEM/SERVICE", "SYSTEM/load".
  public var name: String
  /// What it is to its judges.
  public var roles: [NodeRole]

  /// A node.
  public init(id: NodeID, name: String, roles: [NodeRole] = []) {
    self.id = id
    self.name = name
    self.roles = roles
  }
}

/// A stretch of time in which something was broken.
public struct FaultSpan: Sendable, Hashable {
  /// A few words.
  public var label: String
  /// When it began, on the host's clock.
  public var beganAt: Instant
  /// When it ended; equal to `beganAt` for what was over at once.
  public var endedAt: Instant
  /// Whether it came to pass: a crash during sync or work may wait for one in vain, a cut for something to keep.
  public var happened: Bool
  /// What it touched.
  public var reach: FaultReach
  /// Whose files it damaged, or kept from being read.
  public var spoils: [NodeID]
  /// How long it was to last, where it had to end sooner, since the loads did; nil for most.
  public var cutFrom: TimeSpan?

  /// A span.
  public init(
    label: String, beganAt: Instant, endedAt: Instant, happened: Bool = true, reach: FaultReach = .nothing, spoils: [NodeID] = [],
    cutFrom: TimeSpan? = nil
  ) {
    self.cutFrom = cutFrom
    self.reach = reach
    self.spoils = spoils
    self.label = label
    self.beganAt = beganAt
    self.endedAt = endedAt
    self.happened = happened
  }

  /// The label, and whether it came to nothing.
  public var text: String { happened ? label : "\(label) (did not happen)" }
}

/// All that was recorded of one flight.
public final class FlightRecord: Recorder {
  /// The nodes.
  public var nodes: [FlightNode]
  /// Exchanges of recorded nodes, in the order in which they ended.
  public private(set) var exchanges: [ExchangeRecord] = []
  /// Streams of recorded nodes, in the order in which they ended.
  public private(set) var streams: [StreamRecord] = []
  /// Facts, in order.
  public private(set) var observations: [ObservationRecord] = []
  /// Defects, in order.
  public private(set) var defects: [DefectRecord] = []
  /// What was broken when.
  public var faults: [FaultSpan] = []

  /// An empty record of these nodes.
  public init(nodes: [FlightNode]) { self.nodes = nodes }

  public func record(_ exchange: ExchangeRecord) { exchanges.append(exchange) }
  public func record(_ stream: StreamRecord) { streams.append(stream) }
  public func record(_ observation: ObservationRecord) { observations.append(observation) }
  public func record(_ defect: DefectRecord) { defects.append(defect) }

  /// The first node of a role.
  public func node(_ role: NodeRole) -> NodeID? { nodes.first { $0.roles.contains(role) }?.id }

  /// The name of a node.
  public func name(of id: NodeID) -> String { nodes.first { $0.id == id }?.name ?? "\(id)" }

  /// Exchanges to the node that is `server`, from the one that is `caller` or from all.
  public func exchanges(to server: NodeRole, from caller: NodeRole? = nil) -> [ExchangeRecord] {
    guard let target = node(server) else { return [] }
    let source = caller.flatMap { node($0) }
    if caller != nil && source == nil { return [] }
    return exchanges.filter { $0.endpoint == Endpoint(target) && (source == nil || $0.caller == source) }
  }

  /// Streams to the node that is `server`, from the one that is `caller` or from all.
  public func streams(to server: NodeRole, from caller: NodeRole? = nil) -> [StreamRecord] {
    guard let target = node(server) else { return [] }
    let source = caller.flatMap { node($0) }
    if caller != nil && source == nil { return [] }
    return streams.filter { $0.endpoint == Endpoint(target) && (source == nil || $0.caller == source) }
  }
}
