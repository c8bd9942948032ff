// Why the host itself answers a request, and how: a status, a code for programs, a message for people.

import Vocabulary

/// A request that the host refuses without asking the machine.
struct HTTPRefusal: Error, Hashable {
  var status: Int
  var code: String
  var message: String

  init(_ status: Int, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// A message that breaks the syntax of HTTP/1.1.
  static func malformed(_ message: String) -> HTTPRefusal { HTTPRefusal(400, "MALFORMED_REQUEST", message) }
  /// Nothing is there.
  static let notFound = HTTPRefusal(404, "NOT_FOUND", "there is nothing at this path")
  /// Who asks may not change the cluster: the node has a key.
  static let unprovedAdministration = HTTPRefusal(
    401, "UNPROVED", "this changes the cluster: it is for who proves the key of its peers, for this very request")
  /// Who asks may not change the cluster: the proof is of another time.
  static let untimelyAdministration = HTTPRefusal(
    401, "UNTIMELY", "the proof is of another time: its clock and this node's must agree by two minutes")
  /// A request that changes the cluster comes again: somebody repeats it, or brokers sent it round.
  static let repeatedAdministration = HTTPRefusal(
    409, "REPEATED", "this very request was taken before: ask again with a proof of its own")
  /// Who asks may not change the cluster: the node has no key.
  static let administeredHere = HTTPRefusal(
    403, "NOT_FROM_HERE", "this changes the cluster: without a key that could be proved it is for clients on this node's own machine")
  /// Who asks may not change the cluster: it is a page that a browser shows, wherever that is and whatever it proves.
  static let administeredByNoPage = HTTPRefusal(
    403, "NOT_FROM_A_PAGE", "this changes the cluster: no page of a browser may ask for it (the request has an Origin field)")
  static let tooManyConnections = HTTPRefusal(503, "TOO_MANY_CONNECTIONS", "this server has as many connections as it may have")
  static let overloaded = HTTPRefusal(503, "OVERLOADED", "this server has as much waiting work as it may have; try again later")
  static let tooManyBodies = HTTPRefusal(
    503, "OVERLOADED", "this server holds as many bytes of requests as it may; try again later")
  static let slowBody = HTTPRefusal(408, "REQUEST_TIMEOUT", "the request's body comes too slowly")
  static let stopping = HTTPRefusal(503, "STOPPING", "this server is stopping")
  static let down = HTTPRefusal(503, "UNAVAILABLE", "this service is not running")

  static func bodyTooLarge(limitBytes: Int) -> HTTPRefusal {
    HTTPRefusal(413, "BODY_TOO_LARGE", "the body is longer than \(limitBytes) bytes")
  }

  /// The answer: a JSON body `{"error":{"code":…,"message":…}}`. Codes and messages are our own text, but may quote the
  /// peer's.
  var response: Response {
    var headers: Headers = ["content-type": "application/json"]
    if status == 503 { headers.append("retry-after", "1") }
    if status == 401 { headers.append("www-authenticate", "Windtunnel") }
    if status == 426 { headers.append("upgrade", "websocket") }
    let text = "{\"error\":{\"code\":\"\(HTTPRefusal.escaped(code))\",\"message\":\"\(HTTPRefusal.escaped(message))\"}}"
    return Response(status: status, headers: headers, body: Array(text.utf8))
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
