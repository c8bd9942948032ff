// The five properties of Raft, and that all agree in the end, by hand-made facts: each is broken once.

import Checking
import HandMadeRecords
import Raft
import RaftChecking
import Testing
import Vocabulary

@Suite struct RaftSafetyTests {
  private let record = FlightRecord(of: ["server-1", "server-2", "server-3"])
  private let nodes = (0..<3).map { NodeID(UInt16($0)) }

  /// Server 1 leads term 1; servers 1 and 2 have one entry, which is committed.
  private func replicate() {
    record.state(.raftLed, nodes[0], 1)
    for node in nodes[0...1] {
      record.state(.raftAppended, node, 2, index: 1, rest: 7)
      record.state(.raftCommitted, node, 3, index: 1)
    }
  }

  private func violations() -> [String] { RaftSafety(RaftLedger(record.observations)).judge(record).violations.map(\.summary) }

  @Test func aLogThatIsReplicatedHolds() {
    replicate()
    record.state(.raftLed, nodes[1], 5, term: 2)
    record.state(.raftAppended, nodes[1], 6, index: 2, term: 2, rest: 8)
    let judgement = RaftSafety(RaftLedger(record.observations)).judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test func twoLeadersOfOneTermAreFound() {
    replicate()
    record.state(.raftLed, nodes[1], 5)
    #expect(violations() == ["election safety: node 0 and node 1 lead group 0 in term 1"])
  }

  @Test func aLeaderThatReplacesItsEntryIsFound() {
    record.state(.raftLed, nodes[0], 1)
    record.state(.raftAppended, nodes[0], 2, index: 1, rest: 7)
    record.state(.raftAppended, nodes[0], 3, index: 1, rest: 7)
    #expect(violations() == ["leader append-only: node 0 leads group 0 in term 1 and replaces its entry at index 1"])
  }

  @Test func twoEntriesOfOnePlaceAndTermAreFound() {
    record.state(.raftAppended, nodes[0], 2, index: 1, rest: 7)
    record.state(.raftAppended, nodes[1], 2, index: 1, rest: 8)
    #expect(violations() == ["log matching: two different entries stand at index 1 of term 1 in group 0"])
  }

  @Test func logsThatAgreeBehindWhereTheyDifferAreFound() {
    for (node, term) in [(nodes[0], 1 as UInt64), (nodes[1], 2)] {
      record.state(.raftAppended, node, 2, index: 1, term: term, rest: 7)
      record.state(.raftAppended, node, 3, index: 2, term: 3, rest: 9)
    }
    #expect(violations() == ["log matching: two logs of group 0 agree at index 2 and differ before it"])
  }

  @Test func anEntryBehindAGapIsFound() {
    record.state(.raftAppended, nodes[0], 2, index: 2, rest: 7)
    #expect(violations() == ["log matching: node 0 put an entry at index 2 of group 0, whose log ends at 0"])
  }

  @Test func aLeaderWithoutWhatWasCommittedIsFound() {
    replicate()
    record.state(.raftLed, nodes[2], 5, term: 2)
    #expect(
      violations() == [
        "leader completeness: node 2 leads group 0 in term 2 without the entry at index 1 that was committed in term 1"
      ])
  }

  @Test func aCommittedEntryThatIsReplacedIsFound() {
    replicate()
    record.state(.raftAppended, nodes[1], 5, index: 1, term: 2, rest: 9)
    #expect(violations() == ["state machine safety: node 1 replaces the committed entry at index 1 of group 0"])
  }

  @Test func twoEntriesCommittedAtOnePlaceAreFound() {
    replicate()
    record.state(.raftAppended, nodes[2], 5, index: 1, term: 2, rest: 9)
    record.state(.raftCommitted, nodes[2], 6, index: 1, term: 2)
    #expect(violations() == ["state machine safety: index 1 of group 0 is committed with two different entries"])
  }

  @Test func aCommitOfWhatTheLogDoesNotHaveIsFound() {
    record.state(.raftCommitted, nodes[2], 6, index: 1)
    #expect(violations() == ["state machine safety: node 2 commits index 1 of group 0, which its log does not have"])
  }

  @Test func nothingCommittedIsNoPass() {
    record.state(.raftLed, nodes[0], 1)
    #expect(!RaftSafety(RaftLedger(record.observations)).judge(record).held)
  }

  // MARK: in the end

  private func agreement(endedAt: Int64) -> Judgement {
    RaftAgreement(RaftLedger(record.observations), endedAt: instant(endedAt)).judge(record)
  }

  @Test func whoKnowsLessInTheEndIsFound() {
    replicate()
    #expect(agreement(endedAt: 5_000).held && agreement(endedAt: 5_000).examinedCount == 2, "\(agreement(endedAt: 5_000).violations)")
    record.state(.raftAppended, nodes[2], 10, index: 1, rest: 7)
    #expect(agreement(endedAt: 5_000).violations.map(\.summary) == ["server-3 knows group 0 to be committed up to index 0 of 1"])
    #expect(agreement(endedAt: 1_000).held, "what was committed in the last second may be unknown to it")
  }

  @Test func whoHeardNothingAgreesOnNothing() { #expect(!agreement(endedAt: 5_000).held) }
}
