// Reads the head of an HTTP/1.1 message: start line and header fields (RFC 9112, sections 2–5).
//
// Why not NIOHTTP1's: the bounds must hold before anything is buffered and answer 414 or 431, the order and depth of
// pipelined requests and the change to a WebSocket are decided by the machine's effects, and one pass over the bytes is
// twice as fast. Strict where leniency lets two readers disagree (request smuggling): lines end in CR LF, no folded
// fields, no space before the colon, no control bytes, one Content-Length, never together with Transfer-Encoding.
// Limits: `LiveLimits`.

import NIOCore
import Vocabulary

/// A head as it stood on the wire: three words of the start line and the fields.
struct HTTPHead {
  var first: String
  var second: String
  var third: String
  var headers: Headers
}

/// Finds and reads one head in a growing buffer.
struct HTTPHeadReader {
  /// Whose heads they are.
  enum Side {
    case request
    /// The third word is a phrase for people, in whatever encoding (RFC 9112, section 4).
    case response
  }

  private let side: Side
  /// How far the end of the head has been looked for, from the buffer's reader index.
  private var searched = 0
  private var emptyLines = 0
  /// Whether the head that was read last, or a part of it, is that of a HEAD request: the answer has no body, also
  /// where it is a refusal.
  private(set) var isOfHeadRequest = false

  private static let headMethod = Array("HEAD ".utf8)

  init(_ side: Side = .request) { self.side = side }

  /// The next head, or nil where its end has not come yet.
  mutating func next(_ buffer: inout ByteBuffer, _ limits: LiveLimits) throws(HTTPRefusal) -> HTTPHead? {
    // A robust reader skips an empty line before a start line (RFC 9112, section 2.2); more than two are garbage.
    while searched == 0, emptyLines < 2, buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) == 0x0D0A {
      buffer.moveReaderIndex(forwardBy: 2)
      emptyLines += 1
    }
    isOfHeadRequest = HTTPHeadReader.headMethod.elementsEqual(buffer.readableBytesView.prefix(HTTPHeadReader.headMethod.count))
    let from = searched
    let found: (end: Int?, firstLine: Int?) = buffer.withUnsafeReadableBytes { bytes in
      HTTPHeadReader.findEnd(bytes, from: from, limit: limits.headBytes)
    }
    guard let end = found.end else {
      searched = max(0, min(buffer.readableBytes, limits.headBytes) - 3)
      if buffer.readableBytes > limits.requestLineBytes, found.firstLine ?? .max > limits.requestLineBytes {
        throw .targetTooLong(limitBytes: limits.requestLineBytes)
      }
      if buffer.readableBytes >= limits.headBytes {
        throw .headTooLong(limitBytes: limits.headBytes)
      }
      return nil
    }
    searched = 0
    emptyLines = 0
    let side = side
    let result: Result<HTTPHead, HTTPRefusal> = buffer.withUnsafeReadableBytes { bytes in
      do throws(HTTPRefusal) {
        return .success(try HTTPHeadReader.read(UnsafeRawBufferPointer(rebasing: bytes[0..<end]), side, limits))
      } catch {
        return .failure(error)
      }
    }
    buffer.moveReaderIndex(forwardBy: end)
    return try result.get()
  }

  /// Where the head ends (after its empty line), and where its first line ends, looking at most `limit` bytes far.
  private static func findEnd(_ bytes: UnsafeRawBufferPointer, from: Int, limit: Int) -> (end: Int?, firstLine: Int?) {
    let count = min(bytes.count, limit)
    var firstLine: Int?
    var index = from
    if from > 0 { firstLine = bytes[0..<from].firstIndex(of: 0x0A) }
    while index < count, let newline = bytes[index..<count].firstIndex(of: 0x0A) {
      if firstLine == nil { firstLine = newline }
      if newline >= 3, bytes[newline - 1] == 0x0D, bytes[newline - 2] == 0x0A, bytes[newline - 3] == 0x0D {
        return (newline + 1, firstLine)
      }
      // A bare line feed before another: the strict reading below refuses it, but it must not be waited on for ever.
      if newline >= 1, bytes[newline - 1] == 0x0A { return (newline + 1, firstLine) }
      index = newline + 1
    }
    return (nil, firstLine)
  }

  private static func read(
    _ bytes: UnsafeRawBufferPointer, _ side: Side, _ limits: LiveLimits
  ) throws(HTTPRefusal) -> HTTPHead {
    var position = 0
    let startLine = try line(bytes, &position)
    guard startLine.count <= limits.requestLineBytes else {
      throw .targetTooLong(limitBytes: limits.requestLineBytes)
    }
    var words: [String] = []
    words.reserveCapacity(3)
    var wordStart = startLine.startIndex
    for index in startLine.indices where startLine[index] == 0x20 && words.count < 2 {
      words.append(String(decoding: startLine[wordStart..<index], as: UTF8.self))
      wordStart = index + 1
    }
    words.append(String(decoding: startLine[wordStart...], as: UTF8.self))
    guard words.count >= 2, !words[0].isEmpty, !words[1].isEmpty else { throw .malformed("the start line is not three words") }
    let phraseStart = side == .response && words.count > 2 ? wordStart : startLine.endIndex
    for byte in startLine[..<phraseStart] where byte < 0x20 || byte >= 0x7F {
      throw .malformed("the start line holds a byte that is not printable ASCII")
    }
    for byte in startLine[phraseStart...] where (byte < 0x20 && byte != 0x09) || byte == 0x7F {
      throw .malformed("the phrase of the status line holds a control byte")
    }
    var headers = Headers()
    while true {
      let fieldLine = try line(bytes, &position)
      if fieldLine.isEmpty { break }
      guard headers.fields.count < limits.headerFields else {
        throw .tooManyFields(limit: limits.headerFields)
      }
      headers.fields.append(try field(fieldLine))
    }
    return HTTPHead(first: words[0], second: words[1], third: words.count > 2 ? words[2] : "", headers: headers)
  }

  private static func line(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) throws(HTTPRefusal) -> UnsafeRawBufferPointer {
    guard let newline = bytes[position...].firstIndex(of: 0x0A), newline > position, bytes[newline - 1] == 0x0D else {
      throw .malformed("a line of the head does not end in CR LF")
    }
    defer { position = newline + 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(newline - 1)])
  }

  private static func field(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Headers.Field {
    guard let colon = line.firstIndex(of: 0x3A), colon > 0 else { throw .malformed("a header field has no name") }
    for byte in line[0..<colon] where !isTokenByte(byte) { throw .malformed("a header field's name is not a token") }
    var start = colon + 1
    var end = line.count
    while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
    while end > start, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
    for byte in line[start..<end] where (byte < 0x20 && byte != 0x09) || byte == 0x7F {
      throw .malformed("a header field's value holds a control byte")
    }
    return Headers.Field(
      name: String(decoding: line[0..<colon], as: UTF8.self), value: String(decoding: line[start..<end], as: UTF8.self))
  }

  /// Whether `byte` may stand in a token (RFC 9110, section 5.6.2).
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
  }
}
