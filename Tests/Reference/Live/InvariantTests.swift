// The invariants of this room end the process.

import Testing

@testable import Live

@Suite struct InvariantTests {
  @Test func nobodyGivesBackMoreThanWasTaken() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let account = SpaceAccount(quotaBytes: 10)
      _ = account.take(3)
      _ = account.take(-4)
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: 1 bytes more were given back than taken"))
  }
}
