// The judge of registers by hand-made flights. How histories are judged is tested in Linearizability; here, how
// exchanges become one.

import Checking
import HandMadeRecords
import RaftChecking
import Testing
import Vocabulary

@Suite struct RegistersLinearizableTests {
  private let record = FlightRecord(of: ["server-1", "load"])

  private func asked(_ method: Method, _ value: String, _ status: Int, _ answer: String, _ from: Int64, _ until: Int64, query: String = "")
  {
    record.exchange(
      "load", "server-1", Request(method, "/registers/a\(query)", body: Array(value.utf8)),
      Response(status: status, body: Array(answer.utf8)), from, until)
  }

  private func isFound() -> Bool {
    let violations = RegistersLinearizable().judge(record).violations
    return violations.count == 1 && violations.allSatisfy { $0.summary.hasPrefix("a: The first operation ") }
  }

  @Test func whatIsReadAsItWasWrittenHolds() {
    asked(.get, "", 404, "", 0, 1)
    asked(.put, "1", 200, "", 2, 10)
    asked(.get, "", 200, "1", 20, 30)
    asked(.post, "2", 200, "", 40, 50, query: "?expect=1")
    asked(.post, "3", 409, "2", 60, 70, query: "?expect=1")
    asked(.put, "9", 421, "", 80, 90)
    asked(.get, "", 200, "2", 100, 110)
    let judgement = RegistersLinearizable().judge(record)
    #expect(judgement.held && judgement.examinedCount == 6, "\(judgement.violations)")
  }

  @Test func aStaleReadIsFound() {
    asked(.put, "1", 200, "", 0, 10)
    asked(.get, "", 404, "", 20, 30)
    #expect(isFound())
  }

  @Test func aSwapThatDidNotFitIsFound() {
    asked(.put, "1", 200, "", 0, 10)
    asked(.post, "3", 200, "", 20, 30, query: "?expect=2")
    #expect(isFound())
  }

  @Test func aRefusalThatTellsAnotherValueIsFound() {
    asked(.put, "1", 200, "", 0, 10)
    asked(.post, "3", 409, "7", 20, 30, query: "?expect=2")
    #expect(isFound())
  }

  @Test(arguments: [(503, true), (504, false)]) func whatWasRefusedMayNotBeThere(_ status: Int, _ isRefusal: Bool) {
    asked(.put, "1", status, "", 0, 10)
    asked(.get, "", 200, "1", 20, 30)
    #expect(isFound() == isRefusal)
  }

  @Test func aSearchThatGaveUpIsNoPass() {
    // Twelve writes at once, and a read behind them of one: an order has to be searched for.
    for value in 1...12 { asked(.put, "\(value)", 200, "", 0, 100) }
    asked(.get, "", 200, "7", 200, 210)
    #expect(RegistersLinearizable().judge(record).held)
    let judgement = RegistersLinearizable(maximumStates: 2).judge(record)
    #expect(judgement.violations.map { $0.summary.hasPrefix("a: not shown: the search gave up after ") } == [true])
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!RegistersLinearizable().judge(record).held)
    asked(.put, "1", 503, "", 0, 10)
    #expect(!RegistersLinearizable().judge(record).held)
  }
}
