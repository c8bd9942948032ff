// One exchange or stream of a node, whichever its role: what the node's effects can do to it, and its credit.
//
// Limits: confined to the node's loop. What an exchange of another kind cannot do (a reply to one's own call) it
// ignores; the node states such an attempt as a defect before it gets here.

import NIOCore
import Vocabulary

/// The host's side of one exchange.
class LiveExchange {
  let id: ExchangeID
  /// Whether the machine knows it as a stream.
  var isStream = false
  /// What this node may still send, as its machine knows.
  var sendCredit = initialStreamCreditBytes
  /// Credit that came back from the network and was not told yet.
  var pendingCredit = 0
  /// Whether an event that tells of `pendingCredit` waits in the mailbox.
  var isCreditQueued = false
  /// This node's direction is complete.
  var isFinishedHere = false
  /// The peer's direction is complete, and the machine was told.
  var isFinishedThere = false
  /// The last event about it waits in the mailbox, or it never reached the network.
  var isOver = false

  init(id: ExchangeID) { self.id = id }

  /// Answers a request (server role).
  func reply(_ response: Response) {}
  /// Goes on as a stream (server role).
  func accept(_ head: ResponseHead) {}
  /// Sends a part of a stream.
  func send(_ bytes: ByteBuffer, isText: Bool) {}
  /// Lets the peer send more.
  func grant(_ bytes: Int) {}
  /// Completes this node's direction.
  func finish() {}
  /// Breaks the exchange off; the peer is told by a closed connection.
  func abort() {}
}

/// Something with writes that wait for the end of the batch.
protocol Flushable: AnyObject {
  func flushNow()
}
