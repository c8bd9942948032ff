// Bits in order, most significant first, gathered in 64-bit words. MONITORING-15.

/// Appends bit fields.
@frozen
public struct BitWriter: Sendable {
  /// Full words.
  @usableFromInline var words: [UInt64] = []
  /// The bits after the last full word, from the top.
  @usableFromInline var pending: UInt64 = 0
  /// How many bits are pending, 0 … 63.
  @usableFromInline var pendingCount: UInt64 = 0

  /// An empty writer.
  @inlinable
  public init(capacityBytes: Int = 0) {
    if capacityBytes > 0 { words.reserveCapacity((capacityBytes + 7) / 8) }
  }

  /// How many bits are written.
  @inlinable public var bitCount: Int { words.count &* 64 &+ Int(pendingCount) }

  /// Appends the low `count` bits (1 … 64) of a value; its bits above must be 0.
  @inlinable
  public mutating func write(_ value: UInt64, count: UInt64) {
    let free = 64 &- pendingCount
    if count < free {
      pending |= value &<< (free &- count)
      pendingCount &+= count
      return
    }
    let rest = count &- free
    words.append(pending | (value &>> rest))
    // With nothing left over the shift would be by 64, which the masking shift takes as 0.
    pending = rest == 0 ? 0 : value &<< (64 &- rest)
    pendingCount = rest
  }

  /// A header and all bits behind it, filled up with zeros to a whole byte.
  @inlinable
  public func bytes(after header: [UInt8]) -> [UInt8] {
    let tailCount = Int(pendingCount &+ 7) / 8
    let total = header.count + words.count * 8 + tailCount
    // The capacity holds one whole word more than the bits need, so that the last one can be stored at once too.
    return [UInt8](unsafeUninitializedCapacity: header.count + words.count * 8 + 8) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      raw.copyBytes(from: header)
      var offset = header.count
      for word in words {
        raw.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt64.self)
        offset &+= 8
      }
      raw.storeBytes(of: pending.bigEndian, toByteOffset: offset, as: UInt64.self)
      count = total
    }
  }
}
