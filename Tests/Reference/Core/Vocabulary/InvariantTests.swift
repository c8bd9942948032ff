// The invariants of this room end the process.

import Testing
import Vocabulary

@Suite struct InvariantTests {
  @Test func aNameOfOurOwnKeepsTheRules() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = FileName(fixed: "No Good")
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: a fixed file name breaks the naming rules: No Good"))
  }
}
