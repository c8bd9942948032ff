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

  /// What a limit refused is no part of the share, and told.
  @Test func whatALimitRefusedIsToldBeside() {
    #expect(judgement([.served, .limited, .limited, .limited]).examined == "1 request; a limit refused 3 more")
    #expect(judgement([.served, .failed]).examined == "2 requests")
  }

  @Test func ofSeveralSystemsEachIsTold() {
    let record = FlightRecord(of: ["one/load", "other/load"])
    for (index, name) in ["one/load", "one/load", "other/load"].enumerated() {
      record.timed(name, index == 0 ? .served : .failed, intendedAt: Int64(index), latency: 1)
    }
    #expect(
      ServedObjective(partsPerMillion: 500_000).judge(record).violations.map(\.summary)
        == ["1 of 3 requests were served, less than 50.0 %: one 1 of 2, other 0 of 1"])
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!judgement([]).held)
    #expect(!judgement([.limited]).held)
  }
}
