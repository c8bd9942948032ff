// Gorilla blocks: bit-exact round trips, golden bytes, sizes, and refusal of whatever is cut or forged. MONITORING-15.

import TestChance
import Testing
import TimeSeriesStorage
import Vocabulary

@Suite struct GorillaBlockTests {
  private func same(_ left: [GorillaPoint], _ right: [GorillaPoint]) -> Bool {
    left.count == right.count
      && zip(left, right).allSatisfy {
        $0.timestampNanoseconds == $1.timestampNanoseconds && $0.value.bitPattern == $1.value.bitPattern
      }
  }

  private func points(_ pairs: [(Int64, Double)]) -> [GorillaPoint] {
    pairs.map { GorillaPoint(timestampNanoseconds: $0.0, value: $0.1) }
  }

  @Test func goldenBytes() throws {
    #expect(GorillaBlock.encoded([]) == [0])
    let one = GorillaBlock.encoded(points([(1, 1.0)]))
    #expect(one == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0])
    // Then: delta 1, change 1: 10 000000000001; the same value: 0; then change 0: 0; XOR 0x0010 << 48 (11 leading
    // zeros, one bit): 11 01011 000000 1.
    let three = GorillaBlock.encoded(points([(1, 1.0), (2, 1.0), (3, 0.5)]))
    #expect(three == [3] + one.dropFirst() + [0b1000_0000, 0b0000_0100, 0b1101_0110, 0b0000_0100])
    #expect(same(try GorillaBlock.decoded(three), points([(1, 1.0), (2, 1.0), (3, 0.5)])))
  }

  @Test func everyKindOfDouble() throws {
    let values: [Double] = [
      0, -0.0, 1, -1, .infinity, -.infinity, .nan, -.nan, .signalingNaN, Double(bitPattern: 0x7FF8_0000_DEAD_BEEF),
      Double(bitPattern: 0xFFF0_0000_0000_0001), .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude,
      .greatestFiniteMagnitude, Double(bitPattern: .max), Double(bitPattern: 1), Double(bitPattern: 1 << 63 | 1), .pi, 75.5,
    ]
    var sequence: [GorillaPoint] = []
    for first in values {
      for second in values {
        sequence += points([(Int64(sequence.count), first), (Int64(sequence.count) * 3, second)])
      }
    }
    #expect(same(try GorillaBlock.decoded(GorillaBlock.encoded(sequence)), sequence))
  }

  @Test func everyBucketOfTimestamps() throws {
    var edges: [Int64] = [0, .min, .max, .min + 1, .max - 1]
    for bits in [11, 12, 19, 20, 27, 28, 39, 40, 62] {
      let edge: Int64 = 1 << Int64(bits)
      edges += [edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1]
    }
    var sequence: [GorillaPoint] = []
    for first in edges {
      for second in edges { sequence += points([(first, 1), (second, 1), (first &+ second, 2)]) }
    }
    #expect(same(try GorillaBlock.decoded(GorillaBlock.encoded(sequence)), sequence))
  }

  @Test(arguments: 0..<300 as Range<UInt64>) func randomBlocksRoundTrip(seed: UInt64) throws {
    let sequence = randomPoints(seed)
    let block = GorillaBlock.encoded(sequence)
    #expect(same(try GorillaBlock.decoded(block), sequence), "seed \(seed)")
    var encoder = GorillaEncoder()
    for point in sequence { encoder.append(timestampNanoseconds: point.timestampNanoseconds, value: point.value) }
    #expect(encoder.count == sequence.count)
    #expect(encoder.byteCount >= block.count && encoder.byteCount <= block.count + 9, "seed \(seed)")
    #expect(encoder.finish() == block, "seed \(seed)")
  }

  @Test(arguments: 0..<60 as Range<UInt64>) func cutBlocksAreRefused(seed: UInt64) {
    let block = GorillaBlock.encoded(randomPoints(seed))
    for cut in block.indices.dropFirst(max(0, block.count - 400)) {
      #expect(throws: GorillaError.self, "seed \(seed), cut \(cut)") { try GorillaBlock.decoded(Array(block[..<cut])) }
    }
    #expect(throws: GorillaError.self, "seed \(seed)") { try GorillaBlock.decoded(block + [0]) }
  }

  @Test func forgedBlocksNeverTrap() {
    var refused = 0
    for seed in 0..<3000 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      var block = seed % 3 == 0 ? random.bytes(random.index(below: 60)) : GorillaBlock.encoded(randomPoints(seed % 100))
      for _ in 0..<random.index(below: 4) where !block.isEmpty {
        block[random.index(below: block.count)] ^= 1 << UInt8(random.index(below: 8))
      }
      guard var decoder = try? GorillaDecoder(block) else {
        refused += 1
        continue
      }
      #expect(decoder.count <= block.count * 4 + 1, "seed \(seed)")
      var seen = 0
      do throws(GorillaError) {
        while try decoder.next() != nil { seen += 1 }
        #expect(seen == decoder.count, "seed \(seed)")
      } catch {
        refused += 1
        // Nothing comes after an error.
        let after = try? decoder.next()
        #expect(after.flatMap { $0 } == nil, "seed \(seed)")
        #expect(!error.description.isEmpty)
      }
    }
    #expect(refused > 500)
  }

  @Test func forgedHeadersAreRefused() {
    #expect(throws: GorillaError.self) { try GorillaDecoder([]) }
    #expect(throws: GorillaError.countTooLarge(count: 1, bytes: 16)) { try GorillaDecoder([1] + [UInt8](repeating: 0, count: 15)) }
    #expect(throws: GorillaError.countTooLarge(count: .max, bytes: 10)) { try GorillaDecoder([UInt8](repeating: 0xFF, count: 9) + [1]) }
    #expect(throws: GorillaError.trailingBits) { try GorillaDecoder([0, 0]) }
    // Same timestamp step, then a window that was never set.
    let unset: [UInt8] = [2] + [UInt8](repeating: 0, count: 16) + [0b0100_0000]
    #expect(throws: GorillaError.corrupt(point: 1, reason: "it uses a window that no point has set")) { try GorillaBlock.decoded(unset) }
    let wide: [UInt8] = [2] + [UInt8](repeating: 0, count: 16) + [0b0111_1111, 0b1111_1100] + [UInt8](repeating: 0, count: 9)
    #expect(throws: GorillaError.corrupt(point: 1, reason: "a window of more than 64 bits")) { try GorillaBlock.decoded(wide) }
    let padded: [UInt8] = [1] + [UInt8](repeating: 0, count: 17)
    #expect(throws: GorillaError.trailingBits) { try GorillaBlock.decoded(padded) }
    let dirty: [UInt8] = [2] + [UInt8](repeating: 0, count: 16) + [0b0000_0001]
    #expect(throws: GorillaError.trailingBits) { try GorillaBlock.decoded(dirty) }
  }

  @Test func constantSeriesTakeTwoBitsAPoint() {
    let block = GorillaBlock.encoded((0..<10_000).map { GorillaPoint(timestampNanoseconds: $0 * 10_000_000_000, value: 42) })
    #expect(block.count < 10_000 / 4 + 40)
  }

  private func randomPoints(_ seed: UInt64) -> [GorillaPoint] {
    var random = RandomStream(seed: seed)
    let kind = random.index(below: 4)
    var timestamp: Int64 = 1_696_789_234_567_000_000
    var value = 50.0
    return (0..<random.index(below: 300)).map { _ in
      switch kind {
      case 0:
        timestamp &+= 1_000_000_000
        value = Double(random.index(below: 10_000)) / 100
      case 1:
        timestamp &+= Int64(1_000_000_000 + random.index(below: 2_000_000) - 1_000_000)
        value += Double(random.index(below: 200) - 100) / 100
      case 2:
        timestamp = Int64(bitPattern: random.next())
        value = Double(bitPattern: random.next())
      default:
        timestamp &+= Int64(bitPattern: random.next()) >> Int64(random.index(below: 64))
        value = Double(bitPattern: (random.next() >> UInt64(random.index(below: 64))) << UInt64(random.index(below: 64)))
      }
      return GorillaPoint(timestampNanoseconds: timestamp, value: value)
    }
  }
}
