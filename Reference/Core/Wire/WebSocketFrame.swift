// WebSocket frames (RFC 6455 §5): their words, and writing them. Reading is in `WebSocketReader.swift`.
//
// No extensions (the reserved bits are 0). The masking key of a client is an argument, since chance comes from the
// caller. Serves the gateways and realtime sessions of THREADS and WORKSPACES.

/// What a frame carries (RFC 6455 §5.2).
public enum WebSocketOpcode: UInt8, Sendable, CaseIterable {
  /// More of the message before.
  case continuation = 0x0
  /// UTF-8 text, or its first fragment.
  case text = 0x1
  /// Bytes, or their first fragment.
  case binary = 0x2
  /// The end of the connection.
  case close = 0x8
  /// Asks for a pong with the same payload.
  case ping = 0x9
  /// Answers a ping.
  case pong = 0xA

  /// Whether this is a control frame: never fragmented, at most 125 bytes.
  @inlinable public var isControl: Bool { rawValue >= 0x8 }
}

/// One frame.
public struct WebSocketFrame: Sendable, Equatable {
  /// The most bytes in a control frame (RFC 6455 §5.5).
  public static let maximumControlBytes = 125

  /// Whether the message ends with this frame.
  public var isFinal: Bool
  /// What it carries.
  public var opcode: WebSocketOpcode
  /// Its payload, unmasked.
  public var payload: [UInt8]

  /// A frame.
  public init(_ opcode: WebSocketOpcode, _ payload: [UInt8] = [], isFinal: Bool = true) {
    self.isFinal = isFinal
    self.opcode = opcode
    self.payload = payload
  }

  /// A whole text message.
  public static func text(_ text: String) -> WebSocketFrame { WebSocketFrame(.text, Array(text.utf8)) }

  /// A whole binary message.
  public static func binary(_ bytes: [UInt8]) -> WebSocketFrame { WebSocketFrame(.binary, bytes) }

  /// A ping; the payload is cut at 125 bytes.
  public static func ping(_ payload: [UInt8] = []) -> WebSocketFrame { WebSocketFrame(.ping, Array(payload.prefix(maximumControlBytes))) }

  /// The answer to a ping; the payload is cut at 125 bytes.
  public static func pong(_ payload: [UInt8]) -> WebSocketFrame { WebSocketFrame(.pong, Array(payload.prefix(maximumControlBytes))) }

  /// A close frame. The reason is cut, between two scalars, to the 123 bytes that fit behind the code.
  public static func close(_ close: WebSocketClose = WebSocketClose()) -> WebSocketFrame {
    guard let code = close.code else { return WebSocketFrame(.close) }
    var payload = [UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)]
    for scalar in close.reason.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      guard payload.count + bytes.count <= maximumControlBytes else { break }
      payload += bytes
    }
    return WebSocketFrame(.close, payload)
  }

  /// The frames of a message that is cut into fragments of at most so many bytes (at least one).
  public static func fragments(_ opcode: WebSocketOpcode, _ payload: [UInt8], maximumBytes: Int) -> [WebSocketFrame] {
    let size = max(1, maximumBytes)
    guard payload.count > size, !opcode.isControl else { return [WebSocketFrame(opcode, payload)] }
    return stride(from: 0, to: payload.count, by: size).map { start in
      let end = min(payload.count - start, size) + start
      return WebSocketFrame(start == 0 ? opcode : .continuation, Array(payload[start..<end]), isFinal: end == payload.count)
    }
  }

  /// Appends the frame's bytes. A client must mask with a key that is fresh for each frame, a server must not (RFC 6455
  /// §5.1).
  public func append(onto bytes: inout [UInt8], maskingKey: UInt32? = nil) {
    bytes.reserveCapacity(bytes.count + payload.count + 14)
    bytes.append((isFinal ? 0x80 : 0) | opcode.rawValue)
    let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
    let count = payload.count
    if count <= 125 {
      bytes.append(maskBit | UInt8(count))
    } else if count <= 0xFFFF {
      bytes.append(maskBit | 126)
      withUnsafeBytes(of: UInt16(count).bigEndian) { bytes.append(contentsOf: $0) }
    } else {
      bytes.append(maskBit | 127)
      withUnsafeBytes(of: UInt64(count).bigEndian) { bytes.append(contentsOf: $0) }
    }
    guard let maskingKey else { return bytes.append(contentsOf: payload) }
    withUnsafeBytes(of: maskingKey.bigEndian) { bytes.append(contentsOf: $0) }
    let start = bytes.count
    bytes.append(contentsOf: payload)
    applyMask(maskingKey, phase: 0, to: &bytes, from: start)
  }

  /// The frame's bytes. See `append(onto:maskingKey:)`.
  public func encoded(maskingKey: UInt32? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    append(onto: &bytes, maskingKey: maskingKey)
    return bytes
  }
}

/// Why a connection ends (RFC 6455 §7.4).
public struct WebSocketClose: Sendable, Equatable {
  /// The code; nil when the close frame was empty.
  public var code: UInt16?
  /// The reason, in words.
  public var reason: String

  /// A close without a code, or with one.
  public init(code: UInt16? = nil, reason: String = "") {
    self.code = code
    self.reason = reason
  }

  /// Done.
  public static let normal: UInt16 = 1000
  /// The server goes down, or the page is left.
  public static let goingAway: UInt16 = 1001
  /// The peer broke the protocol.
  public static let protocolError: UInt16 = 1002
  /// Data of a kind that is not taken.
  public static let unsupportedData: UInt16 = 1003
  /// A text message that is no UTF-8.
  public static let invalidPayload: UInt16 = 1007
  /// A rule of the application.
  public static let policyViolation: UInt16 = 1008
  /// A message that is too large.
  public static let messageTooLarge: UInt16 = 1009
  /// The server met a condition that it did not expect.
  public static let internalError: UInt16 = 1011
  /// The server is overloaded: come again later (IANA registry).
  public static let tryAgainLater: UInt16 = 1013

  /// Whether a code may stand in a close frame: 1000–1003, 1007–1014 (RFC 6455 and the IANA registry), and 3000–4999.
  public static func mayBeSent(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// XORs bytes with the masking key, whose first byte (the highest) goes with the first byte of the payload (RFC 6455
/// §5.3). `phase` is how many payload bytes came before.
func applyMask(_ key: UInt32, phase: Int, to bytes: inout [UInt8], from start: Int) {
  let turned = key << UInt32(8 * (phase & 3)) | (phase & 3 == 0 ? 0 : key >> UInt32(32 - 8 * (phase & 3)))
  let wide = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
  bytes.withUnsafeMutableBytes { buffer in
    var offset = start
    while offset &+ 8 <= buffer.count {
      let word = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      buffer.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    var shift: UInt32 = 24
    while offset < buffer.count {
      buffer[offset] ^= UInt8(truncatingIfNeeded: turned >> shift)
      // Eight bytes before are two turns of the key, so that the rest begins with its first byte again.
      shift = shift == 0 ? 24 : shift &- 8
      offset &+= 1
    }
  }
}
