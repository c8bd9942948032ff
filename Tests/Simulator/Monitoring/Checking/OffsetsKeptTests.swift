// The judge of committed offsets by hand-made flights: it finds an offset that is forgotten and one that nobody sent,
// and does not mind what came between.

import Checking
import HandMadeRecords
import MonitoringAPI
import MonitoringChecking
import Testing
import Vocabulary

private let partition = TopicPartition(topic: "orders", partition: 3)

private struct HandMadeGroup {
  let record = FlightRecord(of: ["queue-1", "member-1"])

  private func exchange(_ request: Request, _ response: Response, _ from: Int64, _ until: Int64) {
    record.exchange("member-1", "queue-1", request, response, from, until)
  }

  func commit(_ offset: Int64, _ status: Int, _ from: Int64, _ until: Int64) {
    exchange(
      CommitRequest(member: "a", generation: 1, offsets: [GroupOffset(partition, offset: offset)]).request(group: "g"),
      Response(status: status), from, until)
  }

  func reads(_ offset: Int64?, _ from: Int64, _ until: Int64) {
    let found = offset.map { [GroupOffset(partition, offset: $0)] } ?? []
    exchange(Request(.get, "/groups/g/offsets"), GroupOffsets(found).response(), from, until)
  }

  func judgement() -> Judgement { OffsetsKept(callers: [record.id("member-1")]).judge(record) }
}

@Suite struct OffsetsKeptTests {
  @Test func nothingExaminedIsNoPass() {
    let group = HandMadeGroup()
    group.commit(5, 200, 10, 20)
    #expect(!group.judgement().held, "nobody asked")
  }

  @Test func whatWasCommittedOrMayHaveBeenIsTold() {
    let group = HandMadeGroup()
    group.reads(nil, 0, 5)
    group.commit(5, 200, 10, 20)
    // It began before the commit was answered.
    group.reads(nil, 15, 30)
    group.reads(5, 30, 40)
    // Open: it may have come to pass, late too.
    group.commit(9, 504, 50, 60)
    group.reads(5, 70, 80)
    group.reads(9, 90, 100)
    let judgement = group.judgement()
    #expect(judgement.held && judgement.examinedCount == 5, "\(judgement.violations)")
  }

  @Test func anOffsetThatIsForgottenIsFound() {
    let group = HandMadeGroup()
    group.commit(5, 200, 10, 20)
    group.reads(nil, 30, 40)
    #expect(group.judgement().violations.map(\.summary) == ["group g has no offset of partition 3 of orders any more, and had committed 5"])
  }

  @Test func anOffsetThatNobodySentIsFound() {
    let group = HandMadeGroup()
    group.commit(5, 200, 10, 20)
    group.reads(6, 30, 40)
    group.commit(6, 200, 50, 60)
    #expect(group.judgement().violations.map(\.summary) == ["group g has offset 6 of partition 3 of orders, which no member had committed"])
  }
}
