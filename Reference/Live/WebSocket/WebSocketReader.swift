// Reading a WebSocket connection (RFC 6455, section 5): bytes in whatever pieces, messages out.
//
// A pure machine. Fragments are joined, control frames come out between them, masks are removed. Refused, each with the
// code to close with: wrong masking, reserved bits and opcodes, lengths not in their shortest form, fragmented or long
// control frames, wrong order of fragments, text that is no UTF-8 (at its first wrong byte, not at its end), bad close
// frames, messages over the limit (by the header, before their bytes are kept). Keeps no bytes between messages.

import NIOCore
import Vocabulary
import Wire

/// The opcodes of frames (RFC 6455, section 5.2).
enum WebSocketOpcode: UInt8 {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  var isControl: Bool { rawValue >= 0x8 }
}

/// Why a connection must be failed (RFC 6455, section 7.1.7).
struct WebSocketViolation: Error, Equatable {
  var closure: StreamClosure
}

/// Joins bytes to messages.
struct WebSocketReader {
  /// What arrives.
  enum Input: Equatable {
    case message([UInt8], isText: Bool)
    /// To be answered by a pong with the same payload.
    case ping([UInt8])
    case pong
    /// To be answered by a close, if none was sent yet.
    case close(StreamClosure)
  }

  private struct Header {
    var isFinal: Bool
    var opcode: WebSocketOpcode
    var mask: UInt32?
    /// How many bytes of the payload are taken, and how many there are.
    var taken = 0
    var count: Int
  }

  /// Whether frames must be masked; else they must not be.
  private let expectsMasks: Bool
  /// Longest message that is taken.
  var limitBytes: Int
  private var header: Header?
  /// The kind of the message whose parts are being gathered; nil between messages.
  private var messageOpcode: WebSocketOpcode?
  private var message: [UInt8] = []
  private var textCheck = UTF8Validator()
  private var control: [UInt8] = []

  /// A reader at the start of a connection, of messages of at most `limitBytes`.
  init(expectsMasks: Bool, limitBytes: Int) {
    self.expectsMasks = expectsMasks
    self.limitBytes = limitBytes
  }

  /// Memory that a message takes which is not complete.
  var unfinishedBytes: Int { message.capacity }

  /// What has come of a message is not wanted any more.
  mutating func drop() { message = [] }

  /// Takes the next input from `bytes`; nil when more are needed.
  mutating func next(_ bytes: inout ByteBuffer) throws(WebSocketViolation) -> Input? {
    // Each turn takes a header or ends a frame.
    while true {
      if header == nil {
        guard let read = try readHeader(&bytes) else { return nil }
        header = read
      }
      guard try readPayload(&bytes) else { return nil }
      if let input = try finishFrame() { return input }
    }
  }

  // MARK: - Header

  private func readHeader(_ bytes: inout ByteBuffer) throws(WebSocketViolation) -> Header? {
    let at = bytes.readerIndex
    guard let first = bytes.getInteger(at: at, as: UInt8.self), let second = bytes.getInteger(at: at + 1, as: UInt8.self) else {
      // Half a header, but what it says may be wrong already.
      if let first = bytes.getInteger(at: at, as: UInt8.self) { _ = try opcode(first) }
      return nil
    }
    let opcode = try opcode(first)
    let isMasked = second & 0x80 != 0
    guard isMasked == expectsMasks else { throw Self.broken }
    let short = Int(second & 0x7F)
    if opcode.isControl && short > 125 { throw Self.broken }
    let count: Int
    let lengthBytes: Int
    switch short {
    case 126:
      guard let long = bytes.getInteger(at: at + 2, as: UInt16.self) else { return nil }
      guard long > 125 else { throw Self.broken }
      (count, lengthBytes) = (Int(long), 2)
    case 127:
      guard let long = bytes.getInteger(at: at + 2, as: UInt64.self) else { return nil }
      guard long > 0xFFFF, let exact = Int(exactly: long) else { throw Self.broken }
      (count, lengthBytes) = (exact, 8)
    default: (count, lengthBytes) = (short, 0)
    }
    if !opcode.isControl && count > limitBytes - message.count { throw WebSocketViolation(closure: .messageTooLarge) }
    var mask: UInt32?
    if isMasked {
      guard let key = bytes.getInteger(at: at + 2 + lengthBytes, as: UInt32.self) else { return nil }
      mask = key
    }
    bytes.moveReaderIndex(forwardBy: 2 + lengthBytes + (isMasked ? 4 : 0))
    return Header(isFinal: first & 0x80 != 0, opcode: opcode, mask: mask, count: count)
  }

  /// The opcode in a frame's first byte, where it may stand here.
  private func opcode(_ first: UInt8) throws(WebSocketViolation) -> WebSocketOpcode {
    guard first & 0x70 == 0, let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw Self.broken }
    if opcode.isControl {
      guard first & 0x80 != 0 else { throw Self.broken }
    } else {
      guard (opcode == .continuation) == (messageOpcode != nil) else { throw Self.broken }
    }
    return opcode
  }

  private static let broken = WebSocketViolation(closure: .protocolError)

  // MARK: - Payload

  /// Moves what there is of the payload; true when it is complete.
  private mutating func readPayload(_ bytes: inout ByteBuffer) throws(WebSocketViolation) -> Bool {
    guard var current = header else { return false }
    let count = min(current.count - current.taken, bytes.readableBytes)
    if current.opcode.isControl {
      Self.move(count, of: &bytes, current, onto: &control)
    } else {
      if current.opcode != .continuation && current.taken == 0 {
        messageOpcode = current.opcode
        textCheck = UTF8Validator()
      }
      let start = message.count
      Self.move(count, of: &bytes, current, onto: &message)
      if messageOpcode == .text && count > 0 {
        // A copy, since the check changes while the message is looked at.
        var check = textCheck
        let wrong = check.firstInvalidByte(in: message.span.extracting(start..<message.count))
        textCheck = check
        guard wrong == nil else { throw WebSocketViolation(closure: .invalidPayload) }
      }
    }
    current.taken += count
    header = current
    return current.taken == current.count
  }

  private static func move(_ count: Int, of bytes: inout ByteBuffer, _ current: Header, onto array: inout [UInt8]) {
    guard count > 0 else { return }
    let start = array.count
    // What comes in one piece takes no more room than it needs; what comes in many is not copied with each.
    if start == 0 { array.reserveCapacity(count) }
    bytes.readWithUnsafeReadableBytes { pointer in
      array.append(contentsOf: UnsafeRawBufferPointer(rebasing: pointer[0..<count]))
      return count
    }
    if let mask = current.mask { applyMask(mask, phase: current.taken, to: &array, from: start) }
  }

  // MARK: - Ends of frames

  private mutating func finishFrame() throws(WebSocketViolation) -> Input? {
    guard let ended = header else { return nil }
    header = nil
    switch ended.opcode {
    case .ping: return .ping(takeControl())
    case .pong:
      control = []
      return .pong
    case .close: return .close(try Self.closure(takeControl()))
    case .continuation, .text, .binary:
      guard ended.isFinal, let opcode = messageOpcode else { return nil }
      guard opcode == .binary || textCheck.isAtBoundary else { throw WebSocketViolation(closure: .invalidPayload) }
      let whole = message
      message = []
      messageOpcode = nil
      return .message(whole, isText: opcode == .text)
    }
  }

  private mutating func takeControl() -> [UInt8] {
    let taken = control
    control = []
    return taken
  }

  private static func closure(_ payload: [UInt8]) throws(WebSocketViolation) -> StreamClosure {
    if payload.isEmpty { return .noCode }
    guard payload.count >= 2 else { throw broken }
    let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
    guard StreamClosure.mayBeSent(code) else { throw broken }
    guard let closure = StreamClosure(code: code, reason: Array(payload[2...])) else { throw WebSocketViolation(closure: .invalidPayload) }
    return closure
  }
}

/// XORs bytes with the mask, whose first byte (the highest) goes with the first byte of the payload (RFC 6455, section
/// 5.3). `phase` is how many bytes of the payload came before.
func applyMask(_ mask: UInt32, phase: Int, to bytes: inout [UInt8], from start: Int) {
  bytes.withUnsafeMutableBytes { applyMask(mask, phase: phase, to: UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
}

/// See `applyMask(_:phase:to:from:)`.
func applyMask(_ mask: UInt32, phase: Int, to buffer: UnsafeMutableRawBufferPointer) {
  let turned = phase & 3 == 0 ? mask : mask << UInt32(8 * (phase & 3)) | mask >> UInt32(32 - 8 * (phase & 3))
  let wide = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
  var offset = 0
  while offset &+ 8 <= buffer.count {
    let word = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    buffer.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
    offset &+= 8
  }
  var shift: UInt32 = 24
  while offset < buffer.count {
    buffer[offset] ^= UInt8(truncatingIfNeeded: turned >> shift)
    // Eight bytes before are two turns of the mask, so that the rest begins with its first byte again.
    shift = shift == 0 ? 24 : shift &- 8
    offset &+= 1
  }
}
