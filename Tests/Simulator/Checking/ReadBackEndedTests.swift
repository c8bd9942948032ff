// The judge of what is read after a flight.

import Checking
import HandMadeRecords
import Load
import Testing
import Vocabulary

@Suite struct ReadBackEndedTests {
  private let record = FlightRecord(of: ["queue", "load", "probe"])

  private func ends(_ node: String, _ value: UInt64) {
    record.record(
      ObservationRecord(
        node: record.id(node), incarnation: 0, at: instant(10), observation: Observation(.scriptEnded, subject: 0, value: value)))
  }

  @Test func aProbeThatCameToItsEndHolds() {
    record.exchange("probe", "queue", Request(.get, "/"), Response(status: 200))
    ends("probe", 1)
    let judgement = ReadBackEnded().judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test func aProbeThatDidNotIsFound() {
    record.exchange("probe", "queue", Request(.get, "/"), Response(status: 200))
    record.exchange("probe", "queue", Request(.get, "/consume?partition=1&offset=0"), ended: .pending)
    // Another node's end is none of the probe's.
    ends("load", 1)
    #expect(ReadBackEnded().judge(record).violations.map(\.summary) == ["the probe did not come to its end; it had 1 answers"])
  }

  @Test func aProbeThatGaveUpIsFound() {
    record.exchange("probe", "queue", Request(.get, "/"), Response(status: 200))
    ends("probe", 0)
    #expect(ReadBackEnded().judge(record).violations.map(\.summary) == ["the probe gave up; it had 1 answers"])
  }

  @Test func nothingExaminedIsNoPass() {
    ends("probe", 1)
    #expect(!ReadBackEnded().judge(record).held, "it read nothing")
    #expect(!ReadBackEnded().judge(FlightRecord(of: ["queue"])).held)
  }
}
