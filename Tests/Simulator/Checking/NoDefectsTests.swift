// The judge of defects by hand-made flights: what damaged a node's own disk before excuses that it refused to start,
// and nothing else does.

import Checking
import HandMadeRecords
import Testing
import Vocabulary
import World

@Suite struct NoDefectsTests {
  private let record = FlightRecord(of: ["queue-1", "queue-10"])

  private func defect(_ node: String, _ what: String, at milliseconds: Int64) {
    record.record(DefectRecord(node: record.id(node), at: instant(milliseconds), what: what))
  }

  private func spoils(_ node: String, at milliseconds: Int64, happened: Bool = true) {
    record.faults.append(
      FaultSpan(
        label: "1 bits of \(node) rot", beganAt: instant(milliseconds), endedAt: instant(milliseconds), happened: happened,
        reach: .hampers([record.id(node)]), spoils: [record.id(node)]))
  }

  private func violations() -> [String] { NoDefects().judge(record).violations.map(\.summary) }

  @Test func aFlightWithoutDefectsHolds() {
    spoils("queue-1", at: 5)
    #expect(NoDefects().judge(record).held)
  }

  @Test func aDefectIsFound() {
    spoils("queue-1", at: 5)
    defect("queue-1", "answered an exchange twice", at: 10)
    #expect(violations() == ["queue-1: answered an exchange twice"])
  }

  @Test func whoseDiskWasSpoiltMayRefuseToStart() {
    spoils("queue-1", at: 5)
    defect("queue-1", "refused to start: its journal is damaged", at: 10)
    #expect(violations() == [])
  }

  @Test(arguments: ["queue-1", "queue-10"]) func anotherNodesDiskIsNoExcuse(_ node: String) {
    spoils(node == "queue-1" ? "queue-10" : "queue-1", at: 5)
    defect(node, "refused to start: its journal is damaged", at: 10)
    #expect(violations() == ["\(node): refused to start: its journal is damaged"])
  }

  @Test(arguments: [(20 as Int64, true), (5, false)]) func norIsWhatCameLaterOrNeverCame(_ at: Int64, _ happened: Bool) {
    spoils("queue-1", at: at, happened: happened)
    defect("queue-1", "refused to start: its journal is damaged", at: 10)
    #expect(violations() == ["queue-1: refused to start: its journal is damaged"])
  }

  @Test func norIsAFaultThatLeavesTheDiskAlone() {
    record.faults.append(
      FaultSpan(label: "crash of queue-1", beganAt: instant(5), endedAt: instant(8), reach: .stops([record.id("queue-1")])))
    defect("queue-1", "refused to start: its journal is damaged", at: 10)
    #expect(violations() == ["queue-1: refused to start: its journal is damaged"])
  }
}
