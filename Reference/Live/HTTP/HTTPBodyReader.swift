// Reads the body of an HTTP/1.1 message by its framing: a length, chunks, or the end of the connection (RFC 9112,
// sections 6 and 7).
//
// Limits: a chunk's size line is at most 256 bytes (extensions are skipped), trailers at most the head's limit (they
// are dropped).

import NIOCore
import Vocabulary

/// How the end of a body is told.
enum HTTPBodyFraming: Hashable {
  case empty
  case length(Int)
  case chunked
  case untilClose

  /// The framing that `headers` declare, or nil where they declare none.
  static func declared(_ headers: Headers, isVersion10: Bool) throws(HTTPRefusal) -> HTTPBodyFraming? {
    let encodings = headers.count(of: "transfer-encoding")
    let lengths = headers.count(of: "content-length")
    if encodings > 0 {
      guard lengths == 0 else { throw .malformed("Content-Length and Transfer-Encoding exclude each other") }
      guard !isVersion10 else { throw .malformed("HTTP/1.0 has no Transfer-Encoding") }
      guard encodings == 1, headers["transfer-encoding"]?.isSameToken(as: "chunked") == true else {
        throw HTTPRefusal(501, "UNSUPPORTED_ENCODING", "the only transfer encoding here is chunked")
      }
      return .chunked
    }
    guard lengths > 0 else { return nil }
    guard lengths == 1, let text = headers["content-length"], (1...18).contains(text.utf8.count),
      text.isDecimalDigits, let length = Int(text)
    else { throw .malformed("Content-Length must be one number of at most 18 digits") }
    return length == 0 ? .empty : .length(length)
  }
}

/// One step in a body.
enum HTTPBodyStep {
  case needsMore
  case bytes(ByteBuffer)
  case end
}

/// The place in a body.
struct HTTPBodyReader {
  private enum State {
    case length(Int)
    case chunkSize
    case chunk(Int)
    case chunkEnd
    case trailers(usedBytes: Int)
    case untilClose
    case done
  }

  private var state: State

  init(_ framing: HTTPBodyFraming) {
    switch framing {
    case .empty: state = .done
    case .length(let count): state = .length(count)
    case .chunked: state = .chunkSize
    case .untilClose: state = .untilClose
    }
  }

  /// The next bytes, at most `limit` (above zero) of them.
  mutating func next(_ buffer: inout ByteBuffer, atMost limit: Int, _ limits: LiveLimits) throws(HTTPRefusal) -> HTTPBodyStep {
    // Each pass either returns or goes on to a later state of the same chunk, so there are few.
    while true {
      switch state {
      case .done: return .end
      case .untilClose:
        guard let slice = HTTPBodyReader.slice(&buffer, limit) else { return .needsMore }
        return .bytes(slice)
      case .length(let left):
        guard let slice = HTTPBodyReader.slice(&buffer, min(left, limit)) else { return .needsMore }
        state = left == slice.readableBytes ? .done : .length(left - slice.readableBytes)
        return .bytes(slice)
      case .chunk(let left):
        guard let slice = HTTPBodyReader.slice(&buffer, min(left, limit)) else { return .needsMore }
        state = left == slice.readableBytes ? .chunkEnd : .chunk(left - slice.readableBytes)
        return .bytes(slice)
      case .chunkEnd:
        guard let end = buffer.readInteger(as: UInt16.self) else { return .needsMore }
        guard end == 0x0D0A else { throw .malformed("a chunk does not end in CR LF") }
        state = .chunkSize
      case .chunkSize:
        guard let line = try HTTPBodyReader.line(&buffer, limitBytes: 256) else { return .needsMore }
        let size = try HTTPBodyReader.chunkSize(line)
        state = size == 0 ? .trailers(usedBytes: 0) : .chunk(size)
      case .trailers(let usedBytes):
        guard let line = try HTTPBodyReader.line(&buffer, limitBytes: limits.headBytes) else { return .needsMore }
        if line.readableBytes == 0 {
          state = .done
        } else {
          try Self.checkTrailer(line)
          let used = usedBytes + line.readableBytes
          guard used <= limits.headBytes else { throw HTTPRefusal(431, "HEAD_TOO_LARGE", "the trailers are too long") }
          state = .trailers(usedBytes: used)
        }
      }
    }
  }

  /// The connection ended: whether the body did too.
  var endsWithConnection: Bool {
    switch state {
    case .untilClose, .done: true
    case .length, .chunkSize, .chunk, .chunkEnd, .trailers: false
    }
  }

  private static func slice(_ buffer: inout ByteBuffer, _ most: Int) -> ByteBuffer? {
    let count = min(buffer.readableBytes, most)
    return count > 0 ? buffer.readSlice(length: count) : nil
  }

  private static func line(_ buffer: inout ByteBuffer, limitBytes: Int) throws(HTTPRefusal) -> ByteBuffer? {
    let view = buffer.readableBytesView.prefix(limitBytes + 2)
    guard let newline = view.firstIndex(of: 0x0A) else {
      if view.count > limitBytes { throw .malformed("a line of a chunked body is longer than \(limitBytes) bytes") }
      return nil
    }
    let count = newline - view.startIndex
    guard count >= 1, view[newline - 1] == 0x0D, var line = buffer.readSlice(length: count + 1) else {
      throw .malformed("a line of a chunked body does not end in CR LF")
    }
    line.moveWriterIndex(to: line.writerIndex - 2)
    return line
  }

  /// The size that stands in a chunk's first line; an extension behind it is passed over where it is well formed, so that
  /// no other reader takes another size, or another line, from it.
  private static func chunkSize(_ line: ByteBuffer) throws(HTTPRefusal) -> Int {
    var size = 0
    var digits = 0
    var isSizeOver = false
    var isExtension = false
    for byte in line.readableBytesView {
      let digit: UInt8
      switch byte {
      case 0x30...0x39 where !isSizeOver: digit = byte - 0x30
      case 0x41...0x46 where !isSizeOver: digit = byte - 0x41 + 10
      case 0x61...0x66 where !isSizeOver: digit = byte - 0x61 + 10
      default:
        guard digits > 0 else { throw .malformed("a chunk's size is not hexadecimal") }
        isSizeOver = true
        let isSpace = byte == 0x20 || byte == 0x09
        if byte == 0x3B { isExtension = true }
        guard isExtension ? byte >= 0x20 && byte != 0x7F || isSpace : isSpace else {
          throw .malformed("a chunk's size is followed by neither its line's end nor an extension")
        }
        continue
      }
      digits += 1
      guard digits <= 15 else { throw .malformed("a chunk's size has more than 15 digits") }
      size = size * 16 + Int(digit)
    }
    guard digits > 0 else { throw .malformed("a chunk has no size") }
    return size
  }

  /// Holds a trailer against the form of a field, though it is dropped: another reader may take it for something else.
  private static func checkTrailer(_ line: ByteBuffer) throws(HTTPRefusal) {
    var isName = true
    var nameBytes = 0
    for byte in line.readableBytesView {
      if isName {
        if byte == 0x3A {
          isName = false
          continue
        }
        nameBytes += 1
        guard HTTPHeadReader.isTokenByte(byte) else { throw .malformed("a trailer is no field") }
      } else {
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw .malformed("a trailer's value has a control character") }
      }
    }
    guard !isName, nameBytes > 0 else { throw .malformed("a trailer is no field") }
  }
}
