// The judge of a reader's counts, by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct ReadsNeverGoBackTests {
  private let record = FlightRecord(of: ["query", "reader", "load"])

  private func read(_ question: String, counts: Int?, by caller: String = "reader", _ status: Int = 200) {
    let series = counts.map { #"[{"count":\#($0),"sum":1}]"# } ?? "[]"
    record.exchange(
      caller, "query", Request(.post, "/query", json: #"{"query":"\#(question)"}"#), Response(status, json: #"{"series":\#(series)}"#))
  }

  private func judgement() -> Judgement { ReadsNeverGoBack().judge(record) }

  @Test func countsThatGrowOrStayHold() {
    for count in [nil, 3, 3, 8] { read("a", counts: count) }
    read("b", counts: 2)
    #expect(judgement().held && judgement().examinedCount == 5, "\(judgement().violations)")
    #expect(judgement().examined == "5 reads of 2 stretches, 10 points")
  }

  @Test func aCountThatFallsIsFound() {
    read("a", counts: 3)
    read("b", counts: 9)
    read("a", counts: 2)
    #expect(judgement().violations.map(\.summary) == ["a read counts 2 points where one before it counted 3"])
  }

  @Test func allThatIsGoneIsFound() {
    read("a", counts: 3)
    read("a", counts: nil)
    #expect(judgement().violations.map(\.summary) == ["a read counts 0 points where one before it counted 3"])
  }

  @Test func othersReadsAndFailedOnesSayNothing() {
    read("a", counts: 3)
    read("a", counts: 1, by: "load")
    read("a", counts: 1, 500)
    #expect(judgement().held && judgement().examinedCount == 1)
  }

  @Test func readsOfNothingAreNoPass() {
    #expect(!judgement().held)
    read("a", counts: nil)
    #expect(!judgement().held)
  }
}
