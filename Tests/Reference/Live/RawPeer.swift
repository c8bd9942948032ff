// A peer's link by raw bytes: as a peer opens it, or as somebody does who is none.

import PeerAuthentication
import Vocabulary

/// The opening end of a link to a node's port for peers.
final class RawPeer {
  let client: RawClient
  let ends: PeerLinkEnds
  private(set) var session: PeerSession?

  /// Asks for the WebSocket of a link; nil where that is refused.
  init?(port: Int, from: UInt16, to: UInt16 = 0) throws {
    client = try RawClient(port: port)
    ends = PeerLinkEnds(opener: NodeID(from), acceptor: NodeID(to))
    client.send(Self.request(from: Int(from)))
    guard client.readResponse()?.status == 101 else { return nil }
  }

  /// The head of the request that opens a link.
  static func request(from node: Int, version: Int = 2, extra: String = "") -> String {
    "GET /_windtunnel/peer?from=\(node)&version=\(version) HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
      + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + extra + "\r\n"
  }

  static func nonce() -> PeerNonce {
    var system = SystemRandomNumberGenerator()
    return PeerNonce(using: &system)
  }

  /// Sends one binary message.
  func send(_ bytes: [UInt8]) { client.send(Self.frame(bytes)) }

  /// One masked binary frame, of a mask that changes nothing.
  static func frame(_ bytes: [UInt8]) -> [UInt8] {
    let length = bytes.count <= 125 ? [UInt8(0x80 | bytes.count)] : [0xFE, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)]
    return [0x82] + length + [0, 0, 0, 0] + bytes
  }

  /// The next frame that comes: its opcode and what is in it.
  func readFrame() -> (opcode: UInt8, bytes: [UInt8])? {
    let head = client.read(2)
    guard head.count == 2, head[1] <= 125 else { return nil }
    return (head[0] & 0x0F, client.read(Int(head[1])))
  }

  /// Says hello; what comes back to it, where that is a challenge.
  func challenge(to hello: [UInt8]) -> [UInt8]? {
    send(hello)
    guard let frame = readFrame(), frame.opcode == 2 else { return nil }
    return frame.bytes
  }

  /// Proves `key`; false where the node does not take it, as far as it says so.
  func prove(_ key: PeerKey) -> Bool {
    let opener = PeerLinkOpener(ends, PeerKeys(present: key), Self.nonce())
    guard let challenge = challenge(to: opener.hello), let answer = try? opener.answer(to: challenge) else { return false }
    session = answer.session
    send(answer.proof)
    return true
  }

  /// The frame of a message, in the session that was begun.
  func seal(_ message: [UInt8]) -> [UInt8] { session?.seal(message) ?? [] }
}
