// The judge of consumer groups' generations by hand-made flights: each rule finds what breaks it, and does not mind
// what it must not.

import Checking
import HandMadeRecords
import MonitoringAPI
import MonitoringChecking
import Testing
import Vocabulary

/// A flight of two members of one group, on one topic.
private struct HandMadeGroup {
  let record = FlightRecord(of: ["queue-1", "member-1", "member-2"])

  private func exchange(_ request: Request, _ response: Response, _ from: Int64, _ until: Int64) {
    record.exchange("member-1", "queue-1", request, response, from, until)
  }

  private func assignment(_ member: String, _ generation: Int64, _ partitions: [Int]) -> Assignment {
    Assignment(member: member, generation: generation, partitions: partitions.map { TopicPartition(topic: "orders", partition: $0) })
  }

  func join(_ member: String, _ generation: Int64, _ partitions: [Int], _ from: Int64, _ until: Int64) {
    exchange(JoinRequest(topics: ["orders"]).request(group: "g"), assignment(member, generation, partitions).response(201), from, until)
  }

  func heartbeat(_ member: String, _ generation: Int64, _ partitions: [Int], _ from: Int64, _ until: Int64) {
    exchange(
      HeartbeatRequest(generation: 0).request(group: "g", member: member), assignment("", generation, partitions).response(200), from, until
    )
  }

  func commit(_ member: String, _ generation: Int64, _ status: Int, _ from: Int64, _ until: Int64) {
    let offset = GroupOffset(TopicPartition(topic: "orders", partition: 0), offset: 5)
    exchange(
      CommitRequest(member: member, generation: generation, offsets: [offset]).request(group: "g"), Response(status: status), from, until)
  }

  func judgement() -> Judgement { GroupsDivide(members: [record.id("member-1"), record.id("member-2")]).judge(record) }
}

@Suite struct GroupsDivideTests {
  /// Two members join, one learns of it, and both commit.
  private func good() -> HandMadeGroup {
    let group = HandMadeGroup()
    group.join("a", 1, [0, 1], 0, 10)
    group.commit("a", 1, 200, 20, 30)
    group.join("b", 2, [1], 40, 50)
    group.heartbeat("a", 2, [0], 60, 70)
    group.commit("a", 2, 200, 80, 90)
    group.commit("b", 2, 200, 80, 90)
    return group
  }

  @Test func aGroupThatIsDividedHolds() {
    let judgement = good().judgement()
    #expect(judgement.violations == [])
    #expect(judgement.held && judgement.examinedCount == 3)
  }

  @Test func nothingExaminedIsNoPass() { #expect(!HandMadeGroup().judgement().held) }

  @Test(arguments: [(200, 55 as Int64, true), (409, 55, false), (404, 55, false), (200, 45, false)])
  func aCommitOfAnEarlierGenerationIsNotTaken(_ status: Int, _ startedAt: Int64, _ isFound: Bool) {
    let group = good()
    // A commit that began before anybody was told of generation 2 may be either.
    group.commit("a", 1, status, startedAt, 95)
    #expect(
      group.judgement().violations.map(\.summary)
        == (isFound ? ["a commit of generation 1 was taken, though a member had been told of generation 2"] : []))
  }

  @Test func aCommitOutsideOfAnyDivisionIsNotJudged() {
    let group = good()
    let offset = GroupOffset(TopicPartition(topic: "orders", partition: 0), offset: 9)
    group.record.exchange(
      "member-1", "queue-1", CommitRequest(member: nil, generation: 0, offsets: [offset]).request(group: "g"), Response(status: 200), 100,
      110
    )
    #expect(group.judgement().violations == [])
  }

  @Test func generationsRiseForAllMembers() {
    let group = good()
    group.heartbeat("a", 1, [0, 1], 45, 75)
    #expect(group.judgement().violations == [], "it was asked before the other answer came")
    group.heartbeat("a", 1, [0, 1], 60, 75)
    #expect(group.judgement().violations.map(\.summary) == ["a was told of generation 1 after one of generation 2"])
  }

  @Test(arguments: [(45 as Int64, false), (60, true)]) func whoJoinsBeginsAGeneration(_ startedAt: Int64, _ isFound: Bool) {
    let group = good()
    group.join("c", 2, [], startedAt, 100)
    #expect(group.judgement().violations.map(\.summary) == (isFound ? ["c joined in generation 2 after one of generation 2"] : []))
  }

  @Test func aPartitionHasOneMemberInAGeneration() {
    let group = good()
    group.heartbeat("c", 2, [0], 100, 110)
    #expect(group.judgement().violations.map(\.summary) == ["in generation 2 partition 0 of orders was given to a and to c"])
  }

  @Test func aMembersPartStaysTheSameInAGeneration() {
    let group = good()
    group.heartbeat("b", 2, [1, 2], 100, 110)
    #expect(group.judgement().violations.map(\.summary) == ["b was given other partitions in generation 2 than before"])
  }
}
