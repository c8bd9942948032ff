// One HTTP exchange as values: the request, the response, and their heads alone where the bodies are streams.
//
// Limits: header names are compared without regard to ASCII case; a header section is a short list, searched in order.
// The hosts enforce the limits of `Intake` before a machine sees anything.

/// An HTTP method (RFC 9110, section 9).
public enum Method: Hashable, Sendable {
  case get, head, post, put, patch, delete, options
  /// Any other token, as it came.
  case other(String)

  /// The token on the wire.
  public var token: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .other(let token): token
    }
  }

  /// Whether a request that is made twice does the same as one made once (RFC 9110, 9.2.2). False for a method that is
  /// not known.
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options: true
    case .post, .patch, .other: false
    }
  }

  /// The method with this `token`; methods are case-sensitive.
  public init(token: String) {
    switch token {
    case "GET": self = .get
    case "HEAD": self = .head
    case "POST": self = .post
    case "PUT": self = .put
    case "PATCH": self = .patch
    case "DELETE": self = .delete
    case "OPTIONS": self = .options
    default: self = .other(token)
    }
  }
}

/// Header fields in the order in which they stand on the wire.
public struct Headers: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  /// One field. `name` is kept as given and compared without regard to ASCII case.
  public struct Field: Hashable, Sendable {
    /// The field's name.
    public var name: String
    /// The field's value, without surrounding white space.
    public var value: String

    /// A field.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// All fields, repeated ones included.
  public var fields: [Field]

  /// No fields.
  public init() { fields = [] }
  /// Fields in this order.
  public init(_ fields: [Field]) { self.fields = fields }
  /// Fields in the order of the literal.
  public init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0.0, value: $0.1) }
  }

  /// The value of the first field named `name`.
  public subscript(name: String) -> String? {
    for field in fields where Headers.matches(field.name, name) { return field.value }
    return nil
  }

  /// How many fields are named `name`.
  public func count(of name: String) -> Int {
    fields.reduce(0) { $0 + (Headers.matches($1.name, name) ? 1 : 0) }
  }

  /// Appends a field.
  public mutating func append(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  static func matches(_ left: String, _ right: String) -> Bool {
    let leftBytes = left.utf8
    let rightBytes = right.utf8
    guard leftBytes.count == rightBytes.count else { return false }
    return zip(leftBytes, rightBytes).allSatisfy { $0 == $1 || lowered($0) == lowered($1) }
  }

  private static func lowered(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
}

extension StringProtocol {
  /// Whether both are the same bytes but for the case of ASCII letters: as names of fields and tokens are compared. Not
  /// as text: the sign of degrees Kelvin is no `k`.
  public func isSameToken(as other: String) -> Bool { Headers.matches(String(self), other) }
}

/// A request without its body.
public struct RequestHead: Hashable, Sendable {
  /// The method.
  public var method: Method
  /// Path and query exactly as on the request line, not yet decoded.
  public var target: String
  /// Header fields.
  public var headers: Headers

  /// A request head.
  public init(method: Method, target: String, headers: Headers = Headers()) {
    self.method = method
    self.target = target
    self.headers = headers
  }
}

/// A whole request.
public struct Request: Hashable, Sendable {
  /// Method, target and headers.
  public var head: RequestHead
  /// The body; empty if there is none.
  public var body: [UInt8]
  /// Until when the caller waits, on the clock of the node that holds this value.
  public var deadline: Deadline

  /// A request. `deadline` is that of the caller's own clock; the host carries it over as time left.
  public init(
    _ method: Method, _ target: String, headers: Headers = Headers(), body: [UInt8] = [], deadline: Deadline = .never
  ) {
    head = RequestHead(method: method, target: target, headers: headers)
    self.body = body
    self.deadline = deadline
  }

  /// A request from its parts.
  public init(head: RequestHead, body: [UInt8], deadline: Deadline = .never) {
    self.head = head
    self.body = body
    self.deadline = deadline
  }
}

/// A response without its body.
public struct ResponseHead: Hashable, Sendable {
  /// Status code, 100–599.
  public var status: Int
  /// Header fields.
  public var headers: Headers

  /// A response head.
  public init(status: Int, headers: Headers = Headers()) {
    self.status = status
    self.headers = headers
  }
}

/// A whole response.
public struct Response: Hashable, Sendable {
  /// Status and headers.
  public var head: ResponseHead
  /// The body; empty if there is none.
  public var body: [UInt8]

  /// A response.
  public init(status: Int, headers: Headers = Headers(), body: [UInt8] = []) {
    head = ResponseHead(status: status, headers: headers)
    self.body = body
  }

  /// Status code, 100–599.
  public var status: Int { head.status }
}

/// Why a call got no response. The request may or may not have been carried out, except where it says so.
public enum TransportFailure: Hashable, Sendable, Error {
  /// Nothing listens there: the request was not carried out.
  case refused
  /// The connection broke before a whole response came.
  case connectionLost
  /// The endpoint, or the host that was named, has no address: the request was not carried out.
  case unresolvable
  /// The response was longer than the host's limit for responses.
  case responseTooLarge
  /// What came back was not HTTP.
  case malformedResponse
  /// The destination is a user's, and leads to where users' may not (`AddressPolicy`): nothing was sent. Where it leads
  /// to is not told.
  case forbidden
  /// The peer did not prove by TLS that it is who was meant, or this build speaks no TLS: the request was not sent.
  case untrusted

  /// Whether it is certain that the request was not carried out.
  public var wasNotCarriedOut: Bool {
    switch self {
    case .refused, .unresolvable, .forbidden, .untrusted: true
    case .connectionLost, .responseTooLarge, .malformedResponse: false
    }
  }
}

/// How a machine wants to take a request, decided by the head alone, before any byte of the body is accepted.
public enum Intake: Hashable, Sendable {
  /// The whole body, at most `limitBytes`; the host answers 413 beyond that.
  case whole(limitBytes: Int)
  /// As `whole`, and what is asked changes who belongs to the cluster or where its nodes are. Who may do that could
  /// have a node speak to any address, as to a peer. So a host that has outsiders lets it through only for who proves
  /// the key of the node's peers (`AdministrationProof`), and where the node has none, only for clients on its
  /// own machine; it answers others 401 or 403 before any byte of the body is taken. A machine that forwards such a
  /// request hands on the proof that came with it, and never one of its own.
  case administration(limitBytes: Int)
  /// The body as a stream: `StreamEvent.opened`, then `.received` under credit.
  case stream
  /// A WebSocket (RFC 6455) with messages of at most `limitBytes`; the host answers 426 when the head asks for no
  /// upgrade.
  case webSocket(limitBytes: Int)

  /// The longest body that is taken whole; nil where it is not.
  public var wholeLimitBytes: Int? {
    switch self {
    case .whole(let limitBytes), .administration(let limitBytes): limitBytes
    case .stream, .webSocket: nil
    }
  }
}

/// One thing that crosses the network between two nodes of the world.
public enum Envelope: Sendable {
  /// A whole request; the id is the caller's.
  indirect case request(ExchangeID, Request)
  /// The response to the caller's exchange.
  case response(ExchangeID, Response)
  /// The caller's exchange ended without a response.
  case failure(ExchangeID, TransportFailure)
  /// The caller gave its exchange up.
  case abandonment(ExchangeID)
  /// A message from node to node (consensus, gossip).
  case message([UInt8])
  /// A part of a stream.
  case stream(ExchangeID, StreamFrame)
}

/// What a stream in caller role carries.
public enum StreamForm: Hashable, Sendable {
  /// A whole request; the answer is a stream.
  case whole
  /// A request whose body is a stream, and so is the answer.
  case streamed
  /// A WebSocket.
  case webSocket
}

/// One part of a stream on its way.
public enum StreamFrame: Sendable {
  /// The caller opens: the request's head, and whether it asks for a WebSocket.
  indirect case open(RequestHead, webSocket: Bool, deadline: Deadline)
  /// The server answers the head.
  case accept(ResponseHead)
  /// Bytes, or one WebSocket message.
  case chunk([UInt8], isText: Bool)
  /// The receiver is ready for this many bytes more.
  case credit(Int)
  /// This direction is complete.
  case finish(StreamClosure)
  /// The exchange is broken off.
  case abort
  /// Asks the peer's host whether it is there.
  case ping
  /// It is.
  case pong
}
