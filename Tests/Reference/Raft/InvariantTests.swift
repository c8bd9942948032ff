// The invariants of this room end the process.

import Durable
import Testing
import Vocabulary

@testable import Raft

/// A server that follows in term 5, with one entry.
private func follower() -> RaftGroup {
  RaftGroup(
    server: ServerID(1), configuration: RaftConfiguration(), hard: HardState(term: Term(5)), start: .zero,
    membership: Membership(voters: [ServerID(1), ServerID(2), ServerID(3)]), entries: [(Term(5), 1, nil)], random: RandomStream(seed: 1),
    now: Instant(nanoseconds: 0))
}

@Suite struct InvariantTests {
  @Test func aTermThatRunsBackwards() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var group = follower()
      group.follow(Term(4), ServerID(2), Instant(nanoseconds: 0))
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: server 1 would go back from term 5 to term 4"))
  }

  @Test func entriesBeforeTheStore() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let entry = LogEntry(term: Term(5), kind: .command, bytes: [])
      var log = EntryStore(recentLimitBytes: 1 << 10)
      log.restart(at: LogIndex(7))
      log.append([entry], first: LogIndex(6), at: JournalLocation(position: JournalPosition(0), payloadBytes: 1))
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: entries from index 6 on before a store that begins at index 7"))
  }

  @Test func aLeaderIsMadeByItsOwnVote() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var group = follower()
      group.tick(Instant(nanoseconds: 0) + .seconds(1))
      group.receive(RaftMessage(term: Term(6), .preVoteResponse(isGranted: true)), from: ServerID(2), Instant(nanoseconds: 0) + .seconds(1))
      group.hard.votedFor = ServerID(3)
      group.countVote(ServerID(1), Term(6), true, Instant(nanoseconds: 0) + .seconds(1))
      group.countVote(ServerID(2), Term(6), true, Instant(nanoseconds: 0) + .seconds(1))
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: server 1 leads term 6, in which it voted for"))
  }
}
