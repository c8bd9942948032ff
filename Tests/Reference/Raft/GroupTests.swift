// One group by script: what goes in, and what it asks for.

import Raft
import Testing
import Vocabulary

private let one = ServerID(1)
private let two = ServerID(2)
private let three = ServerID(3)

private func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

private func group(
  _ server: ServerID = one, voters: [ServerID] = [one, two, three], hard: HardState = HardState(), start: LogPosition = .zero,
  terms: [UInt64] = []
) -> RaftGroup {
  RaftGroup(
    server: server, configuration: RaftConfiguration(), hard: hard, start: start, membership: Membership(voters: voters),
    entries: terms.map { (Term($0), 10, nil) }, random: RandomStream(seed: 1), now: instant(0))
}

/// The messages among the actions, and to whom.
private func messages(_ actions: [RaftAction]) -> [(ServerID, RaftMessage)] {
  actions.compactMap { if case .send(let to, let message, _) = $0 { (to, message) } else { nil } }
}

/// Makes `group` the leader of its next term with the votes of servers 1 and 2.
private func elect(_ group: inout RaftGroup, at milliseconds: Int64 = 1_000) {
  group.tick(instant(milliseconds))
  group.receive(RaftMessage(term: group.term.next, .preVoteResponse(isGranted: true)), from: two, instant(milliseconds))
  group.storedState(of: group.term, instant(milliseconds))
  group.receive(RaftMessage(term: group.term, .voteResponse(isGranted: true)), from: two, instant(milliseconds))
}

@Suite struct GroupTests {
  @Test func anElectionAsksFirstAndCountsItsOwnVoteWhenItIsDurable() {
    var group = group()
    group.tick(instant(1_000))
    #expect(messages(group.takeActions()).map(\.1.body) == [.preVoteRequest(last: .zero), .preVoteRequest(last: .zero)])
    #expect(group.term == .zero, "asking changes nothing")
    group.receive(RaftMessage(term: Term(1), .preVoteResponse(isGranted: true)), from: two, instant(1_001))
    let asked = group.takeActions()
    #expect(asked.first == .save(HardState(term: Term(1), votedFor: one)), "the vote is written before it is asked for")
    let request = RaftMessage.Body.voteRequest(last: .zero, isTransfer: false)
    #expect(messages(asked).map(\.1.body) == [request, request])
    group.receive(RaftMessage(term: Term(1), .voteResponse(isGranted: true)), from: two, instant(1_002))
    #expect(!group.isLeader, "its own vote is not durable yet")
    group.storedState(of: Term(1), instant(1_003))
    #expect(group.isLeader)
  }

  @Test func aVoteIsGivenOnceAndAgainToTheSame() {
    var group = group(two)
    func ask(_ candidate: ServerID) -> Bool? {
      group.receive(RaftMessage(term: Term(5), .voteRequest(last: .zero, isTransfer: false)), from: candidate, instant(10))
      let answers = messages(group.takeActions()).map(\.1.body)
      if case .voteResponse(let isGranted)? = answers.last { return isGranted }
      return nil
    }
    #expect(ask(one) == true)
    #expect(ask(three) == false)
    #expect(ask(one) == true)
  }

  @Test func aVoteGoesToNoLogThatIsBehind() {
    var group = group(two, hard: HardState(term: Term(3)), terms: [1, 3])
    for (last, isGranted) in [
      (LogPosition(index: LogIndex(9), term: Term(1)), false), (LogPosition(index: LogIndex(1), term: Term(3)), false),
      (LogPosition(index: LogIndex(2), term: Term(3)), true),
    ] {
      group.receive(RaftMessage(term: group.term.next, .voteRequest(last: last, isTransfer: false)), from: one, instant(10))
      #expect(messages(group.takeActions()).last?.1.body == .voteResponse(isGranted: isGranted), "\(last)")
    }
  }

  @Test func entriesOfEarlierTermsAreCommittedOnlyWithOneOfItsOwn() {
    // Raft, figure 8: an entry of term 1 on a majority is not committed by a leader of term 3.
    var group = group(hard: HardState(term: Term(2)), terms: [1, 1])
    elect(&group)
    #expect(group.isLeader && group.last == LogPosition(index: LogIndex(3), term: Term(3)))
    _ = group.takeActions()
    group.receive(
      RaftMessage(term: Term(3), .appendResponse(.init(.matched(LogIndex(2)), round: 0))), from: two, instant(1_010))
    #expect(group.commitIndex == .zero)
    group.stored(upTo: LogIndex(3), instant(1_020))
    group.receive(
      RaftMessage(term: Term(3), .appendResponse(.init(.matched(LogIndex(3)), round: 0))), from: two, instant(1_030))
    #expect(group.commitIndex == LogIndex(3))
    #expect(group.takeActions().contains(.commit(upTo: LogIndex(3))))
  }

  @Test func aConflictIsReplacedAndACommittedEntryNever() {
    var group = group(two, hard: HardState(term: Term(2)), terms: [1, 1, 2])
    func append(_ previous: LogPosition, _ terms: [UInt64], commit: UInt64) -> [RaftAction] {
      let entries = terms.map { LogEntry(term: Term($0), kind: .command, bytes: [1]) }
      group.receive(
        RaftMessage(term: Term(3), .append(.init(previous: previous, entries: entries, commit: LogIndex(commit), round: 1))), from: one,
        instant(10))
      return group.takeActions()
    }
    _ = append(LogPosition(index: LogIndex(2), term: Term(1)), [3], commit: 3)
    #expect(group.last == LogPosition(index: LogIndex(3), term: Term(3)))
    #expect(group.commitIndex == LogIndex(3))
    // Nothing that is committed gives way, whatever comes.
    #expect(
      append(LogPosition(index: LogIndex(1), term: Term(1)), [2], commit: 3).allSatisfy { if case .append = $0 { false } else { true } })
    #expect(group.last == LogPosition(index: LogIndex(3), term: Term(3)))
  }

  @Test func aFollowerWhoseEntryAtTheStartIsAnothersGetsTheSnapshot() {
    // A leader whose log begins behind index 303 of term 4 probed for ever a follower that had 303 of term 3.
    var group = group(hard: HardState(term: Term(4)), start: LogPosition(index: LogIndex(303), term: Term(4)), terms: [4, 4])
    elect(&group)
    _ = group.takeActions()
    group.receive(
      RaftMessage(
        term: group.term,
        .appendResponse(
          .init(.rejected(previous: LogIndex(305), hint: LogPosition(index: LogIndex(303), term: Term(3))), round: 0))), from: two,
      instant(1_010))
    #expect(group.takeActions().contains { if case .sendSnapshot(two, _, _) = $0 { true } else { false } })
  }

  @Test func aLeaderThatReachesNobodyStepsDown() {
    var group = group()
    elect(&group)
    _ = group.takeActions()
    group.tick(instant(1_200))
    #expect(group.isLeader)
    for milliseconds in stride(from: Int64(1_300), through: 2_000, by: 100) { group.tick(instant(milliseconds)) }
    #expect(!group.isLeader)
  }

  @Test func aReadWaitsForARoundThatAMajorityAnswered() {
    var group = group()
    elect(&group)
    group.stored(upTo: LogIndex(1), instant(1_001))
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(1)), round: 0))), from: two, instant(1_002))
    #expect(group.hasCommittedInTerm)
    _ = group.takeActions()
    group.read(ticket: 7, instant(1_003))
    group.flush(instant(1_003))
    #expect(!group.takeActions().contains(.readable(ticket: 7, LogIndex(1))))
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(1)), round: 0))), from: two, instant(1_004))
    #expect(!group.takeActions().contains(.readable(ticket: 7, LogIndex(1))), "an answer to an earlier round proves nothing")
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(1)), round: 1))), from: three, instant(1_005))
    #expect(group.takeActions().contains(.readable(ticket: 7, LogIndex(1))))
  }

  @Test func aDamagedLogVotesOnlyForLogsThatReachItsFloor() {
    let floor = LogPosition(index: LogIndex(8), term: Term(2))
    var group = group(two, hard: HardState(term: Term(2), floor: floor), terms: [1, 1])
    group.tick(instant(5_000))
    #expect(messages(group.takeActions()).isEmpty, "it stands for no election")
    group.receive(
      RaftMessage(term: Term(3), .voteRequest(last: LogPosition(index: LogIndex(7), term: Term(2)), isTransfer: false)), from: one,
      instant(5_001))
    #expect(messages(group.takeActions()).last?.1.body == .voteResponse(isGranted: false))
    group.receive(RaftMessage(term: Term(4), .voteRequest(last: floor, isTransfer: false)), from: one, instant(5_002))
    #expect(messages(group.takeActions()).last?.1.body == .voteResponse(isGranted: true))
  }

  @Test func aChangeOfMembersNeedsBothMajorities() throws {
    var group = group()
    elect(&group)
    #expect(throws: MembershipRefusal.busy) { try group.change(to: Membership(voters: [one, two]), instant(1_000)) }
    group.stored(upTo: LogIndex(1), instant(1_001))
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(1)), round: 0))), from: two, instant(1_002))
    _ = try group.change(to: Membership(voters: [one, ServerID(4), ServerID(5)]), instant(1_003))
    #expect(group.membership.isJoint)
    group.stored(upTo: LogIndex(2), instant(1_004))
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(2)), round: 0))), from: two, instant(1_005))
    #expect(group.commitIndex == LogIndex(1), "no majority of the new servers has it")
    group.receive(RaftMessage(term: Term(1), .appendResponse(.init(.matched(LogIndex(2)), round: 0))), from: ServerID(4), instant(1_006))
    #expect(group.commitIndex == LogIndex(2))
    #expect(!group.membership.isJoint, "the new membership alone follows at once")
  }

  /// Server 1 led while servers 1 and 3 gave way to 3 and 5, and crashed when only it had the last step. Servers 3 and
  /// 5 still need a majority of 1 and 3, and server 1 votes for no log that is behind its own: it must stand itself.
  @Test func whoLeavesStandsUntilItsLeavingIsCommitted() {
    let five = ServerID(5)
    let joint = Membership(voters: [three, five], outgoing: [one, three])
    let settled = Membership(voters: [three, five])
    var group = RaftGroup(
      server: one, configuration: RaftConfiguration(), hard: HardState(term: Term(1)), start: .zero,
      membership: Membership(voters: [one, three]), entries: [(Term(1), 10, joint), (Term(1), 10, settled)], random: RandomStream(seed: 1),
      now: instant(0))
    group.tick(instant(1_000))
    #expect(messages(group.takeActions()).map(\.0) == [three, five])
    group.receive(RaftMessage(term: Term(2), .preVoteResponse(isGranted: true)), from: three, instant(1_001))
    #expect(group.term == Term(1), "its own vote is not counted: it is no member of what comes")
    group.receive(RaftMessage(term: Term(2), .preVoteResponse(isGranted: true)), from: five, instant(1_001))
    group.storedState(of: Term(2), instant(1_002))
    for voter in [three, five] { group.receive(RaftMessage(term: Term(2), .voteResponse(isGranted: true)), from: voter, instant(1_003)) }
    #expect(group.isLeader)
    _ = group.takeActions()
    // Once its leaving is committed it leads no longer, and stands no more.
    group.stored(upTo: group.last.index, instant(1_004))
    for follower in [three, five] {
      group.receive(
        RaftMessage(term: Term(2), .appendResponse(.init(.matched(group.last.index), round: 0))), from: follower, instant(1_005))
    }
    #expect(!group.isLeader)
    _ = group.takeActions()
    group.tick(instant(9_000))
    #expect(messages(group.takeActions()).isEmpty)
  }

  @Test func whoMayNotStandForgetsALeaderThatItHearsNoMore() {
    // A server that had left named the leader that had left too; clients went to and fro between the two for ever.
    var group = group(two, voters: [one, three])
    group.receive(
      RaftMessage(term: Term(1), .append(.init(previous: .zero, entries: [], commit: .zero, round: 0))), from: one, instant(100))
    #expect(group.leader == one)
    group.tick(instant(2_000))
    #expect(group.leader == nil)
    let said = messages(group.takeActions())
    #expect(!said.isEmpty && said.allSatisfy { if case .appendResponse = $0.1.body { true } else { false } }, "it does not stand")
  }

  @Test func aVoterThatBecomesALearnerIsOneAfterTheJointStep() {
    let joint = Membership(voters: [one, two, three]).changing(to: Membership(voters: [one, two], learners: [three]))
    #expect(joint.isJoint && joint.isVoter(three))
    #expect(joint.settled == Membership(voters: [one, two], learners: [three]))
  }
}
