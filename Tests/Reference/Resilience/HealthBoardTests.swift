// A health board by scripts.

import Resilience
import Testing
import Vocabulary

@Suite struct HealthBoardTests {
  private func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  private func board(_ essential: [Bool] = [true, false]) -> HealthBoard {
    let checks = essential.enumerated().map { number, isEssential in
      HealthBoard.Check("check-\(number)", timeout: .milliseconds(100), every: .seconds(1), isEssential: isEssential)
    }
    return HealthBoard(checks, at: instant(0))
  }

  @Test func nothingThatIsNotKnownIsHealthy() {
    var none = HealthBoard([], at: instant(0))
    #expect(none.verdict(at: instant(0)) == .unhealthy([]))
    #expect(none.begin(at: instant(0)).isEmpty && none.nextWake == nil)
    let unasked = board()
    #expect(unasked.verdict(at: instant(0)) == .unhealthy(["check-0", "check-1"]))
  }

  @Test func checksAreMadeTogetherAndCountByThemselves() {
    var board = board()
    let rounds = board.begin(at: instant(0))
    #expect(rounds.map(\.place) == [0, 1], "both at once")
    #expect(board.begin(at: instant(1)).isEmpty && board.nextWake == instant(100))
    board.ended(rounds[0], reason: nil, at: instant(10))
    board.ended(rounds[1], reason: "it said no", at: instant(20))
    #expect(board.verdict(at: instant(20)) == .degraded(["check-1"]))
    #expect(board.standing(of: "check-1", at: instant(20)) == .bad(at: instant(20), reason: "it said no"))
    #expect(board.standing(of: "other", at: instant(20)) == nil)
    #expect(board.nextWake == instant(1_010))
    let again = board.begin(at: instant(1_020))
    #expect(again.map(\.place) == [0, 1])
    for round in again { board.ended(round, reason: nil, at: instant(1_030)) }
    #expect(board.verdict(at: instant(1_030)) == .healthy)
  }

  @Test func whatHangsIsNotGoodAndHoldsNothingElseUp() {
    var board = board([true, true])
    let rounds = board.begin(at: instant(0))
    board.ended(rounds[1], reason: nil, at: instant(5))
    board.expire(at: instant(100))
    #expect(board.standing(of: "check-0", at: instant(100)) == .bad(at: instant(100), reason: "no answer within 100 ms"))
    #expect(board.standing(of: "check-1", at: instant(100)) == .good(at: instant(5)))
    #expect(board.verdict(at: instant(100)) == .unhealthy(["check-0"]))
    // Its answer comes late, and another's twice.
    board.ended(rounds[0], reason: nil, at: instant(150))
    board.ended(rounds[1], reason: "no", at: instant(160))
    #expect(board.verdict(at: instant(160)) == .unhealthy(["check-0"]))
    let next = board.begin(at: instant(1_100))
    board.ended(rounds[0], reason: nil, at: instant(1_110))
    #expect(board.verdict(at: instant(1_110)) == .unhealthy(["check-0"]), "that was the round before")
    // An answer that is late counts for none, though nobody came by to end it.
    board.ended(next[0], reason: nil, at: instant(1_300))
    #expect(board.standing(of: "check-0", at: instant(1_300)) == .bad(at: instant(1_300), reason: "no answer within 100 ms"))
  }

  @Test func whatWasGoodLongAgoIsNotKnownAnyMore() {
    var board = board([true])
    for round in board.begin(at: instant(0)) { board.ended(round, reason: nil, at: instant(1)) }
    #expect(board.verdict(at: instant(3_300)) == .healthy)
    #expect(board.verdict(at: instant(3_302)) == .unhealthy(["check-0"]), "who makes no checks any more is not healthy")
  }
}
