// The judge of a service whose journal rotted, by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct RefusesDamageTests {
  private let record = FlightRecord(of: ["alerting", "probe"])

  private func damage(_ happened: Bool = true) {
    record.faults.append(
      FaultSpan(
        label: "crash of alerting", beganAt: instant(1_000), endedAt: instant(2_000), happened: happened, spoils: [record.id("alerting")]))
  }

  private func refusal(_ what: String = "refused to start: bits are wrong", at: Int64 = 2_000) {
    record.record(DefectRecord(node: record.id("alerting"), at: instant(at), what: what))
  }

  private func judgement() -> Judgement { RefusesDamage(.alerting).judge(record) }

  @Test func aRefusalWithAReasonHolds() {
    damage()
    refusal()
    record.exchange("probe", "alerting", Request(.get, "/alerts"), ended: .failed(.refused), 3_000, 3_001)
    record.exchange("probe", "alerting", Request(.get, "/alerts"), Response(status: 200), 500, 501)
    #expect(judgement().held && judgement().examinedCount == 1, "\(judgement().violations)")
  }

  @Test func whoGoesOnIsFound() {
    damage()
    #expect(judgement().violations.map(\.summary) == ["it did not refuse to start after: crash of alerting"])
  }

  @Test func whoSaysNoReasonIsFound() {
    damage()
    refusal("refused to start: ")
    #expect(judgement().violations.map(\.summary) == ["it refused to start and did not say why"])
  }

  @Test func whoRefusesForNothingIsFound() {
    damage()
    refusal()
    refusal(at: 500)
    #expect(judgement().violations.count == 1)
  }

  @Test func whoAnswersAllTheSameIsFound() {
    damage()
    refusal()
    record.exchange("probe", "alerting", Request(.get, "/alerts"), Response(status: 200), 3_000, 3_001)
    #expect(judgement().violations.map(\.summary) == ["it answered 200 after it had refused to start"])
  }

  @Test func aFlightWithoutDamageIsNoPass() {
    #expect(!judgement().held)
    damage(false)
    #expect(!judgement().held)
  }
}
