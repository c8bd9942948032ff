// What of complete answers a client has not taken yet, and what of it the node's account of answers holds
// (`StreamLimits.answerBytes`).
//
// Answers leave in the order of their requests, each once the client takes what was written before it: what is complete
// and may not leave yet waits with its exchange, of which a connection has `pipelineDepth` at most. A window of a
// connection is in no account: so much every stream may have, too. Of a stream the bytes count here once it is complete;
// until then they are in the account of overrun. Limits: what the system's own buffers hold is in no account of ours.

import Vocabulary

/// The complete answers of one connection that its client has not taken.
struct UntakenAnswers {
  /// Bytes that a connection may have without any account.
  static let freeBytes = initialStreamCreditBytes

  /// Bytes of answers that are complete and not written.
  var waitingBytes = 0
  /// Up to which of all bytes that were written to the connection they are of complete answers.
  var writtenEnd = 0
  /// Bytes that are taken from the account.
  private(set) var chargedBytes = 0

  /// Bytes that the client has not taken, of which `buffered` of all `written` ones wait for it.
  func count(written: Int, buffered: Int) -> Int { waitingBytes + max(0, writtenEnd - (written - buffered)) }

  /// Takes what `untaken` bytes need from the account; false, with nothing changed, where that does not allow it.
  mutating func charge(_ untaken: Int, _ account: SpaceAccount) -> Bool {
    let wanted = max(0, untaken - Self.freeBytes)
    guard account.take(wanted - chargedBytes) else { return false }
    chargedBytes = wanted
    return true
  }

  /// Has the account say what `untaken` bytes need, also beyond its quota: they are there already.
  mutating func settle(_ untaken: Int, _ account: SpaceAccount) {
    let wanted = max(0, untaken - Self.freeBytes)
    if wanted > chargedBytes { account.count(wanted - chargedBytes) } else { _ = account.take(wanted - chargedBytes) }
    chargedBytes = wanted
  }
}
