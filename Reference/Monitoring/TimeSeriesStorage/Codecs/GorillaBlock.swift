// Gorilla compression of one block of points: delta-of-delta timestamps and XOR values.
//
// After Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time Series Database", VLDB 2015, §4.1. Bit-exact for
// every Int64 sequence (also unsorted: the arithmetic wraps) and every double (NaN payloads, −0, infinities,
// subnormals). What differs from the paper: nanoseconds instead of seconds, so the buckets of the timestamps are wider
// and the last one holds 64 bits; block headers hold a count. The byte format stands in `GorillaBlock.md`. No checksum
// of its own: the segment has one; what cannot have come from the encoder is refused by a typed error, and no input
// traps or loops. Serves MONITORING-15; as the general fallback among the codecs, MONITORING-16.

import Wire

/// A point of a series.
@frozen
public struct GorillaPoint: Sendable {
  /// Nanoseconds since 1970 UTC.
  public var timestampNanoseconds: Int64
  /// The value, any double.
  public var value: Double

  /// A point.
  @inlinable
  public init(timestampNanoseconds: Int64, value: Double) {
    self.timestampNanoseconds = timestampNanoseconds
    self.value = value
  }
}

/// Why bytes are no Gorilla block.
public enum GorillaError: Error, Equatable, CustomStringConvertible {
  /// The header cannot be read.
  case header(ByteError)
  /// The block has too few bytes for the points that its header counts.
  case countTooLarge(count: UInt64, bytes: Int)
  /// The bits end within a point.
  case truncated(point: Int)
  /// The bits of a point cannot have come from the encoder.
  case corrupt(point: Int, reason: String)
  /// More bits behind the last point than fill up a byte, or other bits than zeros.
  case trailingBits

  /// The problem in words.
  public var description: String {
    switch self {
    case .header(let error): "the header of a Gorilla block, \(error)"
    case .countTooLarge(let count, let bytes): "a Gorilla block of \(bytes) bytes that counts \(count) points"
    case .truncated(let point): "a Gorilla block that ends within point \(point)"
    case .corrupt(let point, let reason): "a Gorilla block with a wrong point \(point): \(reason)"
    case .trailingBits: "a Gorilla block with bits behind its last point"
    }
  }
}

/// Compresses points, one after the other.
@frozen
public struct GorillaEncoder: Sendable {
  /// How many points are in the block.
  @inlinable public var count: Int { points }
  @usableFromInline var points = 0
  @usableFromInline var bits: BitWriter
  @usableFromInline var lastTimestamp: UInt64 = 0
  @usableFromInline var lastDelta: UInt64 = 0
  @usableFromInline var lastValue: UInt64 = 0
  /// The window of the last XOR that was written in full; a length of 0 says that there was none.
  @usableFromInline var windowLeading: UInt64 = 0
  @usableFromInline var windowTrailing: UInt64 = 0
  @usableFromInline var windowLength: UInt64 = 0

  /// An empty block.
  @inlinable
  public init(capacityBytes: Int = 0) {
    bits = BitWriter(capacityBytes: capacityBytes)
  }

  /// The size of the finished block if it ended here, in bytes; at most nine too many.
  @inlinable public var byteCount: Int { (bits.bitCount &+ 7) / 8 &+ 10 }

  /// Appends a point. Timestamps compress best when they ascend evenly, but need not ascend at all.
  @inlinable
  public mutating func append(timestampNanoseconds: Int64, value: Double) {
    let timestamp = UInt64(bitPattern: timestampNanoseconds)
    let valueBits = value.bitPattern
    if points == 0 {
      bits.write(timestamp, count: 64)
      bits.write(valueBits, count: 64)
    } else {
      appendTimestamp(timestamp)
      appendValue(valueBits)
    }
    lastTimestamp = timestamp
    lastValue = valueBits
    points &+= 1
  }

  /// The block.
  @inlinable
  public consuming func finish() -> [UInt8] {
    var header = ByteWriter()
    header.count(points)
    return bits.bytes(after: header.finish())
  }

  @inlinable
  mutating func appendTimestamp(_ timestamp: UInt64) {
    let delta = timestamp &- lastTimestamp
    let change = Int64(bitPattern: delta &- lastDelta)
    lastDelta = delta
    if change == 0 { return bits.write(0, count: 1) }
    let low = UInt64(bitPattern: change)
    // How many bits a two's complement number needs, its sign included.
    let needed = 65 &- (change < 0 ? ~change : change).leadingZeroBitCount
    if needed <= 12 {
      bits.write(0b10 &<< 12 | low & 0xFFF, count: 14)
    } else if needed <= 20 {
      bits.write(0b110 &<< 20 | low & 0xF_FFFF, count: 23)
    } else if needed <= 28 {
      bits.write(0b1110 &<< 28 | low & 0xFFF_FFFF, count: 32)
    } else if needed <= 40 {
      bits.write(0b11110 &<< 40 | low & 0xFF_FFFF_FFFF, count: 45)
    } else {
      bits.write(0b11111, count: 5)
      bits.write(low, count: 64)
    }
  }

  @inlinable
  mutating func appendValue(_ valueBits: UInt64) {
    let change = valueBits ^ lastValue
    if change == 0 { return bits.write(0, count: 1) }
    // Five bits tell the leading zeros, so that 31 stands for more as well.
    let leading = min(UInt64(change.leadingZeroBitCount), 31)
    let trailing = UInt64(change.trailingZeroBitCount)
    let length = 64 &- leading &- trailing
    if windowLength != 0, leading >= windowLeading, trailing >= windowTrailing {
      let payload = change &>> windowTrailing
      if windowLength <= 62 { return bits.write(0b10 &<< windowLength | payload, count: windowLength &+ 2) }
      bits.write(0b10, count: 2)
      return bits.write(payload, count: windowLength)
    }
    windowLeading = leading
    windowTrailing = trailing
    windowLength = length
    let header = 0b11 &<< 11 | leading &<< 6 | (length &- 1)
    if length <= 51 { return bits.write(header &<< length | change &>> trailing, count: length &+ 13) }
    bits.write(header, count: 13)
    bits.write(change &>> trailing, count: length)
  }
}

/// Decompresses a block, point by point.
@frozen
public struct GorillaDecoder: Sendable {
  /// How many points the block holds.
  public let count: Int
  @usableFromInline var index = 0
  @usableFromInline var bits: BitReader
  @usableFromInline var lastTimestamp: UInt64 = 0
  @usableFromInline var lastDelta: UInt64 = 0
  @usableFromInline var lastValue: UInt64 = 0
  @usableFromInline var windowTrailing: UInt64 = 0
  @usableFromInline var windowLength = 0

  /// Reads the header. Throws when it is cut off or counts more points than the bytes can hold, so that `count` is safe
  /// to reserve memory by.
  public init(_ bytes: [UInt8]) throws(GorillaError) {
    var reader = ByteReader(bytes)
    let points: UInt64
    do throws(ByteError) {
      points = try reader.varint()
    } catch {
      throw .header(error)
    }
    bits = BitReader(bytes, fromByte: reader.position)
    // The first point takes 128 bits, every other at least two.
    let most = bits.remaining < 128 ? 0 : (bits.remaining - 128) / 2 + 1
    guard points <= UInt64(most) else { throw .countTooLarge(count: points, bytes: bytes.count) }
    count = Int(points)
    if count == 0, bits.remaining > 0 { throw .trailingBits }
  }

  /// The next point; nil behind the last. Throws on bits that no encoder wrote; after an error there are no more
  /// points.
  @inlinable
  public mutating func next() throws(GorillaError) -> GorillaPoint? {
    guard index < count else { return nil }
    if index == 0 {
      guard let timestamp = bits.take(64), let value = bits.take(64) else { throw stop(.truncated(point: 0)) }
      lastTimestamp = timestamp
      lastValue = value
    } else {
      // The even step of a regular series is one bit: then one load serves the timestamp and, mostly, the value.
      var word = bits.peek()
      var used = 1
      if word &>> 63 == 0 {
        lastTimestamp = lastTimestamp &+ lastDelta
      } else {
        try readUnevenTimestamp(word)
        word = bits.peek()
        used = 0
      }
      try readValue(word, from: used)
    }
    index &+= 1
    if index == count { try checkEnd() }
    return GorillaPoint(timestampNanoseconds: Int64(bitPattern: lastTimestamp), value: Double(bitPattern: lastValue))
  }

  @inlinable
  mutating func readUnevenTimestamp(_ word: UInt64) throws(GorillaError) {
    let change: UInt64
    let width: Int
    // How many ones the tag begins with.
    switch (~word).leadingZeroBitCount {
    case 1:
      change = signExtended(word &<< 2, 12)
      width = 14
    case 2:
      change = signExtended(word &<< 3, 20)
      width = 23
    case 3:
      change = signExtended(word &<< 4, 28)
      width = 32
    case 4:
      change = signExtended(word &<< 5, 40)
      width = 45
    default:
      guard bits.skip(5), let full = bits.take(64) else { throw stop(.truncated(point: index)) }
      change = full
      width = 0
    }
    guard bits.skip(width) else { throw stop(.truncated(point: index)) }
    lastDelta = lastDelta &+ change
    lastTimestamp = lastTimestamp &+ lastDelta
  }

  /// Reads a value out of the peeked word, of which `used` bits (0 or 1) are spent but not yet skipped.
  @inlinable
  mutating func readValue(_ word: UInt64, from used: Int) throws(GorillaError) {
    let rest = word &<< UInt64(used)
    if rest &>> 63 == 0 {
      guard bits.skip(used &+ 1) else { throw stop(.truncated(point: index)) }
      return
    }
    let header: Int
    if rest &>> 62 == 0b10 {
      guard windowLength > 0 else { throw stop(.corrupt(point: index, reason: "it uses a window that no point has set")) }
      header = used &+ 2
    } else {
      let leading = (rest &>> 57) & 0x1F
      windowLength = Int((rest &>> 51) & 0x3F) &+ 1
      guard Int(leading) &+ windowLength <= 64 else { throw stop(.corrupt(point: index, reason: "a window of more than 64 bits")) }
      windowTrailing = 64 &- leading &- UInt64(windowLength)
      header = used &+ 13
    }
    // A peeked word has 57 good bits at least.
    if header &+ windowLength <= 57 {
      guard bits.skip(header &+ windowLength) else { throw stop(.truncated(point: index)) }
      lastValue ^= ((word &<< UInt64(header)) &>> UInt64(64 &- windowLength)) &<< windowTrailing
    } else {
      guard bits.skip(header), let payload = bits.take(windowLength) else { throw stop(.truncated(point: index)) }
      lastValue ^= payload &<< windowTrailing
    }
  }

  @usableFromInline
  mutating func checkEnd() throws(GorillaError) {
    guard bits.remaining < 8, bits.remaining == 0 || bits.take(bits.remaining) == 0 else { throw stop(.trailingBits) }
  }

  /// No more points after an error.
  @usableFromInline @inline(never)
  mutating func stop(_ error: GorillaError) -> GorillaError {
    index = count
    return error
  }
}

/// The top `width` bits of a word as a two's complement number.
@inlinable
func signExtended(_ word: UInt64, _ width: Int64) -> UInt64 {
  UInt64(bitPattern: Int64(bitPattern: word) &>> (64 &- width))
}

/// A whole block at once.
public enum GorillaBlock {
  /// The block of some points.
  public static func encoded(_ points: some Sequence<GorillaPoint>) -> [UInt8] {
    var encoder = GorillaEncoder()
    for point in points { encoder.append(timestampNanoseconds: point.timestampNanoseconds, value: point.value) }
    return encoder.finish()
  }

  /// The points of a block. Throws `GorillaError` and gives none when any of them is wrong.
  public static func decoded(_ bytes: [UInt8]) throws(GorillaError) -> [GorillaPoint] {
    var decoder = try GorillaDecoder(bytes)
    var points: [GorillaPoint] = []
    points.reserveCapacity(decoder.count)
    while let point = try decoder.next() { points.append(point) }
    return points
  }
}
