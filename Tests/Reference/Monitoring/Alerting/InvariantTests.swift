// The invariants of this room end the process.

import Alerting
import MonitoringAPI
import Testing
import Vocabulary

@Suite struct InvariantTests {
  @Test func aConditionIsSeenSinceItHolds() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let policy = AlertPolicy(duration: .seconds(1), missingData: .keep, longestGap: .seconds(60))
      let pending = AlertState.pending(since: WallTime(milliseconds: 20), seen: WallTime(milliseconds: 10))
      _ = pending.next(.holds, at: WallTime(milliseconds: 30), policy)
    }
    #expect(String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: a condition holds since "))
  }
}
