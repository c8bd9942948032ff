// UTF-8 checked piece by piece, wherever the pieces are cut; refuses at the first wrong byte.
//
// Follows table 3-7 of the Unicode Standard (well-formed byte sequences): no overlong forms, no surrogates, nothing
// above U+10FFFF. For texts that arrive in fragments (WebSocket messages, streamed bodies); whole texts use the
// standard library.

/// The state between two pieces of UTF-8.
@frozen
public struct UTF8Validator: Sendable, Equatable {
  /// How many continuation bytes the current scalar still needs.
  @usableFromInline var missing: UInt8 = 0
  /// The bounds of the next continuation byte.
  @usableFromInline var low: UInt8 = 0x80
  @usableFromInline var high: UInt8 = 0xBF

  /// At the start of a text.
  @inlinable
  public init() {}

  /// Whether the text could end here.
  @inlinable public var isAtBoundary: Bool { missing == 0 }

  /// Takes the next piece; returns the offset of its first wrong byte, nil when there is none.
  public mutating func firstInvalidByte(in piece: Span<UInt8>) -> Int? {
    var offset = 0
    let raw = piece.bytes
    while offset < piece.count {
      if missing == 0 {
        while offset &+ 8 <= piece.count, raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
          offset &+= 8
        }
        guard offset < piece.count else { return nil }
      }
      guard take(piece[offset]) else { return offset }
      offset &+= 1
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    if missing > 0 {
      guard byte >= low, byte <= high else { return false }
      missing &-= 1
      (low, high) = (0x80, 0xBF)
      return true
    }
    switch byte {
    case 0x00...0x7F: return true
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, low) = (2, 0xA0)
    case 0xED: (missing, high) = (2, 0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: (missing, low) = (3, 0x90)
    case 0xF4: (missing, high) = (3, 0x8F)
    case 0xF1...0xF3: missing = 3
    default: return false
    }
    return true
  }
}
