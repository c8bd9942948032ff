// Reading a WebSocket connection (RFC 6455 §5): bytes in whatever pieces, messages out.
//
// A pure machine: `receive` takes bytes, `next` gives messages until it gives nil. Fragments are joined, control frames
// come out between them, masks are removed. Refused, each with the close code to send: wrong masking, reserved bits and
// opcodes, lengths not in their shortest form, fragmented or long control frames, wrong order of fragments, text that
// is no UTF-8 (at its first wrong byte, not at its end), bad close frames, messages over the limit (by the header,
// before their bytes are kept). After a close or an error the rest is ignored.

/// What arrives on a WebSocket connection.
public enum WebSocketMessage: Sendable, Equatable {
  /// A whole text message.
  case text(String)
  /// A whole binary message.
  case binary([UInt8])
  /// A ping, to be answered by a pong with the same payload.
  case ping([UInt8])
  /// A pong.
  case pong([UInt8])
  /// The peer ends the connection; to be answered by a close frame, if none was sent yet.
  case close(WebSocketClose)
}

/// Which side reads: it decides about masking (RFC 6455 §5.1).
public enum WebSocketRole: Sendable, Equatable {
  /// Frames must be masked.
  case server
  /// Frames must not be masked.
  case client
}

/// Why a connection must be failed (RFC 6455 §7.1.7).
public struct WebSocketError: Error, Equatable, CustomStringConvertible {
  /// The code for the close frame: 1002, 1007 or 1009.
  public var closeCode: UInt16
  /// What the peer did, in words.
  public var problem: String

  /// An error.
  public init(closeCode: UInt16, problem: String) {
    self.closeCode = closeCode
    self.problem = problem
  }

  /// The problem with its code.
  public var description: String { "\(problem) (\(closeCode))" }
}

/// Joins bytes to messages.
public struct WebSocketReader: Sendable {
  private struct Header {
    var isFinal: Bool
    var opcode: WebSocketOpcode
    var maskingKey: UInt32?
    /// How many payload bytes are taken, and how many there are.
    var taken = 0
    var count: Int
  }

  private enum State {
    case open
    case closed
    case failed(WebSocketError)
  }

  private let role: WebSocketRole
  private let maximumMessageBytes: Int
  private var input: [UInt8] = []
  private var position = 0
  private var header: Header?
  private var state = State.open
  /// The kind of the message whose fragments are being gathered; nil between messages.
  private var messageOpcode: WebSocketOpcode?
  private var message: [UInt8] = []
  private var textCheck = UTF8Validator()
  private var control: [UInt8] = []

  /// A reader at the start of a connection. The limit is for whole messages, in bytes.
  public init(role: WebSocketRole, maximumMessageBytes: Int = 1 << 20) {
    self.role = role
    self.maximumMessageBytes = maximumMessageBytes
  }

  /// Takes bytes from the connection. They are kept until `next` has read them.
  public mutating func receive(_ bytes: some Collection<UInt8>) {
    guard case .open = state else { return }
    if position == input.count {
      input.removeAll(keepingCapacity: true)
      position = 0
    } else if position > 65_536 {
      input.removeSubrange(0..<position)
      position = 0
    }
    input.append(contentsOf: bytes)
  }

  /// The next whole message; nil when more bytes are needed, and for ever after a close. Throws the same error again
  /// after the first one.
  public mutating func next() throws(WebSocketError) -> WebSocketMessage? {
    switch state {
    case .open: break
    case .closed: return nil
    case .failed(let error): throw error
    }
    do throws(WebSocketError) {
      while true {
        if header == nil {
          guard let read = try readHeader() else { return nil }
          header = read
        }
        guard try readPayload() else { return nil }
        if let message = try finishFrame() { return message }
      }
    } catch {
      state = .failed(error)
      input = []
      message = []
      position = 0
      throw error
    }
  }

  // MARK: Header

  /// The header at the position; nil when it is not all there yet.
  private mutating func readHeader() throws(WebSocketError) -> Header? {
    guard input.count - position >= 2 else { return nil }
    let first = input[position]
    let second = input[position + 1]
    guard first & 0x70 == 0 else { throw violation("a reserved bit is set and no extension was agreed on") }
    guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw violation("the reserved opcode \(first & 0x0F)") }
    let isFinal = first & 0x80 != 0
    let isMasked = second & 0x80 != 0
    switch role {
    case .server: guard isMasked else { throw violation("a client's frame without a mask") }
    case .client: guard !isMasked else { throw violation("a server's frame with a mask") }
    }
    let shortCount = Int(second & 0x7F)
    if opcode.isControl {
      guard isFinal else { throw violation("a fragmented control frame") }
      guard shortCount <= WebSocketFrame.maximumControlBytes else { throw violation("a control frame of more than 125 bytes") }
    } else if opcode == .continuation {
      guard messageOpcode != nil else { throw violation("a continuation without a message before it") }
    } else {
      guard messageOpcode == nil else { throw violation("a new message within a fragmented one") }
    }
    let lengthBytes = shortCount == 126 ? 2 : shortCount == 127 ? 8 : 0
    let size = 2 + lengthBytes + (isMasked ? 4 : 0)
    guard input.count - position >= 2 + lengthBytes else { return nil }
    let count = try payloadCount(shortCount, bigEndian(at: position + 2, count: lengthBytes))
    if !opcode.isControl, count > maximumMessageBytes - message.count {
      throw WebSocketError(closeCode: WebSocketClose.messageTooLarge, problem: "a message of more than \(maximumMessageBytes) bytes")
    }
    guard input.count - position >= size else { return nil }
    let key = isMasked ? UInt32(truncatingIfNeeded: bigEndian(at: position + 2 + lengthBytes, count: 4)) : nil
    position += size
    return Header(isFinal: isFinal, opcode: opcode, maskingKey: key, count: count)
  }

  private func payloadCount(_ short: Int, _ long: UInt64) throws(WebSocketError) -> Int {
    switch short {
    case 126:
      guard long > 125 else { throw violation("a length that is not in its shortest form") }
      return Int(long)
    case 127:
      guard long > 0xFFFF else { throw violation("a length that is not in its shortest form") }
      guard let count = Int(exactly: long) else { throw violation("a length of more than 63 bits") }
      return count
    default:
      return short
    }
  }

  private func bigEndian(at offset: Int, count: Int) -> UInt64 {
    var value: UInt64 = 0
    for byte in input[offset..<(offset + count)] { value = value << 8 | UInt64(byte) }
    return value
  }

  // MARK: Payload

  /// Moves what there is of the payload; true when it is complete.
  private mutating func readPayload() throws(WebSocketError) -> Bool {
    guard var current = header else { return false }
    let count = min(current.count - current.taken, input.count - position)
    let range = position..<(position + count)
    if current.opcode.isControl {
      WebSocketReader.move(input[range], current, onto: &control)
    } else {
      if current.opcode != .continuation {
        messageOpcode = current.opcode
        textCheck = current.taken == 0 ? UTF8Validator() : textCheck
      }
      let start = message.count
      WebSocketReader.move(input[range], current, onto: &message)
      if messageOpcode == .text { try checkText(from: start) }
    }
    position += count
    current.taken += count
    header = current
    return current.taken == current.count
  }

  private mutating func checkText(from start: Int) throws(WebSocketError) {
    // A copy, since the check changes while the message is looked at.
    var check = textCheck
    let wrong = check.firstInvalidByte(in: message.span.extracting(start..<message.count))
    textCheck = check
    guard wrong == nil else {
      throw WebSocketError(closeCode: WebSocketClose.invalidPayload, problem: "a text message that is no UTF-8")
    }
  }

  private static func move(_ piece: ArraySlice<UInt8>, _ current: Header, onto bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(contentsOf: piece)
    if let key = current.maskingKey { applyMask(key, phase: current.taken, to: &bytes, from: start) }
  }

  /// The message that ends with the current frame, if one does.
  private mutating func finishFrame() throws(WebSocketError) -> WebSocketMessage? {
    guard let ended = header else { return nil }
    header = nil
    switch ended.opcode {
    case .ping: return .ping(takeControl())
    case .pong: return .pong(takeControl())
    case .close: return .close(try closeReason(takeControl()))
    case .continuation, .text, .binary:
      guard ended.isFinal, let opcode = messageOpcode else { return nil }
      let bytes = message
      message = []
      messageOpcode = nil
      guard opcode == .text else { return .binary(bytes) }
      guard textCheck.isAtBoundary else {
        throw WebSocketError(closeCode: WebSocketClose.invalidPayload, problem: "a text message that ends within a character")
      }
      return .text(String(decoding: bytes, as: UTF8.self))
    }
  }

  private mutating func takeControl() -> [UInt8] {
    defer { control = [] }
    return control
  }

  private mutating func closeReason(_ payload: [UInt8]) throws(WebSocketError) -> WebSocketClose {
    if payload.isEmpty {
      state = .closed
      return WebSocketClose()
    }
    guard payload.count >= 2 else { throw violation("a close frame with half a code") }
    let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
    guard WebSocketClose.mayBeSent(code) else { throw violation("the close code \(code), which may not be sent") }
    guard let reason = String(validating: payload[2...], as: UTF8.self) else {
      throw WebSocketError(closeCode: WebSocketClose.invalidPayload, problem: "a close reason that is no UTF-8")
    }
    state = .closed
    return WebSocketClose(code: code, reason: reason)
  }

  private func violation(_ problem: String) -> WebSocketError {
    WebSocketError(closeCode: WebSocketClose.protocolError, problem: problem)
  }
}
