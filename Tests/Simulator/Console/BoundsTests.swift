// What options take: numbers within bounds, and never a trap.

import Console
import Testing

@Suite struct BoundsTests {
  @Test(arguments: ["1", "65535"]) func whatIsWithinIsRead(_ text: String) throws { #expect(try Bounds.port.read(text) == Int(text)) }

  @Test(arguments: ["0", "65536", "", "-1", "+1", "1e3", "0x1", " 1", "99999999999999999999"]) func allElseIsRefused(_ text: String) {
    #expect(throws: (any Error).self) { try Bounds.port.read(text) }
  }

  @Test func seedsAreTwoAtMost() throws {
    #expect(try SeedText.range("3").count == 1)
    #expect(try SeedText.range("1..100").count == 100)
    for text in ["5..1", "1..", "..", "0..18446744073709551615"] {
      #expect(throws: (any Error).self) { try SeedText.range(text) }
    }
  }

  @Test func aPlantedBugOfAnotherIsNamedAsUnknown() {
    #expect(throws: InputProblem.self) { try MutantName.named("room/bug", of: "a system", among: []) }
  }
}
