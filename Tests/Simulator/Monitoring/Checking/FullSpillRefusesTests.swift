// The judge of a full spill, by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct FullSpillRefusesTests {
  private func judgement(_ answers: [Response]) -> Judgement {
    let record = FlightRecord(of: ["ingestion", "load"])
    for answer in answers { record.exchange("load", "ingestion", Request(.post, "/metrics"), answer) }
    return FullSpillRefuses().judge(record)
  }

  private func refusal(_ code: String, after: String?) -> Response {
    var response = Response(503, json: #"{"error":{"code":"\#(code)","message":"x"}}"#)
    if let after { response.head.headers.append("retry-after", after) }
    return response
  }

  @Test func aRefusalThatSaysWhenToComeAgainIsHeld() {
    let judgement = judgement([Response(status: 202), refusal("SPILL_FULL", after: "1"), refusal("DISK_FULL", after: nil)])
    #expect(judgement.held && judgement.examinedCount == 1)
  }

  @Test(arguments: [nil, "0", "soon"]) func oneThatDoesNotIsFound(_ after: String?) {
    #expect(judgement([refusal("SPILL_FULL", after: after)]).violations.count == 1)
  }

  @Test func aSpillThatDoesNotFillIsFound() {
    let judgement = judgement([Response(status: 202), refusal("OVERLOADED", after: "1")])
    #expect(judgement.violations.map(\.summary) == ["of 2 requests none was refused by a full spill"])
  }

  @Test func whereNothingWasSentNothingWasSeen() {
    let judgement = judgement([])
    #expect(judgement.violations.isEmpty && !judgement.held)
  }
}
