// The judge of the share that is served by hand-made loads.

import Checking
import HandMadeRecords
import Load
import Testing
import Vocabulary

@Suite struct ServedObjectiveTests {
  private func judgement(_ outcomes: [LoadOutcome]) -> Judgement {
    let record = FlightRecord(of: ["load"])
    for (index, outcome) in outcomes.enumerated() { record.timed("load", outcome, intendedAt: Int64(index), latency: 1) }
    return ServedObjective(partsPerMillion: 500_000).judge(record)
  }

  @Test func theShareItselfHolds() {
    let judgement = judgement([.served, .failed, .limited, .limited])
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func lessIsFound() {
    #expect(judgement([.served, .failed, .failed]).violations.map(\.summary) == ["1 of 3 requests were served, less than 50.0 %"])
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!judgement([]).held)
    #expect(!judgement([.limited]).held)
  }
}
