// The two values of the WebSocket handshake (RFC 6455, section 4), and what a caller holds an answer to it against. The
// digest is NIO's: its upgrader is asked what it would answer.

import NIOCore
import NIOHTTP1
import NIOWebSocket
import Vocabulary

/// A WebSocket that a caller asks for.
struct WebSocketOffer {
  let key: String
  /// The protocols of which the server may choose one.
  private let protocols: [String]

  /// An offer by a request with these fields.
  init(of headers: Headers) {
    key = WebSocketHandshake.newKey()
    protocols = headers.items(of: "sec-websocket-protocol").map { String($0) }
  }

  /// Whether an answer of status 101 with these fields begins a WebSocket as it was asked for (RFC 6455, section 4.1). No
  /// extension is: this host speaks none.
  func isTaken(by headers: Headers, on channel: any Channel) -> Bool {
    guard headers["upgrade"]?.isSameToken(as: "websocket") == true, headers.lists("connection", "upgrade"),
      headers.count(of: "sec-websocket-accept") == 1,
      headers["sec-websocket-accept"] == WebSocketHandshake.answer(to: key, on: channel),
      headers.items(of: "sec-websocket-extensions").isEmpty
    else { return false }
    // Names of protocols are compared as they are.
    return headers.count(of: "sec-websocket-protocol") == 0
      || headers.count(of: "sec-websocket-protocol") == 1 && protocols.contains { $0 == headers["sec-websocket-protocol"] }
  }
}

enum WebSocketHandshake {
  /// A new Sec-WebSocket-Key: 16 random bytes in base 64. It guards against caches, not against attackers.
  static func newKey() -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return base64(bytes)
  }

  /// What Sec-WebSocket-Accept must say to `key`, or nil where the key is not one. On the channel's loop.
  static func answer(to key: String, on channel: any Channel) -> String? {
    let upgrader = NIOWebSocketServerUpgrader(
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
      upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
    let headers: HTTPHeaders = ["Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"]
    let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
    let built = upgrader.buildUpgradeResponse(channel: channel, upgradeRequest: request, initialResponseHeaders: HTTPHeaders())
    var answer: String?
    // The futures are complete already, so this runs now.
    built.assumeIsolated().whenSuccess { answer = $0["Sec-WebSocket-Accept"].first }
    return answer
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
