// The judge of a flight's set-up by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct SetUpSucceededTests {
  private let record = FlightRecord(of: ["alerting", "setup", "load"])

  private func post(_ body: String, _ outcome: ExchangeOutcome, by caller: String = "setup") {
    record.exchange(caller, "alerting", Request(.post, "/rules", json: body), ended: outcome)
  }

  private func violations() -> [String] { SetUpSucceeded().judge(record).violations.map(\.summary) }

  @Test func whatIsAcceptedSometimeOrThereAlreadyHolds() {
    post("{}", .failed(.connectionLost))
    post("{}", .answered(Response(status: 201)))
    post("[]", .answered(Response(status: 409)))
    post("1", .answered(Response(status: 400)), by: "load")
    let judgement = SetUpSucceeded().judge(record)
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func whatIsRefusedIsFound() {
    post("{}", .answered(Response(status: 201)))
    post("[]", .answered(Response(400, json: "no")))
    #expect(violations() == ["POST /rules []: 400 no"])
  }

  @Test func whatIsNeverAnsweredIsFound() {
    post("{}", .failed(.refused))
    #expect(violations() == ["POST /rules {}: no answer (refused)"])
    post("[]", .pending)
    #expect(violations().contains("POST /rules []: no answer"))
  }

  @Test func nothingExaminedIsNoPass() { #expect(!SetUpSucceeded().judge(record).held) }
}
