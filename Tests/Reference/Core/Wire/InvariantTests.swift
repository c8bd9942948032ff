// The invariants of this room end the process.

import Testing
import Wire

@Suite struct InvariantTests {
  @Test func aMeanIsOfSomething() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = ExactSum().mean(count: 0)
    }
    #expect(String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: a mean of 0 values"))
  }
}
