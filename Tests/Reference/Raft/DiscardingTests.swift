// What a server writes to give up old segments, what it refuses to take as a state, and how it shares the way to a
// server that lags. MONITORING-9, 10.

import Raft
import Testing
import Vocabulary

private let one = ServerID(1)

@Suite struct DiscardingTests {
  /// A state that fits into no record is refused, and nothing is lost by it: the server goes on, and the entries stay.
  @Test func aStateThatIsTooLongIsNotTaken() throws {
    let life = try LoneServer()
    let position = try life.server.propose([1], to: GroupID(0), life.disk)
    life.settle()
    let tooLong = Array(repeating: UInt8(7), count: RaftServer.maximumStateBytes + 1)
    #expect(!life.server.compact(GroupID(0), upTo: position.index, state: tooLong, &life.turn))
    life.settle()
    #expect(!life.server.hasFailed)
    #expect(try life.server.entries(GroupID(0), from: position.index, count: 1, life.disk).first?.bytes == [1])
    #expect(life.server.compact(GroupID(0), upTo: position.index, state: Array(tooLong.dropLast()), &life.turn))
    life.settle()
    try life.start()
    #expect(
      life.server.takeUpdates().contains {
        if case .installed(_, let snapshot) = $0 { snapshot.state == tooLong.dropLast() } else { false }
      })
  }

  /// The long state of a quiet group is written again only when the segment goes in which it stands.
  @Test func whatStandsFurtherOnIsNotWrittenAgain() throws {
    let life = try LoneServer(groupCount: 2) { $0.segmentBytes = 4_096 }
    let state = Array(repeating: UInt8(3), count: 50_000)
    let position = try life.server.propose([1], to: GroupID(1), life.disk)
    life.settle()
    life.server.compact(GroupID(1), upTo: position.index, state: state, &life.turn)
    life.settle()
    var writtenBytes = 0
    var last = LogIndex.zero
    for number in 0..<3_000 {
      last = try life.server.propose(Array(repeating: UInt8(number % 256), count: 40), to: GroupID(0), life.disk).index
      if number % 10 == 9, last.value > 1_000 {
        life.server.compact(GroupID(0), upTo: LogIndex(last.value - 1_000), state: [UInt8(number % 256)], &life.turn)
      }
      life.server.finish(&life.turn)
      writtenBytes += life.disk.unsyncedBytes
      life.settle()
    }
    // The entries are 250 KB; each time that all has moved on (1,000 entries and the state) the state is written once
    // more, not with each segment.
    #expect(writtenBytes < 700_000, "\(writtenBytes) bytes were written")
    #expect(life.server.journalBytes < 250_000, "\(life.server.journalBytes) bytes are kept")
    try life.start()
    let states = life.server.takeUpdates().compactMap { if case .installed(GroupID(1), let snapshot) = $0 { snapshot.state } else { nil } }
    #expect(states == [state])
    #expect(try life.server.entries(GroupID(0), from: last, count: 1, life.disk).count == 1)
  }

  /// A server that comes back lags in all groups at once: what goes out to it in one turn is bounded, in sum and in
  /// each batch.
  @Test func groupsShareTheWayToAServer() throws {
    let groups = UInt16(8)
    let others = [ServerID(2), ServerID(3)]
    let life = try LoneServer(groupCount: Int(groups), servers: [one] + others) {
      $0.raft.bytesUnderWay = 4 << 20
      $0.raft.messageBytes = 1 << 20
    }
    // Nobody is heard, until all groups ask whether they would be elected; then the other two elect it.
    for _ in 0..<80 { life.tick() }
    for group in 0..<groups {
      life.receive(RaftMessage(term: Term(1), .preVoteResponse(isGranted: true)), GroupID(group), from: others[0])
      life.receive(RaftMessage(term: Term(1), .voteResponse(isGranted: true)), GroupID(group), from: others[0])
      #expect(life.server.isLeader(of: GroupID(group)))
    }
    life.tick()
    for group in 0..<groups {
      for _ in 0..<40 { _ = try life.server.propose(Array(repeating: 5, count: 100_000), to: GroupID(group), life.disk) }
    }
    life.settle()
    while life.turn.effects.next() != nil {}
    // The third server answers for all its groups in one turn: it has nothing yet.
    var answers: [[UInt8]] = []
    for group in 0..<groups {
      let last = try #require(life.server.group(GroupID(group))?.start)
      let response = RaftMessage.AppendResponse(.matched(last.index), round: 0)
      answers.append(LoneServer.batch(RaftMessage(term: Term(1), .appendResponse(response)), GroupID(group)))
    }
    _ = life.server.handle(.message(from: NodeID(3), LoneServer.joined(answers)), &life.turn)
    life.server.finish(&life.turn)
    var batches: [Int] = []
    while let pending = life.turn.effects.next() {
      if case .message(to: NodeID(3), let bytes) = pending.effect { batches.append(bytes.count) }
    }
    #expect(batches.reduce(0, +) > 2 << 20, "much is sent: \(batches)")
    #expect(batches.reduce(0, +) < 6 << 20, "and not all of 32 MB: \(batches)")
    #expect(batches.allSatisfy { $0 < 6 << 20 })
  }
}
