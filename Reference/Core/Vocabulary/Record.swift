// What a host writes down for those who judge from outside: exchanges as their caller saw them, facts, and defects.
//
// Limits: only exchanges of nodes that the assembly marks as recorded (clients, probes, external worlds) are kept
// whole. All times here are on the host's own clock (virtual time in the simulator, monotonic time since start live),
// never a node's.

/// How an exchange ended for its caller.
public enum ExchangeOutcome: Hashable, Sendable {
  /// No answer yet.
  case pending
  /// A whole response.
  case answered(Response)
  /// No response, for this reason.
  case failed(TransportFailure)
  /// The caller gave it up.
  case cancelled
}

/// One exchange as its caller saw it.
public struct ExchangeRecord: Hashable, Sendable {
  /// Who called.
  public var caller: NodeID
  /// Whom.
  public var endpoint: Endpoint
  /// The caller's id for it.
  public var id: ExchangeID
  /// What was asked.
  public var request: Request
  /// When the call left the caller, on the host's clock.
  public var startedAt: Instant
  /// When it ended, on the host's clock; `.never` while pending.
  public var endedAt: Instant
  /// How it ended.
  public var outcome: ExchangeOutcome

  /// A record.
  public init(
    caller: NodeID, endpoint: Endpoint, id: ExchangeID, request: Request, startedAt: Instant, endedAt: Instant = .never,
    outcome: ExchangeOutcome = .pending
  ) {
    self.caller = caller
    self.endpoint = endpoint
    self.id = id
    self.request = request
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.outcome = outcome
  }
}

/// A fact that a node stated.
public struct ObservationRecord: Hashable, Sendable {
  /// Who stated it.
  public var node: NodeID
  /// In which life.
  public var incarnation: UInt32
  /// When, on the host's clock.
  public var at: Instant
  /// What.
  public var observation: Observation

  /// A record.
  public init(node: NodeID, incarnation: UInt32, at: Instant, observation: Observation) {
    self.node = node
    self.incarnation = incarnation
    self.at = at
    self.observation = observation
  }
}

/// Something a machine must never do (answer twice, send past its credit), or a node that refused to start.
public struct DefectRecord: Hashable, Sendable {
  /// Who did it.
  public var node: NodeID
  /// When, on the host's clock.
  public var at: Instant
  /// What it did.
  public var what: String

  /// A record.
  public init(node: NodeID, at: Instant, what: String) {
    self.node = node
    self.at = at
    self.what = what
  }
}

/// Receives what a host writes down. Called on the host's own thread, in the order of the host's clock.
public protocol Recorder: AnyObject {
  /// An exchange of a recorded caller ended (or was cut off by the caller's crash, still `pending`).
  func record(_ exchange: ExchangeRecord)
  /// A node stated a fact.
  func record(_ observation: ObservationRecord)
  /// A node did what it must never do.
  func record(_ defect: DefectRecord)
}
