// The judge of clients that keep to the limit, by hand-made flights.

import Checking
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct WithinLimitServedTests {
  private func judgement(_ requests: [(client: String, status: Int, from: Int64, until: Int64)]) -> Judgement {
    WithinLimitServed(requestsPerSecond: 2).judge(flightOf(requests))
  }

  @Test func whoHadTwoMayBeRefused() {
    let judgement = judgement([("a", 202, 0, 10), ("a", 503, 20, 30), ("a", 429, 40, 50), ("b", 202, 60, 70)])
    #expect(judgement.held && judgement.examinedCount == 2)
  }

  @Test func whoHadOneOrNoneMayNot() {
    #expect(
      judgement([("a", 202, 0, 10), ("b", 202, 0, 10), ("a", 429, 40, 50)]).violations.map(\.summary) == [
        "a was limited, and had at most 1 other requests decided within a second before"
      ])
    #expect(!judgement([("c", 429, 40, 50)]).held)
  }

  /// What ended a second before certainly no longer counts; what ended a moment later may.
  @Test(arguments: [(40 as Int64, false), (41, true)]) func whatWasLongAgoDoesNotCount(_ ended: Int64, _ isHeld: Bool) {
    #expect(judgement([("a", 202, 0, ended), ("a", 202, 900, 910), ("a", 429, 1_040, 1_050)]).held == isHeld)
  }

  /// Refused requests do not count, and nothing examined is no pass.
  @Test func refusedRequestsDoNotCount() {
    #expect(!judgement([("a", 202, 0, 10), ("a", 429, 20, 30), ("a", 429, 40, 50)]).held)
    #expect(!judgement([]).held)
  }
}
