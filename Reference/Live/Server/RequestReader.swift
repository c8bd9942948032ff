// From a head on the wire to a request: version, target, framing, and what the connection is to do afterwards.

import NIOCore
import Vocabulary

/// What the head of a request says to the host.
struct IncomingRequest {
  var head: RequestHead
  var framing: HTTPBodyFraming
  var isVersion10: Bool
  /// The connection ends after this exchange.
  var closesAfter: Bool
  var expectsContinue: Bool
  /// Time that its caller still waits.
  var timeLeft: TimeSpan?
  /// The key of a complete and correct request for a WebSocket.
  var webSocketKey: String?

  /// The header field in which a deadline crosses the network: whole milliseconds that are left.
  static let timeLeftField = "request-timeout-milliseconds"

  /// Reads `raw`, or says why it is refused.
  init(_ raw: HTTPHead) throws(HTTPRefusal) {
    switch raw.third {
    case "HTTP/1.1": isVersion10 = false
    case "HTTP/1.0": isVersion10 = true
    default:
      guard raw.third.hasPrefix("HTTP/") else { throw .malformed("the request line does not end in HTTP/1.1") }
      throw HTTPRefusal(505, "VERSION_NOT_SUPPORTED", "this server speaks HTTP/1.1")
    }
    guard raw.first.utf8.allSatisfy({ HTTPHeadReader.isTokenByte($0) }) else { throw .malformed("the method is not a token") }
    let hosts = raw.headers.count(of: "host")
    guard hosts == 1 || (isVersion10 && hosts == 0) else { throw .malformed("there must be one Host field") }
    if let host = raw.headers["host"] {
      guard HostField.isWellFormed(host) else { throw .malformed("the Host field is not a host, perhaps with a port") }
    }
    framing = try HTTPBodyFraming.declared(raw.headers, isVersion10: isVersion10) ?? .empty
    let method = Method(token: raw.first)
    let target = try IncomingRequest.originForm(raw.second, method)
    closesAfter = isVersion10 || raw.headers.lists("connection", "close")
    if let expectation = raw.headers["expect"] {
      guard expectation.isSameToken(as: "100-continue") else {
        throw HTTPRefusal(417, "EXPECTATION_FAILED", "the only expectation here is 100-continue")
      }
      expectsContinue = !isVersion10 && framing != .empty
    } else {
      expectsContinue = false
    }
    head = RequestHead(method: method, target: target, headers: raw.headers)
    if let text = raw.headers[IncomingRequest.timeLeftField] {
      guard text.isDecimalDigits, let milliseconds = Int64(text) else {
        throw .malformed("\(IncomingRequest.timeLeftField) must be a whole number, not negative")
      }
      timeLeft = .milliseconds(milliseconds)
      head.headers.fields.removeAll { $0.name.isSameToken(as: IncomingRequest.timeLeftField) }
    }
    if method == .get, !isVersion10, framing == .empty, raw.headers.lists("upgrade", "websocket"),
      raw.headers.lists("connection", "upgrade"), raw.headers["sec-websocket-version"] == "13",
      raw.headers.count(of: "sec-websocket-key") == 1, let key = raw.headers["sec-websocket-key"], key.utf8.count == 24
    {
      webSocketKey = key
    }
  }

  /// Path and query: an absolute target loses its scheme and authority (RFC 9112, section 3.2.2).
  private static func originForm(_ target: String, _ method: Method) throws(HTTPRefusal) -> String {
    if target.hasPrefix("/") { return target }
    if target == "*" && method == .options { return target }
    for scheme in ["http://", "https://"] where target.prefix(scheme.count).isSameToken(as: scheme) {
      let rest = target.dropFirst(scheme.count)
      // The authority ends at its path, or at its query where there is no path.
      let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
      guard end > rest.startIndex, rest.first != ":", HostField.isWellFormed(rest[..<end]) else {
        throw .malformed("the request's target names no host")
      }
      return rest[end...].first == "/" ? String(rest[end...]) : "/\(rest[end...])"
    }
    throw .malformed("the request's target is not a path")
  }
}
