// Writing binary records: the counterpart of `ByteReader`, byte for byte.
//
// Appends only; nothing can fail. Fixed integers can be patched afterwards (a length or a checksum before its payload).

/// Appends binary records to an array of bytes.
@frozen
public struct ByteWriter: Sendable {
  /// What is written so far.
  @inlinable public var bytes: [UInt8] { buffer }
  @usableFromInline var buffer: [UInt8]

  /// An empty writer.
  @inlinable
  public init(capacity: Int = 0) {
    buffer = []
    if capacity > 0 { buffer.reserveCapacity(capacity) }
  }

  /// A writer that appends to what is there already: hand the buffer over with `consume`, or it is copied.
  @inlinable
  public init(appendingTo content: consuming [UInt8]) {
    buffer = content
  }

  /// How many bytes are written.
  @inlinable public var count: Int { buffer.count }

  /// The bytes, without a copy.
  @inlinable
  public consuming func finish() -> [UInt8] { buffer }

  /// Forgets the bytes and keeps the memory.
  @inlinable
  public mutating func removeAll() {
    buffer.removeAll(keepingCapacity: true)
  }

  /// A little-endian integer of any fixed width.
  @inlinable
  public mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
  }

  /// One byte.
  @inlinable
  public mutating func byte(_ byte: UInt8) {
    buffer.append(byte)
  }

  /// A double, by its 64 bits.
  @inlinable
  public mutating func double(_ double: Double) {
    fixed(double.bitPattern)
  }

  /// An unsigned LEB128 integer, one to ten bytes.
  @inlinable
  public mutating func varint(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A count as a varint; a negative one counts as 0.
  @inlinable
  public mutating func count(_ count: Int) {
    varint(UInt64(max(0, count)))
  }

  /// A signed integer in zigzag order (0, −1, 1, −2 …), as a varint.
  @inlinable
  public mutating func zigzag(_ number: Int64) {
    varint(UInt64(bitPattern: (number << 1) ^ (number >> 63)))
  }

  /// Bytes as they are.
  @inlinable
  public mutating func raw(_ content: some Collection<UInt8>) {
    buffer.append(contentsOf: content)
  }

  /// Bytes with their length before them, as a varint.
  @inlinable
  public mutating func prefixedBytes(_ content: some Collection<UInt8>) {
    varint(UInt64(content.count))
    buffer.append(contentsOf: content)
  }

  /// Text as UTF-8 with its length in bytes before it, as a varint.
  @inlinable
  public mutating func prefixedString(_ text: String) {
    prefixedBytes(text.utf8)
  }

  /// Writes over a fixed integer that stands at an offset; does nothing when it does not lie within the bytes.
  @inlinable
  public mutating func patch<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at offset: Int) {
    guard offset >= 0, offset <= buffer.count &- MemoryLayout<Number>.size else { return }
    buffer.withUnsafeMutableBytes { $0.storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self) }
  }
}
