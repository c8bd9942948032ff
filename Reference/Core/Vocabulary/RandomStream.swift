// Seeded chance. Every source of chance (network, disk, load, each node's each life) is its own stream, split from the
// run's seed by name, so that removing one fault does not reshuffle everything else.
//
// Generator: xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64 (Steele, Lea, Flood, 2014). Not for
// cryptography.

/// A deterministic stream of random numbers.
@frozen public struct RandomStream: RandomNumberGenerator, Sendable {
  @usableFromInline var s0: UInt64
  @usableFromInline var s1: UInt64
  @usableFromInline var s2: UInt64
  @usableFromInline var s3: UInt64

  /// The stream of `seed`. Equal seeds give equal streams on every machine.
  @inlinable public init(seed: UInt64) {
    var state = seed
    s0 = RandomStream.splitMix(&state)
    s1 = RandomStream.splitMix(&state)
    s2 = RandomStream.splitMix(&state)
    s3 = RandomStream.splitMix(&state)
  }

  /// A stream that shares nothing with others of the same `seed` but another `name` or `number`.
  public init(seed: UInt64, name: StaticString, number: UInt64 = 0) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a over the name: the same on every machine and in every process.
    name.withUTF8Buffer { bytes in
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }
    var state = seed ^ hash
    let first = RandomStream.splitMix(&state)
    state ^= number &* 0xD134_2543_DE82_EF95
    self.init(seed: first ^ RandomStream.splitMix(&state))
  }

  @inlinable static func splitMix(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The next 64 random bits.
  @inlinable public mutating func next() -> UInt64 {
    let sum = s0 &+ s3
    let result = ((sum << 23) | (sum >> 41)) &+ s0
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << 45) | (s3 >> 19)
    return result
  }

  /// A number in `0 ..< bound`, by multiplication and shift (bias below 2⁻³² for bounds below 2³²). `bound` 0 gives 0.
  @inlinable public mutating func below(_ bound: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: bound).high
  }

  /// A number in `range`, both ends included.
  @inlinable public mutating func integer(in range: ClosedRange<Int64>) -> Int64 {
    let width = UInt64(bitPattern: range.upperBound &- range.lowerBound)
    if width == .max { return Int64(bitPattern: next()) }
    return range.lowerBound &+ Int64(bitPattern: below(width + 1))
  }

  /// A number in `[0, 1)` with 53 random bits.
  @inlinable public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// True with `probability` (0 never, 1 always). Draws nothing when the outcome is certain.
  @inlinable public mutating func chance(_ probability: Double) -> Bool {
    if probability <= 0 { return false }
    if probability >= 1 { return true }
    return unit() < probability
  }

  /// A span in `shortest ... longest`.
  @inlinable public mutating func span(in range: ClosedRange<TimeSpan>) -> TimeSpan {
    TimeSpan(nanoseconds: integer(in: range.lowerBound.nanoseconds...range.upperBound.nanoseconds))
  }

  /// `count` random bytes.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    while result.count < count {
      var word = next()
      for _ in 0..<min(8, count - result.count) {
        result.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    return result
  }
}
