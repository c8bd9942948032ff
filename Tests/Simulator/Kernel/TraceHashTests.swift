// The trace hash sees every byte, every word and their order.

import Kernel
import TestChance
import Testing
import Vocabulary

@Suite("The trace hash")
struct TraceHashTests {
  private func hash(_ change: (inout TraceHash) -> Void) -> UInt64 {
    var hash = TraceHash(seed: 1)
    change(&hash)
    return hash.value
  }

  @Test("One bit of any byte changes it, at every length")
  func bits() {
    var random = RandomStream(seed: 1)
    for length in 0...67 {
      var bytes = random.bytes(length)
      var seen: Set<UInt64> = [hash { $0.mix(bytes) }]
      for place in bytes.indices {
        let bit = UInt8(1) << UInt8(random.index(below: 8))
        bytes[place] ^= bit
        seen.insert(hash { $0.mix(bytes) })
        bytes[place] ^= bit
      }
      #expect(seen.count == length + 1, "of \(length) bytes")
    }
  }

  @Test("Zeros count by their number, and where one text ends counts")
  func lengths() {
    #expect(Set((0...64).map { count in hash { $0.mix([UInt8](repeating: 0, count: count)) } }).count == 65)
    let divided = [("", "abcdefghij"), ("a", "bcdefghij"), ("abcdefgh", "ij"), ("abcdefghij", "")]
    #expect(
      Set(
        divided.map { first, second in
          hash {
            $0.mix(first)
            $0.mix(second)
          }
        }
      ).count == divided.count)
  }

  @Test("Of two words that are mixed together either counts, and which is which")
  func pairs() {
    var seen: Set<UInt64> = []
    for first in 0..<20 as Range<UInt64> { for second in 0..<20 as Range<UInt64> { seen.insert(hash { $0.mix(first, second) }) } }
    #expect(seen.count == 400)
    #expect(hash { $0.mix(1, [2]) } != hash { $0.mix(2, [1]) })
  }

  @Test("A text is its bytes; the sixteen digits are its value")
  func forms() {
    #expect(hash { $0.mix("äöü und mehr als sechzehn") } == hash { $0.mix([UInt8]("äöü und mehr als sechzehn".utf8)) })
    #expect(TraceHash(value: 0xAB).description == "00000000000000ab")
  }
}
