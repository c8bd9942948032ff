// The judge of partitions as logs by hand-made flights. How histories are judged is tested in Linearizability; here,
// how exchanges become one.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct QueueLinearizableTests {
  private let record = FlightRecord(of: ["queue", "load", "reader"])

  private func judgement() -> Judgement { QueueLinearizable().judge(record) }

  private func isFound(_ judgement: Judgement, _ place: String) -> Bool {
    judgement.violations.count == 1 && judgement.violations.allSatisfy { $0.summary.hasPrefix("\(place): The first operation ") }
  }

  @Test func whatIsReadAsItWasWrittenHolds() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
    record.consumed("reader", partition: 3, from: 0, [(0, "a", #""v1""#)], 20, 30)
    #expect(judgement().held && judgement().examinedCount == 2, "\(judgement().violations)")
  }

  @Test func aReadThatDoesNotKnowWhatWasAcknowledgedIsFound() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
    record.consumed("reader", partition: 3, from: 0, [], 20, 30)
    #expect(isFound(judgement(), "partition 3"), "\(judgement().violations)")
  }

  @Test func aReadThatBeganBeforeTheAnswerMayNotKnowIt() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
    record.consumed("reader", partition: 3, from: 0, [], 5, 30)
    #expect(judgement().held, "\(judgement().violations)")
  }

  @Test func twoRecordsAtOnePlaceAreFound() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
    record.produced("load", key: "a", #""v2""#, at: (3, 0), 20, 30)
    #expect(isFound(judgement(), "partition 3"), "\(judgement().violations)")
  }

  @Test func aRecordWhoseAnswerWasLostMayBeThereOrNot() {
    for isThere in [true, false] {
      let record = FlightRecord(of: ["queue", "load", "reader"])
      record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
      record.produced("load", key: "a", #""v2""#, at: nil, 20, 30)
      record.consumed("reader", partition: 3, from: 1, isThere ? [(1, "a", #""v2""#)] : [], 40, 50)
      let judgement = QueueLinearizable().judge(record)
      #expect(judgement.held, "\(judgement.violations)")
    }
  }

  @Test func whatWasRefusedAndIsThereIsFound() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0), 0, 10)
    record.exchange(
      "load", "queue", Request(.post, "/produce", json: #"{"topic":"metrics.inbound","key":"a","value":"v2"}"#), Response(status: 503), 20,
      30)
    record.consumed("reader", partition: 3, from: 1, [(1, "a", #""v2""#)], 40, 50)
    #expect(isFound(judgement(), "partition 3"), "\(judgement().violations)")
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!judgement().held)
    record.produced("load", key: "a", #""v1""#, at: nil)
    #expect(!judgement().held, "nobody knows where it went")
  }
}
