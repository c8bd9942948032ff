// Why a host itself answers a request, and how: a status, a code for programs, a message for people. What both hosts
// refuse stands here, so that nobody can tell them apart by their words.

/// A request that a host refuses without asking the machine, or an answer that it gives in the machine's place.
public struct HTTPRefusal: Error, Hashable, Sendable {
  /// The status of HTTP.
  public var status: Int
  /// For programs.
  public var code: String
  /// For people.
  public var message: String

  /// A refusal.
  public init(_ status: Int, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// The body is longer than the machine takes it.
  public static func bodyTooLarge(limitBytes: Int) -> HTTPRefusal {
    HTTPRefusal(413, "BODY_TOO_LARGE", "the body is longer than the limit of \(limitBytes) bytes")
  }
  /// The request line is too long.
  public static func targetTooLong(limitBytes: Int) -> HTTPRefusal {
    HTTPRefusal(414, "TARGET_TOO_LONG", "the request line is longer than \(limitBytes) bytes")
  }
  /// The head is too long.
  public static func headTooLong(limitBytes: Int) -> HTTPRefusal {
    HTTPRefusal(431, "HEAD_TOO_LARGE", "the request head is longer than \(limitBytes) bytes")
  }
  /// The head has too many fields.
  public static func tooManyFields(limit: Int) -> HTTPRefusal {
    HTTPRefusal(431, "HEAD_TOO_LARGE", "the request has more than \(limit) header fields")
  }
  /// A WebSocket was asked for where none is.
  public static let notAWebSocket = HTTPRefusal(400, "NOT_A_WEBSOCKET", "this target is no WebSocket")
  /// There is nothing but a WebSocket.
  public static let webSocketOnly = HTTPRefusal(426, "UPGRADE_REQUIRED", "this target speaks WebSocket only (RFC 6455, version 13)")
  /// The machine's mailbox is full.
  public static let overloaded = HTTPRefusal(503, "OVERLOADED", "the service has too many requests waiting")
  /// Half of what may go beyond the credits of streams is taken (`StreamLimits.isCrowded`).
  public static let crowdedStreams = HTTPRefusal(503, "OVERLOADED", "the service has too much waiting on its streams")
  /// The machine's answer was none.
  public static let invalidAnswer = HTTPRefusal(500, "INTERNAL", "this service gave no valid answer")

  /// The answer: a JSON body `{"error":{"code":…,"message":…}}`. Codes and messages are our own text, but may quote the
  /// peer's.
  public var response: Response {
    var headers: Headers = ["content-type": "application/json"]
    if status == 503 { headers.append("retry-after", "1") }
    if status == 401 { headers.append("www-authenticate", "Windtunnel") }
    if status == 426 {
      headers.append("upgrade", "websocket")
      headers.append("sec-websocket-version", "13")
    }
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
