// CRC-32C against the vectors of RFC 3720 appendix B.4, and pieces against the whole. MONITORING-9.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct CRC32CTests {
  @Test func vectorsOfRFC3720() {
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum([UInt8](0..<32)) == 0x46DD_794E)
    #expect(CRC32C.checksum([UInt8]((0..<32).reversed())) == 0x113F_DB5C)
    let readCommand: [UInt8] = [
      0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0,
      0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    ]
    #expect(CRC32C.checksum(readCommand) == 0xD996_3A56)
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8]()) == 0)
  }

  @Test(arguments: 0..<50 as Range<UInt64>) func piecesEqualTheWhole(seed: UInt64) {
    var random = RandomStream(seed: seed)
    // Short ones, and such as are taken in by several lanes.
    let bytes = random.bytes(random.index(below: seed % 2 == 0 ? 300 : 6_000))
    // The definition, bit by bit.
    var register: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      register ^= UInt32(byte)
      for _ in 0..<8 { register = (register >> 1) ^ (register & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    #expect(CRC32C.checksum(bytes) == ~register, "seed \(seed)")

    let cut = random.index(below: bytes.count + 1)
    var sum = CRC32C()
    sum.update(bytes[..<cut])
    var resumed = CRC32C(resuming: sum.value)
    for byte in bytes[cut...] { resumed.update(byte) }
    sum.update(bytes.span.extracting(cut..<bytes.count))
    #expect(sum.value == ~register, "seed \(seed)")
    #expect(resumed == sum, "seed \(seed)")
  }
}
