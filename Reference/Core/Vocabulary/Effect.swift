// All that a machine can ask of its host. A machine does not build these itself: `Turn` has a method for each.

/// When an effect may leave the node (output commit).
@frozen public enum Release: Sendable {
  /// Once everything this node wrote up to the end of this turn, in earlier turns too, is durable. The default.
  case whenDurable
  /// Once everything up to this position is durable.
  case after(DiskPosition)
  /// At once: for effects that promise nothing about this node's state.
  case immediately
}

/// Something that a machine asks of its host. The long cases are boxed, so that an effect stays small to move.
public enum Effect: Sendable {
  /// Send a whole request to an endpoint or a destination; answered by `Event.response` or `Event.failed`.
  indirect case call(ExchangeID, to: Callee, Request)
  /// Give a call or a stream in caller role up: nothing more is heard of it, and the server is told.
  case cancelCall(ExchangeID)
  /// Answer a request.
  case reply(ExchangeID, Response)
  /// Send a message to another node of the same service.
  case message(to: NodeID, [UInt8])
  /// Open a stream in caller role. The request has a body only where its form is `whole`.
  indirect case open(ExchangeID, to: Callee, Request, StreamForm)
  /// Answer a request's head and go on as a stream; 101 completes a WebSocket upgrade.
  case accept(ExchangeID, ResponseHead)
  /// Send one buffer to many streams. On a stream without credit it is a defect.
  case send([ExchangeID], [UInt8], isText: Bool)
  /// Tell the peer that this node is ready for this many bytes more.
  case grant(ExchangeID, Int)
  /// This node's direction is complete; a WebSocket is closed with the code and reason.
  indirect case finish(ExchangeID, StreamClosure)
  /// Give the stream up, or a request that was not answered: nothing more is heard of it. A WebSocket's peer is told the
  /// code and reason where they may be sent; else the connection is cut.
  indirect case abort(ExchangeID, StreamClosure)
  /// Wake this machine at an instant of its own clock.
  case wake(TimerID, at: Instant)
  /// Forget a wake.
  case cancelWake(TimerID)
  /// Tell this machine (`Event.durable`) when everything up to the position is durable.
  case notifyWhenDurable(DiskPosition)
  /// Run a work beside the turns; answered by `Event.completed`.
  indirect case compute(WorkID, any Work)
  /// Ask a work to end early; it still completes, with `.cancelled`.
  case cancelCompute(WorkID)
  /// Note where an endpoint is, and where the node of the same index listens for its peers, from now on and until the
  /// host ends: `host:port`, `host:port@port` or `host:port@host:port`, with the peers' part behind the `@` (without it
  /// 10,000 ports above). It is a peer of this node from then on. Worlds that know where everything is pass over it.
  case locate(Endpoint, at: String)
  /// End this life as a crash of the process would, and start a new machine from what the disk holds: for a machine
  /// that cannot go on, where its start may find the damage and repair it. The text says why; the host tells it to the
  /// operator and writes it into the trace. What this life wrote and did not sync may be lost, its open exchanges break
  /// off, and effects that still wait for the disk never leave. Effects of the same turn that need not wait may still
  /// have left. The start comes after a pause: 100 ms, twice as long with each restart in a row, 1.6 s at most; a life
  /// that lasts 64 times the shortest pause begins the row anew. So a machine that fails each time asks at a bounded
  /// rate.
  case restart(String)
  /// State a fact for checkers.
  case observe(Observation)
}

/// An effect and when it may leave.
public struct PendingEffect: Sendable {
  /// What is asked.
  public var effect: Effect
  /// When it may leave the node.
  public var release: Release

  /// An effect and its release.
  @inlinable public init(_ effect: consuming Effect, _ release: Release) {
    self.effect = effect
    self.release = release
  }
}
