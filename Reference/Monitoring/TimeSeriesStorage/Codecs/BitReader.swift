// Bits in order, most significant first, out of bytes; the counterpart of `BitWriter`. MONITORING-15.
//
// The position is one number and every read loads the word that it points into: nothing to refill, and the end is
// checked before each read. Past the end `peek` gives zeros and `take` gives nil.

/// Reads bit fields.
@frozen
public struct BitReader: Sendable {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline let endBit: Int
  @usableFromInline var bit: Int

  /// Reads from a byte offset (cut to the bytes there are) to the end.
  @inlinable
  public init(_ bytes: [UInt8], fromByte offset: Int = 0) {
    self.bytes = bytes
    endBit = bytes.count &* 8
    bit = min(max(0, offset), bytes.count) &* 8
  }

  /// How many bits are left.
  @inlinable public var remaining: Int { endBit &- bit }

  /// The next bits at the top of a word: at least 57 of them, zeros behind the end.
  @inlinable
  public func peek() -> UInt64 {
    let offset = bit &>> 3
    if offset &+ 8 <= bytes.count {
      let word = bytes.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
      return word &<< UInt64(bit & 7)
    }
    return peekNearEnd()
  }

  @usableFromInline @inline(never)
  func peekNearEnd() -> UInt64 {
    var word: UInt64 = 0
    let first = bit >> 3
    for offset in first..<(first + 8) { word = word << 8 | (offset < bytes.count ? UInt64(bytes[offset]) : 0) }
    return word &<< UInt64(bit & 7)
  }

  /// Goes forward over bits that were peeked. False, and no step, when there are not so many.
  @inlinable
  public mutating func skip(_ count: Int) -> Bool {
    guard count <= endBit &- bit else { return false }
    bit &+= count
    return true
  }

  /// The next `count` bits (1 … 64) as a number; nil, and no step, when there are not so many.
  @inlinable
  public mutating func take(_ count: Int) -> UInt64? {
    guard count <= endBit &- bit else { return nil }
    if count <= 57 {
      let value = peek() &>> UInt64(64 &- count)
      bit &+= count
      return value
    }
    let high = peek() &>> 32
    bit &+= 32
    let low = peek() &>> UInt64(96 &- count)
    bit &+= count &- 32
    return high &<< UInt64(count &- 32) | low
  }
}
