// What somebody can make who hears all that passes and does not have the key; for the faults that do it, and for tests.

import Vocabulary

/// Forged parts of a link between peers.
public enum PeerForgery {
  /// The hello of somebody who says to be the opener, and to have the key that `heard`, a hello of such a link, names.
  public static func hello(as ends: PeerLinkEnds, naming heard: [UInt8], _ nonce: PeerNonce) -> [UInt8] {
    let name = heard.count == PeerGreeting.byteCount ? Array(heard[10..<18]) : [UInt8](repeating: 0, count: PeerKeyName.byteCount)
    return PeerGreeting(role: .opener, ends: ends, key: PeerKeyName(bytes: name), nonce: nonce).bytes
  }

  /// A proof that says `code`.
  public static func proof(_ code: [UInt8]) -> [UInt8] { PeerLinkAcceptor.proofBeginning + padded(code) }

  /// A frame of this counter and message that says `code`.
  public static func frame(_ counter: UInt64, _ code: [UInt8], _ message: [UInt8]) -> [UInt8] {
    PeerSession.bytes(counter) + padded(code) + message
  }

  private static func padded(_ code: [UInt8]) -> [UInt8] {
    Array((code + [UInt8](repeating: 0, count: macByteCount)).prefix(macByteCount))
  }
}
