// How a stream ends: the close codes of WebSockets (RFC 6455, section 7.4, and IANA's registry) and a reason.
//
// Limits: a closure that is made from outside holds a code that may be sent and at most 123 bytes of UTF-8. The two
// that are never sent (`noCode`, `connectionLost`) are constants.

/// The code and the reason with which a stream ends. Only a WebSocket carries them to its peer; a body ends, or breaks
/// off, without either.
public struct StreamClosure: Hashable, Sendable, CustomStringConvertible {
  /// The most bytes of a reason: what a control frame holds behind the code.
  public static let reasonLimitBytes = 123

  /// The code.
  public let code: UInt16
  /// The reason, in UTF-8; often empty.
  public let reason: [UInt8]

  private init(constant code: UInt16) {
    self.code = code
    reason = []
  }

  /// A closure that may be sent. Nil where the code is none that may stand in a close frame, or where the reason is
  /// longer than `reasonLimitBytes` or no UTF-8.
  public init?(code: UInt16, reason: [UInt8] = []) {
    guard Self.mayBeSent(code), reason.count <= Self.reasonLimitBytes, reason.isEmpty || String(validating: reason, as: UTF8.self) != nil
    else { return nil }
    self.code = code
    self.reason = reason
  }

  /// Done.
  public static let normal = StreamClosure(constant: 1_000)
  /// The process stops.
  public static let goingAway = StreamClosure(constant: 1_001)
  /// The peer broke the protocol.
  public static let protocolError = StreamClosure(constant: 1_002)
  /// Data of a kind that is not taken.
  public static let unsupportedData = StreamClosure(constant: 1_003)
  /// The peer closed without a code. Never in a frame: as a wish it is a close frame without a code.
  public static let noCode = StreamClosure(constant: 1_005)
  /// The connection is gone without a word. Never in a frame: as a wish it cuts the connection.
  public static let connectionLost = StreamClosure(constant: 1_006)
  /// A text that is no UTF-8.
  public static let invalidPayload = StreamClosure(constant: 1_007)
  /// A rule of the application.
  public static let policyViolation = StreamClosure(constant: 1_008)
  /// A message that is too long.
  public static let messageTooLarge = StreamClosure(constant: 1_009)
  /// This side met a condition that it did not expect.
  public static let internalError = StreamClosure(constant: 1_011)
  /// This side has too much to do: come again later.
  public static let tryAgainLater = StreamClosure(constant: 1_013)

  /// Whether `code` may stand in a close frame: 1000–1003, 1007–1014 and 3000–4999.
  public static func mayBeSent(_ code: UInt16) -> Bool {
    switch code {
    case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
    default: false
    }
  }

  /// Code and reason, for people.
  public var description: String { reason.isEmpty ? "\(code)" : "\(code) \(String(decoding: reason, as: UTF8.self))" }
}
