// The judge of latency by hand-made loads.

import Checking
import HandMadeRecords
import Load
import Testing
import Vocabulary

@Suite struct LatencyObjectiveTests {
  private func judgement(_ requests: [(outcome: LoadOutcome, latency: Int64)]) -> Judgement {
    let record = FlightRecord(of: ["load"])
    for (index, request) in requests.enumerated() {
      record.timed("load", request.outcome, intendedAt: Int64(index), latency: request.latency)
    }
    return LatencyObjective(percentileThousandths: 50_000, below: .milliseconds(10)).judge(record)
  }

  @Test func whatIsBelowTheBoundHolds() {
    let judgement = judgement([(.served, 30), (.served, 9), (.served, 9)])
    #expect(judgement.held && judgement.examinedCount == 3, "\(judgement.violations)")
    #expect(judgement.checker == "p50 below 10 ms")
  }

  @Test func whatReachesTheBoundIsFound() {
    #expect(judgement([(.served, 30), (.served, 10), (.served, 9)]).violations.map(\.summary) == ["p50 is 10 ms, not below 10 ms"])
  }

  @Test func whatALimitRefusedDoesNotCount() {
    #expect(judgement([(.limited, 0), (.limited, 0), (.served, 11)]).violations.map(\.summary) == ["p50 is 11 ms, not below 10 ms"])
  }

  @Test func whatFailsFastIsNotFast() {
    #expect(
      judgement([(.served, 1), (.failed, 1), (.failed, 1)]).violations.map(\.summary) == ["p50 is a failed request, not below 10 ms"])
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!judgement([]).held)
    #expect(!judgement([(.limited, 1)]).held)
  }
}
