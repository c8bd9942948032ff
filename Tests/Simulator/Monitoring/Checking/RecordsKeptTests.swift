// The judge of acknowledged records by hand-made flights: what is lost, replaced, stored twice or made up is found.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct RecordsKeptTests {
  private let record = FlightRecord(of: ["queue", "load", "probe"])

  private func violations() -> [String] { RecordsKept().judge(record).violations.map(\.summary) }

  /// One record acknowledged at offset 0 of partition 3, another whose answer was lost.
  private func send() {
    record.produced("load", key: "a", #""v1""#, at: (3, 0))
    record.produced("load", key: "a", #""v2""#, at: nil)
  }

  @Test func whatWasAcknowledgedLiesAtItsPlace() {
    send()
    record.consumed("probe", partition: 3, from: 0, [(0, "a", #""v1""#)])
    let judgement = RecordsKept().judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test func whatWasNotAcknowledgedMayBeThere() {
    send()
    record.consumed("probe", partition: 3, from: 0, [(0, "a", #""v1""#), (1, "a", #""v2""#)])
    #expect(violations() == [])
  }

  @Test func whatIsLostIsFound() {
    send()
    record.consumed("probe", partition: 3, from: 0, [])
    #expect(violations() == [#""v1" was acknowledged at offset 0 of partition 3, and nothing lies there"#])
  }

  @Test func whatLiesElsewhereIsFound() {
    send()
    record.consumed("probe", partition: 3, from: 0, [(0, "a", #""v2""#), (1, "a", #""v1""#)])
    #expect(violations() == [#""v1" was acknowledged at offset 0 of partition 3, and "v2" lies there"#])
  }

  @Test func whatIsThereTwiceIsFound() {
    send()
    record.consumed("probe", partition: 3, from: 0, [(0, "a", #""v1""#), (1, "a", #""v1""#)])
    #expect(violations() == [#""v1" is there 2 times"#])
  }

  /// Swift takes the two for the same text; a queue that turns one into the other has lost what was sent.
  @Test func whatHasTheSameLettersButOtherBytesIsFound() {
    record.produced("load", key: "a", "\"caf\u{e9}\"", at: (3, 0))
    record.consumed("probe", partition: 3, from: 0, [(0, "a", "\"cafe\u{301}\"")])
    #expect(violations().count == 2, "\(violations())")
    #expect(violations().last?.hasSuffix("was never sent") == true)
  }

  @Test func whatNobodySentIsFound() {
    send()
    record.consumed("probe", partition: 3, from: 0, [(0, "a", #""v1""#), (1, "a", #""v3""#)])
    #expect(violations() == [#""v3" was never sent"#])
  }

  @Test(arguments: [(1 as Int64, true), (0, false)]) func whatIsNotRetainedIsNotMissed(_ first: Int64, _ isGone: Bool) {
    send()
    record.notRetained("probe", partition: 3, first: first)
    #expect(violations().isEmpty == isGone)
  }

  @Test func nothingExaminedIsNoPass() {
    record.produced("load", key: "a", #""v2""#, at: nil)
    #expect(!RecordsKept().judge(record).held)
  }
}
