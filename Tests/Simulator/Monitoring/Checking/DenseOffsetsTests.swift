// The judge of dense offsets by what a probe reads: gaps, repetitions and a wrong beginning.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct DenseOffsetsTests {
  private func record(_ offsets: [Int64], retained: Int64? = nil) -> FlightRecord {
    let record = FlightRecord(of: ["queue", "load", "probe"])
    if let retained { record.notRetained("probe", partition: 3, first: retained) }
    record.consumed("probe", partition: 3, from: retained ?? 0, offsets.map { (offset: $0, key: "a", value: "1") })
    return record
  }

  @Test func denseOffsetsHold() {
    let judgement = DenseOffsets().judge(record([0, 1, 2]))
    #expect(judgement.held && judgement.examinedCount == 3, "\(judgement.violations)")
    #expect(DenseOffsets().judge(record([5, 6], retained: 5)).held)
  }

  @Test(
    arguments: [
      ([0, 2], nil, "partition 3: offset 2 follows 0"), ([0, 1, 1], nil, "partition 3: offset 1 follows 1"),
      ([1, 2], nil, "partition 3 begins with offset 1, and nothing was discarded"),
      ([6, 7], 5, "partition 3 begins with offset 6, and 5 is the first that is retained"),
    ] as [([Int64], Int64?, String)]) func whatIsNotDenseIsFound(_ offsets: [Int64], _ retained: Int64?, _ found: String)
  {
    #expect(DenseOffsets().judge(record(offsets, retained: retained)).violations.map(\.summary) == [found])
  }

  @Test func offsetsAreDenseOverSeveralAnswers() {
    let record = record([0, 1])
    record.consumed("probe", partition: 3, from: 2, [(3, "a", "1")])
    #expect(DenseOffsets().judge(record).violations.map(\.summary) == ["partition 3: offset 3 follows 1"])
  }

  @Test func nothingExaminedIsNoPass() {
    #expect(!DenseOffsets().judge(record([])).held)
    // What others read is not read back.
    let others = FlightRecord(of: ["queue", "load", "probe"])
    others.consumed("load", partition: 3, from: 0, [(0, "a", "1")])
    #expect(!DenseOffsets().judge(others).held)
  }
}
