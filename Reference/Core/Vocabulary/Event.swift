// All that can happen to a machine.

/// Something that happened to a node. The long cases are boxed, so that an event stays small to move.
public enum Event: Sendable {
  /// A request with its whole body (`Intake.whole`). To be answered by `Turn.reply`, or accepted as a stream by
  /// `Turn.accept`.
  indirect case request(ExchangeID, Request)
  /// The response to a call of this node.
  case response(ExchangeID, Response)
  /// A call of this node ended without a response.
  case failed(ExchangeID, TransportFailure)
  /// The peer of an unanswered request left: an answer would reach nobody.
  case abandoned(ExchangeID)
  /// A message from another node of the same service (consensus, gossip). May be lost, repeated and reordered.
  case message(from: NodeID, [UInt8])
  /// A wake that this machine asked for and did not cancel.
  case timer(TimerID)
  /// Everything this node wrote up to this position is durable. Told only when asked for (`Turn.notifyWhenDurable`).
  case durable(DiskPosition)
  /// A work ended.
  indirect case completed(WorkID, WorkOutcome)
  /// Something happened to a stream.
  case stream(ExchangeID, StreamEvent)
}

/// What each direction of a stream may carry before its receiver has granted anything: 64 KiB. The sender counts on it
/// from `Turn.open` or `Turn.accept` on, without being told; `StreamEvent.credit` adds to it.
public let initialStreamCreditBytes = 65_536

/// What can happen to one stream (a streamed body, a WebSocket, in either role).
///
/// Credit: each direction begins with `initialStreamCreditBytes`; `credit` adds to what may be sent. The receiving
/// machine grants again what it has taken in (`Turn.grant`).
///
/// Life: `opened`, then `received` and `credit` in any number, then `finished` (the peer's direction is complete; ours
/// may go on) and at last nothing more. `aborted` may come at any time and is always the last.
public enum StreamEvent: Sendable {
  /// Server role: a request whose intake is `stream` or `webSocket`; answer it with `Turn.accept` or `Turn.reply`.
  indirect case opened(RequestHead, webSocket: Bool, deadline: Deadline)
  /// Caller role: the head of the response.
  case accepted(ResponseHead)
  /// Bytes, or one whole WebSocket message (`isText` says which kind). Counted against the credit this node granted.
  case received([UInt8], isText: Bool)
  /// The peer (or the socket) is ready for this many bytes more.
  case credit(Int)
  /// The peer's direction is complete.
  case finished
  /// The peer left or the connection broke: the stream is gone, in both directions.
  case aborted
}
