// Writing WebSocket frames (RFC 6455, section 5), and a message that goes to many connections by one buffer.

import NIOCore
import Vocabulary

/// Writes frames.
enum WebSocketFrames {
  /// Most bytes of a frame's head.
  static let headLimitBytes = 14

  /// One final frame; with a mask where it goes to a server.
  static func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], isMasked: Bool) -> ByteBuffer {
    var frame = ByteBuffer()
    frame.reserveCapacity(payload.count + headLimitBytes)
    writeHead(opcode, payload.count, isMasked: isMasked, into: &frame)
    guard isMasked else {
      frame.writeBytes(payload)
      return frame
    }
    // Against caches between, not against attackers (RFC 6455, section 10.3): fresh chance for each frame.
    let mask = UInt32.random(in: .min ... .max)
    frame.writeInteger(mask)
    frame.writeBytes(payload)
    let start = frame.writerIndex - payload.count
    frame.withUnsafeMutableReadableBytes { bytes in
      applyMask(mask, phase: 0, to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
    }
    return frame
  }

  /// The head of one final frame without a mask.
  static func head(_ opcode: WebSocketOpcode, count: Int) -> ByteBuffer {
    var head = ByteBuffer()
    head.reserveCapacity(headLimitBytes)
    writeHead(opcode, count, isMasked: false, into: &head)
    return head
  }

  private static func writeHead(_ opcode: WebSocketOpcode, _ count: Int, isMasked: Bool, into frame: inout ByteBuffer) {
    let flag: UInt8 = isMasked ? 0x80 : 0
    frame.writeInteger(0x80 | opcode.rawValue)
    if count <= 125 {
      frame.writeInteger(flag | UInt8(count))
    } else if count <= 0xFFFF {
      frame.writeInteger(flag | 126)
      frame.writeInteger(UInt16(count))
    } else {
      frame.writeInteger(flag | 127)
      frame.writeInteger(UInt64(count))
    }
  }

  /// A control frame; of a long payload what fits.
  static func control(_ opcode: WebSocketOpcode, _ payload: [UInt8], isMasked: Bool) -> ByteBuffer {
    frame(opcode, Array(payload.prefix(125)), isMasked: isMasked)
  }

  /// A close frame; without a code where there is none to send.
  static func close(_ closure: StreamClosure, isMasked: Bool) -> ByteBuffer {
    guard StreamClosure.mayBeSent(closure.code) else { return control(.close, [], isMasked: isMasked) }
    return control(.close, [UInt8(closure.code >> 8), UInt8(closure.code & 0xFF)] + closure.reason, isMasked: isMasked)
  }
}

/// One message, or part of a body, on its way to the streams that it is for. Confined to a node's loop.
final class OutgoingMessage {
  /// Up to so many bytes a frame's head and payload are one buffer.
  private static let joinedLimitBytes = 4_096

  let source: [UInt8]
  let isText: Bool
  private var plainBytes: ByteBuffer?
  private var serverFrame: ByteBuffer?
  private var joinedChunk: ByteBuffer?

  init(_ bytes: [UInt8], isText: Bool) {
    source = bytes
    self.isText = isText
  }

  var count: Int { source.count }
  /// Whether its frame is one buffer.
  var isJoined: Bool { count <= Self.joinedLimitBytes }
  var opcode: WebSocketOpcode { isText ? .text : .binary }

  /// The bytes alone, made once.
  var bytes: ByteBuffer {
    if let plainBytes { return plainBytes }
    let made = ByteBuffer(bytes: source)
    plainBytes = made
    return made
  }

  /// The bytes as one chunk of a body, made once; for those that are not long.
  var chunk: ByteBuffer {
    if let joinedChunk { return joinedChunk }
    var made = ByteBuffer()
    made.reserveCapacity(count + 20)
    HTTPWriter.writeChunkHead(count: count, into: &made)
    made.writeBytes(source)
    made.writeStaticString("\r\n")
    joinedChunk = made
    return made
  }

  /// The frame, made once, as a server sends it: whatever number of connections it goes to. Behind the head of a long
  /// one `bytes` follow.
  var frame: (head: ByteBuffer, isWhole: Bool) {
    let isWhole = isJoined
    if let serverFrame { return (serverFrame, isWhole) }
    let made =
      isWhole ? WebSocketFrames.frame(opcode, source, isMasked: false) : WebSocketFrames.head(opcode, count: count)
    serverFrame = made
    return (made, isWhole)
  }
}
