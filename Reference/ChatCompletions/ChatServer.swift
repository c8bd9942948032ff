// Where a language model is asked, with which key, and how patiently.

import Resilience
import Vocabulary
import Wire

/// What proves to a server who asks: a token that goes into `authorization: Bearer …`. It is not shown where it is
/// printed.
public struct BearerKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The longest, in bytes.
  public static let maximumBytes = 4_096

  let token: ExactName

  /// A key; nil where it is empty, too long, or holds what may not stand in a header (anything but visible ASCII).
  public init?(_ token: String) {
    guard (1...Self.maximumBytes).contains(token.utf8.count), token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.token = ExactName(token)
  }

  /// Whether a request proves by this key who asks.
  public func isIn(_ head: RequestHead) -> Bool {
    head.headers.count(of: "authorization") == 1 && head.headers["authorization"].map { sameBytes($0, field) } ?? false
  }

  /// What stands in the header.
  var field: String { "Bearer \(token.text)" }

  /// "a key".
  public var description: String { "a key" }
  /// "a key".
  public var debugDescription: String { "a key" }
  /// Nothing of it.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A server that speaks the chat-completions interface.
public struct ChatServer: Sendable, Hashable {
  /// Whom to call.
  public var callee: Callee
  /// The target of requests, with a query where the base has one.
  public let target: String
  /// What proves who asks; nil where nobody must.
  public var key: BearerKey?

  /// The server at an endpoint or destination, with its interface below `path`.
  public init(_ callee: Callee, path: String = "/v1", key: BearerKey? = nil) {
    self.callee = callee
    self.key = key
    let query = path.utf8.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex
    var base = path[..<query]
    while base.utf8.last == UInt8(ascii: "/") { base = base.dropLast() }
    target = "\(base)/chat/completions\(path[query...])"
  }

  /// The server with this base URL, like `https://models.example/v1`. Throws what is wrong with it.
  public init(baseURL: String, namedBy: Destination.Namer, key: BearerKey? = nil) throws(DestinationMistake) {
    let (destination, path) = try Destination.url(baseURL, namedBy: namedBy)
    self.init(.destination(destination), path: path, key: key)
  }

  func request(_ body: [UInt8], isStreamed: Bool) -> Request {
    var headers: Headers = [
      "content-type": "application/json", "accept": isStreamed ? EventStreamWriter.contentType : "application/json",
    ]
    if let key { headers.append("authorization", key.field) }
    return Request(.post, target, headers: headers, body: body)
  }
}

/// How patiently a completion is asked for.
public struct ChatPolicy: Sendable, Hashable {
  /// How long one attempt may take until the first piece of the text (or, of an answer that is not streamed, all of it).
  public var firstPieceTimeout: TimeSpan
  /// How long no event may come behind the first piece.
  public var betweenPiecesTimeout: TimeSpan
  /// How long all of it may take, with all attempts and the waits between.
  public var wholeTimeout: TimeSpan
  /// Attempts in all; at least 1. Another one is made only where no piece was given out and the server says that it did
  /// nothing: 429 (unless for want of money), 503, or a connection that was refused.
  public var attempts: Int
  /// Waits between attempts. What the server asks for goes before.
  public var backoff: Backoff
  /// The longest wait that a server may ask for; where it asks for more, the completion fails at once and says so.
  public var longestComeAgain: TimeSpan
  /// Bounds of request and answer.
  public var limits: ChatLimits

  /// A policy.
  public init(
    firstPieceTimeout: TimeSpan = .seconds(30), betweenPiecesTimeout: TimeSpan = .seconds(15), wholeTimeout: TimeSpan = .minutes(2),
    attempts: Int = 3, backoff: Backoff = Backoff(base: .milliseconds(250), cap: .seconds(8)), longestComeAgain: TimeSpan = .seconds(30),
    limits: ChatLimits = ChatLimits()
  ) {
    invariant(
      attempts >= 1 && firstPieceTimeout > .zero && betweenPiecesTimeout > .zero && wholeTimeout > .zero && longestComeAgain >= .zero,
      "a policy of \(attempts) attempts of \(firstPieceTimeout), \(betweenPiecesTimeout) and \(wholeTimeout)")
    self.firstPieceTimeout = firstPieceTimeout
    self.betweenPiecesTimeout = betweenPiecesTimeout
    self.wholeTimeout = wholeTimeout
    self.attempts = attempts
    self.backoff = backoff
    self.longestComeAgain = longestComeAgain
    self.limits = limits
  }
}
