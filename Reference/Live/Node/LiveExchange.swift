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
  /// What this node may still send, as its machine was told; at 0 or below the stream is blocked.
  var sendCredit = initialStreamCreditBytes
  /// Bytes sent that the network has not taken yet.
  private(set) var outstandingBytes = 0
  /// Whether an event that makes the credit whole waits in the mailbox.
  var isCreditQueued = false
  /// What the bytes beyond a window took of the node's account.
  private var overrunBytes = 0
  private var overrunAccount: SpaceAccount?
  /// This node's direction is complete.
  var isFinishedHere = false
  /// The peer's direction is complete, and the machine was told.
  var isFinishedThere = false
  /// The last event about it waits in the mailbox, or it never reached the network.
  var isOver = false

  /// How fast the peer must take what is sent on it as a stream.
  func streamPace(_ limits: LiveLimits) -> TakingPace {
    overrunBytes > 0 ? .progress(within: limits.streams.overrunTimeout) : .free
  }

  init(id: ExchangeID) { self.id = id }

  /// Whether the machine may send on it: it opened or accepted a stream.
  var isSendable: Bool { false }

  // Its connection, which writes what was sent on it, holds it until that is taken, or is gone itself.
  deinit { _ = overrunAccount?.take(-overrunBytes) }

  /// Takes `bytes` that are about to be sent, and what goes beyond a window of `account`. False, with nothing taken,
  /// where the account does not allow it.
  func takeOutstanding(_ bytes: Int, _ account: SpaceAccount) -> Bool {
    let overrun = max(0, outstandingBytes + bytes - initialStreamCreditBytes)
    if overrun > overrunBytes {
      guard account.take(overrun - overrunBytes) else { return false }
      overrunBytes = overrun
      overrunAccount = account
    }
    outstandingBytes += bytes
    return true
  }

  /// `bytes` have been taken by the network.
  func giveOutstanding(_ bytes: Int) {
    outstandingBytes = max(0, outstandingBytes - bytes)
    let overrun = max(0, outstandingBytes - initialStreamCreditBytes)
    if overrun < overrunBytes {
      _ = overrunAccount?.take(overrun - overrunBytes)
      overrunBytes = overrun
    }
  }

  /// Answers a request (server role).
  func reply(_ response: Response) {}
  /// Goes on as a stream (server role).
  func accept(_ head: ResponseHead) {}
  /// Sends a part of a stream.
  func send(_ message: OutgoingMessage) {}
  /// Lets the peer send more.
  func grant(_ bytes: Int) {}
  /// Completes this node's direction.
  func finish(_ closure: StreamClosure) {}
  /// The machine is about to hear that its peer closed the WebSocket, and has said what it had to say.
  func answerClose() {}
  /// Gives the exchange up; the peer of a WebSocket is told by the code, any other by a closed connection.
  func abort(_ closure: StreamClosure) {}
}

/// Something with writes that wait for the end of the batch.
protocol Flushable: AnyObject {
  func flushNow()
}
