// The judge of delivery to groups by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringAPI
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct GroupsDeliverTests {
  private let record = FlightRecord(of: ["queue", "member-1", "load"])

  private func commit(_ offset: Int64, generation: Int64 = 1, status: Int = 200, _ from: Int64, _ until: Int64) {
    let place = GroupOffset(TopicPartition(topic: QueueAPI.inboundTopic, partition: 3), offset: offset)
    record.exchange(
      "member-1", "queue", CommitRequest(member: "a", generation: generation, offsets: [place]).request(group: "g"),
      Response(status: status), from, until)
  }

  /// Two records are sent, and both delivered by 20 ms.
  private func deliver() {
    record.produced("load", key: "a", "1", at: (3, 0), 0, 5)
    record.produced("load", key: "a", "2", at: (3, 1), 0, 5)
    record.consumed("member-1", partition: 3, from: 0, [(0, "a", "1"), (1, "a", "2")], 10, 20)
  }

  private func violations() -> [String] { GroupsDeliver(members: [record.id("member-1")]).judge(record).violations.map(\.summary) }

  @Test func whatIsDeliveredAndThenCommittedHolds() {
    deliver()
    commit(2, 20, 30)
    let judgement = GroupsDeliver(members: [record.id("member-1")]).judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test func aCommitOfWhatWasNeverDeliveredIsFound() {
    deliver()
    commit(3, 20, 30)
    #expect(violations() == ["offset 3 of partition 3 was committed, and offset 2 was never delivered"])
  }

  @Test func aCommitBeforeTheDeliveryIsFound() {
    deliver()
    commit(2, 15, 30)
    #expect(violations() == ["offset 2 of partition 3 was committed, and offset 0 was never delivered"])
  }

  @Test func aCommitThatWasRefusedIsNotJudged() {
    deliver()
    commit(3, status: 409, 20, 30)
    commit(2, 30, 40)
    #expect(violations() == [])
  }

  @Test(arguments: [(50 as Int64, true), (35, false)]) func aCommitOfAnEarlierGenerationIsFound(_ startedAt: Int64, _ isFound: Bool) {
    deliver()
    commit(1, generation: 2, 30, 40)
    commit(2, generation: 1, startedAt, 60)
    #expect(violations() == (isFound ? ["a commit of generation 1 was taken after one of generation 2 had been"] : []))
  }

  @Test func whatIsNeverDeliveredIsFound() {
    deliver()
    commit(2, 20, 30)
    record.produced("load", key: "a", "3", at: (3, 2), 40, 50)
    #expect(violations() == ["offset 2 of partition 3 was acknowledged and never delivered to the group"])
  }

  @Test func nothingExaminedIsNoPass() {
    deliver()
    #expect(!GroupsDeliver(members: [record.id("member-1")]).judge(record).held, "nothing was committed")
  }
}
