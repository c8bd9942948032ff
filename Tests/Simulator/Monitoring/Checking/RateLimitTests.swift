// The judge of clients' limits by hand-made flights.

import Checking
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct RateLimitTests {
  private func judgement(_ requests: [(client: String, status: Int, from: Int64, until: Int64)]) -> Judgement {
    RateLimit(requestsPerSecond: 2).judge(flightOf(requests))
  }

  @Test(arguments: [(999 as Int64, true), (1_000, false)]) func aThirdWithinASecondIsFound(_ until: Int64, _ isFound: Bool) {
    let judgement = judgement([("a", 202, 0, 10), ("a", 202, 100, 110), ("a", 202, 900, until)])
    #expect(judgement.violations.map(\.summary) == (isFound ? ["a had 3 requests accepted within 999 ms"] : []))
    #expect(judgement.held == !isFound && judgement.examinedCount == 1)
  }

  @Test func whatIsRefusedOrAnothersDoesNotCount() {
    let judgement = judgement([("a", 202, 0, 10), ("a", 429, 20, 30), ("b", 202, 20, 30), ("a", 202, 40, 50), ("b", 202, 40, 50)])
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func nothingExaminedIsNoPass() { #expect(!judgement([("a", 429, 0, 10)]).held) }
}
