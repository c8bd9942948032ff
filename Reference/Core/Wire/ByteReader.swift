// Reading binary records: fixed little-endian integers, varints, and lengths with bytes or text behind them.
//
// Every read checks the end first and throws a `ByteError` with the offset and what was expected; nothing traps and no
// length from outside is allocated before its bytes are known to be there. After an error the position is where the
// failed read began. Serves MONITORING-9 (journal), -11 (binary batches), -15 (blocks).

/// Why bytes cannot be read, and where.
public struct ByteError: Error, Equatable, CustomStringConvertible {
  /// The offset in the buffer, from 0, in bytes.
  public var offset: Int
  /// What was expected: `a 32-bit integer`.
  public var expected: String
  /// What was there instead: `the end after 2 bytes`.
  public var found: String

  /// An error at an offset.
  public init(offset: Int, expected: String, found: String) {
    self.offset = offset
    self.expected = expected
    self.found = found
  }

  /// `byte 12: expected a 32-bit integer, found the end after 2 bytes`.
  public var description: String { "byte \(offset): expected \(expected), found \(found)" }
}

/// A position in an array of bytes, from which records are read forward.
@frozen
public struct ByteReader: Sendable {
  /// The bytes.
  public let bytes: [UInt8]
  /// Where the next read begins, from 0.
  @inlinable public var position: Int { cursor }
  @usableFromInline var cursor: Int
  /// Where reading ends; at most `bytes.count`.
  public let end: Int

  /// Reads a whole array.
  @inlinable
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    cursor = 0
    end = bytes.count
  }

  /// Reads a part of an array; a part that reaches outside is cut down to what is there.
  @inlinable
  public init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    cursor = min(max(0, range.lowerBound), bytes.count)
    end = max(cursor, min(range.upperBound, bytes.count))
  }

  /// How many bytes are left.
  @inlinable public var remaining: Int { end &- cursor }

  /// Whether all is read.
  @inlinable public var isAtEnd: Bool { cursor == end }

  // MARK: Fixed integers

  /// A little-endian integer of any fixed width. Throws at the end of the bytes.
  @inlinable
  public mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type = Number.self) throws(ByteError) -> Number {
    let size = MemoryLayout<Number>.size
    guard end &- cursor >= size else { throw atEnd(expecting: "a \(size &* 8)-bit integer") }
    let start = cursor
    cursor &+= size
    return bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Number.self)) }
  }

  /// One byte.
  @inlinable
  public mutating func byte() throws(ByteError) -> UInt8 {
    guard cursor < end else { throw atEnd(expecting: "a byte") }
    defer { cursor &+= 1 }
    return bytes[cursor]
  }

  /// A double, by its 64 bits: NaN payloads and −0 survive.
  @inlinable
  public mutating func double() throws(ByteError) -> Double {
    Double(bitPattern: try fixed(UInt64.self))
  }

  // MARK: Varints

  /// An unsigned LEB128 integer of up to ten bytes. Throws when it is cut off, exceeds 64 bits, or is longer than it
  /// must be (so that every number has one spelling, and equal records have equal checksums).
  @inlinable
  public mutating func varint() throws(ByteError) -> UInt64 {
    if cursor < end, bytes[cursor] < 0x80 {
      defer { cursor &+= 1 }
      return UInt64(bytes[cursor])
    }
    return try longVarint()
  }

  @usableFromInline
  mutating func longVarint() throws(ByteError) -> UInt64 {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    var offset = cursor
    while true {
      guard offset < end else { throw atEnd(expecting: "a varint") }
      let byte = bytes[offset]
      offset &+= 1
      if shift == 63, byte > 1 { throw ByteError(offset: cursor, expected: "a varint of at most 64 bits", found: "a longer one") }
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 {
        if byte == 0, shift > 0 { throw ByteError(offset: cursor, expected: "a varint in its shortest form", found: "a longer one") }
        cursor = offset
        return result
      }
      shift &+= 7
    }
  }

  /// A varint that fits a signed integer. Throws for one of 2^63 or more.
  @inlinable
  public mutating func integer() throws(ByteError) -> Int64 {
    let start = cursor
    let number = try varint()
    guard let integer = Int64(exactly: number) else {
      cursor = start
      throw ByteError(offset: start, expected: "a number below 2^63", found: "\(number)")
    }
    return integer
  }

  /// A signed integer in zigzag order (0, −1, 1, −2 …), as a varint.
  @inlinable
  public mutating func zigzag() throws(ByteError) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
  }

  /// A varint that counts things of at least `minimumBytesEach` bytes, so that a forged count cannot ask for more
  /// memory than the bytes that are left could fill.
  @inlinable
  public mutating func count(minimumBytesEach: Int = 1) throws(ByteError) -> Int {
    let start = cursor
    let count = try varint()
    guard count <= UInt64(remaining / max(1, minimumBytesEach)) else {
      cursor = start
      throw ByteError(offset: start, expected: "a count that fits the bytes left", found: "\(count)")
    }
    return Int(count)
  }

  // MARK: Bytes and text

  /// So many bytes.
  @inlinable
  public mutating func raw(count: Int) throws(ByteError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else { throw atEnd(expecting: "\(count) bytes") }
    defer { cursor &+= count }
    return bytes[cursor..<(cursor &+ count)]
  }

  /// Bytes with their length before them, as a varint. Throws when they are more than `maximumBytes`.
  @inlinable
  public mutating func prefixedBytes(maximumBytes: Int = .max) throws(ByteError) -> [UInt8] {
    let range = try prefixedRange(maximumBytes: maximumBytes)
    return Array(bytes[range])
  }

  /// Where bytes with their length before them lie, without a copy of them. Throws when they are more than
  /// `maximumBytes`.
  @inlinable
  public mutating func prefixedExtent(maximumBytes: Int = .max) throws(ByteError) -> Range<Int> {
    // Short ones, which nearly all are, cost one look.
    if cursor < end, bytes[cursor] < 0x80 {
      let count = Int(bytes[cursor])
      if count <= maximumBytes, count < end &- cursor {
        let first = cursor &+ 1
        cursor = first &+ count
        return first..<cursor
      }
    }
    return try prefixedRange(maximumBytes: maximumBytes)
  }

  /// Goes forward over bytes with their length before them. Throws when they are more than `maximumBytes`.
  @inlinable
  public mutating func skipPrefixed(maximumBytes: Int = .max) throws(ByteError) {
    _ = try prefixedExtent(maximumBytes: maximumBytes)
  }

  /// UTF-8 text with its length in bytes before it, as a varint. Throws when it is too long or no valid UTF-8.
  @inlinable
  public mutating func prefixedString(maximumBytes: Int = .max) throws(ByteError) -> String {
    let start = cursor
    let range = try prefixedRange(maximumBytes: maximumBytes)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      cursor = start
      throw ByteError(offset: start, expected: "valid UTF-8", found: "other bytes")
    }
    return text
  }

  @usableFromInline
  mutating func prefixedRange(maximumBytes: Int) throws(ByteError) -> Range<Int> {
    let start = cursor
    let count = try varint()
    guard count <= UInt64(max(0, maximumBytes)) else {
      cursor = start
      throw ByteError(offset: start, expected: "at most \(maximumBytes) bytes", found: "a length of \(count)")
    }
    guard count <= UInt64(remaining) else {
      let left = remaining
      cursor = start
      throw ByteError(offset: start, expected: "\(count) bytes", found: "the end after \(left)")
    }
    let first = cursor
    cursor = first + Int(count)
    return first..<cursor
  }

  /// Goes forward without reading.
  @inlinable
  public mutating func skip(_ count: Int) throws(ByteError) {
    guard count >= 0, count <= remaining else { throw atEnd(expecting: "\(count) bytes") }
    cursor &+= count
  }

  /// Throws unless all is read.
  @inlinable
  public func expectEnd() throws(ByteError) {
    guard isAtEnd else { throw ByteError(offset: cursor, expected: "the end", found: "\(remaining) more bytes") }
  }

  @usableFromInline @inline(never)
  func atEnd(expecting what: String) -> ByteError {
    ByteError(offset: cursor, expected: what, found: "the end after \(remaining) bytes")
  }
}
