// What a host writes down for those who judge from outside: exchanges and streams as their caller saw them, facts,
// and defects.
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
  /// Whom; `elsewhere` where the call was to a destination, unless the host knows whose that is.
  public var endpoint: Endpoint
  /// Where the call went, where it was to a destination.
  public var destination: Destination?
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
    caller: NodeID, endpoint: Endpoint, destination: Destination? = nil, id: ExchangeID, request: Request, startedAt: Instant,
    endedAt: Instant = .never, outcome: ExchangeOutcome = .pending
  ) {
    self.destination = destination
    self.caller = caller
    self.endpoint = endpoint
    self.id = id
    self.request = request
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.outcome = outcome
  }
}

/// One message of a stream, or one part of a body, as its caller sent or received it.
public struct StreamMessage: Hashable, Sendable {
  /// When, on the host's clock.
  public var at: Instant
  /// Whether the caller sent it.
  public var isFromCaller: Bool
  /// Whether it is a text.
  public var isText: Bool
  /// What it says.
  public var bytes: [UInt8]

  /// A message.
  public init(at: Instant, isFromCaller: Bool, isText: Bool, bytes: [UInt8]) {
    self.at = at
    self.isFromCaller = isFromCaller
    self.isText = isText
    self.bytes = bytes
  }
}

/// How a stream ended for its caller.
public enum StreamOutcome: Hashable, Sendable {
  /// It goes on, or its caller crashed.
  case pending
  /// Both directions are complete; of a WebSocket the server's close.
  case finished(StreamClosure)
  /// It broke, or its host ended it.
  case aborted(StreamClosure)
  /// It never came to be, for this reason.
  case failed(TransportFailure)
  /// The caller gave it up.
  case cancelled(StreamClosure)
}

/// One stream as its caller saw it. Bounded: what goes beyond the bounds is counted and not kept.
public struct StreamRecord: Hashable, Sendable {
  /// Most messages of one record.
  public static let messageLimit = 65_536
  /// Most bytes in the messages of one record.
  public static let byteLimit = 67_108_864

  /// Who opened it.
  public var caller: NodeID
  /// Towards whom; `elsewhere` where it was to a destination, unless the host knows whose that is.
  public var endpoint: Endpoint
  /// Where it went, where it was to a destination.
  public var destination: Destination?
  /// The caller's id for it.
  public var id: ExchangeID
  /// What was asked; with a body where that was whole.
  public var request: Request
  /// What it carries.
  public var form: StreamForm
  /// When it was opened, on the host's clock.
  public var openedAt: Instant
  /// The head of the answer; nil while there is none.
  public var answer: ResponseHead?
  /// When that came; `.never` while there is none.
  public var answeredAt = Instant.never
  /// What was sent and received, in order.
  public private(set) var messages: [StreamMessage] = []
  /// Bytes in `messages`.
  public private(set) var keptBytes = 0
  /// Messages that are not kept.
  public private(set) var omittedMessages = 0
  /// Bytes of these.
  public private(set) var omittedBytes = 0
  /// When it ended; `.never` while pending.
  public var endedAt = Instant.never
  /// How it ended.
  public var outcome = StreamOutcome.pending

  /// A stream that has just been opened.
  public init(
    caller: NodeID, endpoint: Endpoint, destination: Destination? = nil, id: ExchangeID, request: Request, form: StreamForm,
    openedAt: Instant
  ) {
    self.destination = destination
    self.caller = caller
    self.endpoint = endpoint
    self.id = id
    self.request = request
    self.form = form
    self.openedAt = openedAt
  }

  /// Notes a message, or counts it where there is no room. Once one is not kept, no later one is: a record has no gaps.
  public mutating func note(_ message: StreamMessage) {
    guard omittedMessages == 0, messages.count < Self.messageLimit, message.bytes.count <= Self.byteLimit - keptBytes else {
      omittedMessages += 1
      omittedBytes += message.bytes.count
      return
    }
    keptBytes += message.bytes.count
    messages.append(message)
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
  /// A stream of a recorded caller ended (or was cut off by the caller's crash, still `pending`).
  func record(_ stream: StreamRecord)
  /// A node stated a fact.
  func record(_ observation: ObservationRecord)
  /// A node did what it must never do.
  func record(_ defect: DefectRecord)
}
