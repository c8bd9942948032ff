// What a machine may know and ask during one event. A host keeps one `Turn` for each life of a node and sets its clocks
// before every event; the machine only ever borrows it.

/// One turn: clocks, chance, the disk, and the effects asked so far.
public struct Turn: ~Copyable {
  /// The node's monotonic clock at the start of the turn.
  public var now: Instant
  /// The node's wall clock at the start of the turn.
  public var wallClock: WallTime
  /// When the event reached the node; earlier than `now` where the node was busy. Machines shed old work by it.
  public var arrived: Instant
  /// The node's own chance, of this life.
  public var random: RandomStream
  /// The node's files.
  public let disk: any Disk
  /// This node.
  public let node: NodeID
  /// Which life of the node this is, from 0.
  public let incarnation: UInt32
  /// Planted bugs that are switched on.
  public let planted: PlantedBugs
  /// What was asked so far, in order; the host takes it after the turn.
  public var effects = EffectBuffer()
  @usableFromInline var identities: IdentitySource
  @usableFromInline var spent = TimeSpan.zero

  /// The turn of one life of a node; for hosts.
  public init(
    node: NodeID, incarnation: UInt32, disk: any Disk, random: RandomStream, planted: PlantedBugs = .none,
    now: Instant = Instant(nanoseconds: 0), wallClock: WallTime = WallTime(nanoseconds: 0)
  ) {
    self.node = node
    self.incarnation = incarnation
    self.disk = disk
    self.random = random
    self.planted = planted
    self.now = now
    self.wallClock = wallClock
    arrived = now
    identities = IdentitySource(incarnation: incarnation, ofHost: false)
  }

  /// Asks for any effect.
  @inlinable public mutating func ask(_ effect: consuming Effect, _ release: Release = .whenDurable) {
    effects.append(PendingEffect(effect, release))
  }

  /// Sends `request` to `endpoint` and returns the call's id. Most machines use `Calls` instead.
  public mutating func call(_ endpoint: Endpoint, _ request: Request, _ release: Release = .whenDurable) -> ExchangeID {
    call(.endpoint(endpoint), request, release)
  }

  /// Sends `request` to an endpoint or a destination and returns the call's id.
  public mutating func call(_ callee: Callee, _ request: Request, _ release: Release = .whenDurable) -> ExchangeID {
    let id = ExchangeID(identities.draw())
    ask(.call(id, to: callee, request), release)
    return id
  }

  /// Gives a call up. Nothing more is heard of it.
  public mutating func cancelCall(_ id: ExchangeID) { ask(.cancelCall(id), .immediately) }

  /// Answers a request.
  @inlinable public mutating func reply(_ id: ExchangeID, _ response: consuming Response, _ release: Release = .whenDurable) {
    ask(.reply(id, response), release)
  }

  /// Sends a message to another node of the same service.
  @inline(__always) @inlinable public mutating func message(to node: NodeID, _ bytes: consuming [UInt8], _ release: Release = .whenDurable)
  {
    ask(.message(to: node, bytes), release)
  }

  /// Wakes this machine at `instant` (at once, in a later turn, if that lies in the past).
  @inlinable public mutating func wake(at instant: Instant) -> TimerID {
    let id = TimerID(identities.draw())
    ask(.wake(id, at: instant), .immediately)
    return id
  }

  /// Wakes this machine after `span`.
  @inlinable public mutating func wake(after span: TimeSpan) -> TimerID { wake(at: now + span) }

  /// Forgets a wake.
  @inlinable public mutating func cancelWake(_ id: TimerID) { ask(.cancelWake(id), .immediately) }

  /// Asks to be told (`Event.durable`) once all that this node wrote so far is durable. Returns the position waited
  /// for.
  public mutating func notifyWhenDurable() -> DiskPosition {
    let position = disk.position
    ask(.notifyWhenDurable(position), .immediately)
    return position
  }

  /// Starts a work beside the turns. By default only once what this node wrote so far is durable.
  public mutating func compute<Output: Sendable>(
    _ work: some Work<Output>, _ release: Release = .whenDurable
  ) -> WorkTicket<Output> {
    let id = WorkID(identities.draw())
    ask(.compute(id, work), release)
    return WorkTicket(id: id)
  }

  /// Gives a work up: it completes with `.cancelled`, at once where it still waits for a core.
  public mutating func cancelCompute<Output: Sendable>(_ work: WorkTicket<Output>) { ask(.cancelCompute(work.id), .immediately) }

  /// States CPU time that this turn spends beyond what any turn does: the simulator's cost model makes the turn as much
  /// longer. The real host, where it was spent in truth, passes over it.
  @inlinable public mutating func spend(_ span: TimeSpan) { spent = spent + max(.zero, span) }

  /// What this turn spent so far, for hosts; and forgets it.
  @inlinable public mutating func takeSpent() -> TimeSpan {
    let span = spent
    if span != .zero { spent = .zero }
    return span
  }

  /// Opens a stream in caller role: a request with a streamed body, or a WebSocket. The answer is a stream too.
  public mutating func open(
    _ endpoint: Endpoint, _ head: RequestHead, webSocket: Bool = false, deadline: Deadline = .never, _ release: Release = .whenDurable
  ) -> ExchangeID {
    open(.endpoint(endpoint), Request(head: head, body: [], deadline: deadline), webSocket ? .webSocket : .streamed, release)
  }

  /// Opens a stream in caller role by a whole request: only the answer is a stream. This node's direction is complete
  /// from the beginning.
  public mutating func open(_ endpoint: Endpoint, _ request: Request, _ release: Release = .whenDurable) -> ExchangeID {
    open(.endpoint(endpoint), request, .whole, release)
  }

  /// Opens a stream of any form in caller role, to an endpoint or a destination. The request has a body only where the
  /// form is `whole`.
  public mutating func open(_ callee: Callee, _ request: Request, _ form: StreamForm, _ release: Release = .whenDurable) -> ExchangeID {
    let id = ExchangeID(identities.draw())
    ask(.open(id, to: callee, request, form), release)
    return id
  }

  /// Answers the head of a request and goes on as a stream.
  public mutating func accept(_ id: ExchangeID, _ head: ResponseHead, _ release: Release = .whenDurable) {
    ask(.accept(id, head), release)
  }

  /// Sends one buffer to many streams, to each of which its credit must be above 0 (`StreamEvent`). Credit is taken in
  /// the order in which sends leave: where they leave by different releases, a later one may overtake.
  public mutating func send(
    _ ids: consuming [ExchangeID], _ bytes: consuming [UInt8], isText: Bool = false, _ release: Release = .whenDurable
  ) {
    ask(.send(ids, bytes, isText: isText), release)
  }

  /// Tells the peer that this node is ready for `bytes` more: as many as it has taken in, or some of them.
  public mutating func grant(_ id: ExchangeID, _ bytes: Int) { ask(.grant(id, bytes), .immediately) }

  /// Completes this node's direction of the stream; a WebSocket is closed with `closure`.
  public mutating func finish(_ id: ExchangeID, _ closure: StreamClosure = .normal, _ release: Release = .whenDurable) {
    ask(.finish(id, closure), release)
  }

  /// Gives the stream up; a WebSocket's peer is told `closure` where that may be sent, else the connection is cut.
  public mutating func abort(_ id: ExchangeID, _ closure: StreamClosure = .connectionLost, _ release: Release = .whenDurable) {
    ask(.abort(id, closure), release)
  }

  /// Tells the host where an endpoint is (`host:port`), for one that it was not told of at its start.
  public mutating func locate(_ endpoint: Endpoint, at address: String) { ask(.locate(endpoint, at: address), .immediately) }

  /// Asks to be started anew from what the disk holds; see `Effect.restart`. The rest of this life is one turn at most.
  public mutating func restart(_ reason: String) { ask(.restart(reason), .immediately) }

  /// States a fact for checkers of inner invariants.
  public mutating func observe(_ fact: Fact, subject: UInt64 = 0, value: UInt64 = 0) {
    ask(.observe(Observation(fact, subject: subject, value: value)), .immediately)
  }
}
