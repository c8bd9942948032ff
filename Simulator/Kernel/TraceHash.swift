// The trace hash: one number for all that happened in a run, payload bytes included. Equal seeds must give equal hashes
// on any machine and in any process; a run whose hash differs is another run.
//
// Mixing: 64×64→128-bit multiply and fold (as in wyhash, Wang Yi 2019). Not for cryptography.

/// A running hash over times, nodes, kinds and bytes.
@frozen public struct TraceHash: Sendable, Hashable, CustomStringConvertible {
  @usableFromInline var state: UInt64

  /// The hash of nothing, for a run of `seed`.
  @inlinable public init(seed: UInt64) { state = seed ^ 0xA076_1D64_78BD_642F }

  /// A hash that was taken elsewhere.
  @inlinable public init(value: UInt64) { state = value }

  /// The hash so far.
  @inlinable public var value: UInt64 { state }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Mixes one word in.
  @inlinable public mutating func mix(_ word: UInt64) {
    let product = (state ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    state = (product.high ^ product.low) &+ 0x8EBC_6AF0_9C88_C6E3
  }

  /// Mixes two words in, in this order, at the price of one. As in wyhash, one first word in 2⁶⁴ makes the rest not count;
  /// nobody here chooses words by that.
  @inlinable public mutating func mix(_ first: UInt64, _ second: UInt64) {
    let product = (first ^ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: state ^ second)
    state = (product.high ^ product.low) &+ 0x8EBC_6AF0_9C88_C6E3
  }

  /// Mixes bytes and their count in, sixteen at a time.
  @inlinable public mutating func mix(_ bytes: [UInt8]) { mix(0, bytes) }

  /// Mixes a word, bytes and their count in.
  @inlinable public mutating func mix(_ word: UInt64, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { mix(word, $0) }
  }

  /// Mixes bytes and their count in, sixteen at a time.
  @inlinable public mutating func mix(_ bytes: UnsafeRawBufferPointer) { mix(0, bytes) }

  /// Mixes a word, bytes and their count in.
  @inlinable public mutating func mix(_ word: UInt64, _ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    mix(word, UInt64(truncatingIfNeeded: count))
    func load(_ offset: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    var offset = 0
    while count - offset >= 16 {
      mix(load(offset), load(offset + 8))
      offset += 16
    }
    if count - offset >= 8 {
      mix(load(offset))
      offset += 8
    }
    if offset < count {
      var tail: UInt64 = 0
      while offset < count {
        tail = tail << 8 | UInt64(bytes[offset])
        offset += 1
      }
      mix(tail)
    }
  }

  /// Mixes the UTF-8 bytes of `text` in.
  @inlinable public mutating func mix(_ text: String) {
    var text = text
    text.withUTF8 { mix(UnsafeRawBufferPointer($0)) }
  }
}
