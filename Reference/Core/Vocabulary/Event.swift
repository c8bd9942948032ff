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

/// What can happen to one stream (a streamed body, a WebSocket, in either role).
///
/// Credit: the sender begins with `initialStreamCreditBytes`. It may send while its credit is above 0, and each send is
/// taken from it, also one that takes it below 0: so a message may be longer than the credit, and passes up to the limit
/// for messages. At 0 or below the stream is blocked; a further send is a defect, which aborts that stream alone, with
/// 1011. Once the peer has taken what was sent, the host tells so much (`credit`) that the credit is whole again; it tells
/// nothing else of credit. A stream that is not blocked hears nothing. By how much sends went beyond the credits of their
/// streams counts in the node's memory for streams (`StreamLimits.accountBytes`): where more than an eighth of it would
/// be taken, the stream is aborted with 1013, and while half of that is taken, new streams are answered 503.
///
/// The receiving machine grants again what it has taken in (`Turn.grant`), in parts of at most half a window; where it
/// has granted nothing more, nothing more comes, but for the message that goes beyond. What its peer counts as taken is
/// what went to the network on a real host, and what the receiving machine granted in the simulator.
///
/// Life: `opened`, then `received` and `credit` in any number, then `finished` (the peer's direction is complete; ours
/// may go on) and at last nothing more. `aborted` may come at any time and is always the last. An end of a
/// WebSocket is answered by the host, behind what the machine sent before it heard of it: `finished` is the last of it,
/// and what the machine sends then reaches nobody. Parts of a body are no messages: they may come in other pieces than
/// they were sent in.
public enum StreamEvent: Sendable {
  /// Server role: a request whose intake is `stream` or `webSocket`; answer it with `Turn.accept` or `Turn.reply`.
  indirect case opened(RequestHead, webSocket: Bool, deadline: Deadline)
  /// Caller role: the head of the response.
  case accepted(ResponseHead)
  /// Bytes, or one whole WebSocket message (`isText` says which kind). Counted against the credit this node granted.
  case received([UInt8], isText: Bool)
  /// What was sent has been taken: this much is added to the credit, which makes it whole.
  case credit(Int)
  /// The peer's direction is complete; of a WebSocket the code and reason of the peer's close, else `normal`.
  case finished(StreamClosure)
  /// The stream is gone, in both directions: the peer left or the connection broke (`connectionLost`), or the host ended
  /// it for the reason that the code tells.
  case aborted(StreamClosure)
}
