// The judge of routing by what a probe reads.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing

@Suite struct KeyRoutingTests {
  private func judgement(_ second: Int) -> Judgement {
    let record = FlightRecord(of: ["queue", "probe"])
    record.consumed("probe", partition: 1, from: 0, [(0, "a", "1"), (1, "b", "2")])
    record.consumed("probe", partition: second, from: 5, [(5, "a", "3")])
    return KeyRouting().judge(record)
  }

  @Test func keysWithOnePartitionEachHold() {
    let judgement = judgement(1)
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func aKeyInTwoPartitionsIsFound() {
    #expect(judgement(2).violations.map(\.summary) == ["key a lies in partitions 1, 2"])
  }

  @Test func keysOfTheSameLettersButOtherBytesAreTwo() {
    let record = FlightRecord(of: ["queue", "probe"])
    record.consumed("probe", partition: 1, from: 0, [(0, "caf\u{e9}", "1")])
    record.consumed("probe", partition: 2, from: 0, [(0, "cafe\u{301}", "2")])
    let judgement = KeyRouting().judge(record)
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func nothingExaminedIsNoPass() { #expect(!KeyRouting().judge(FlightRecord(of: ["queue", "probe"])).held) }
}
