// Raft's bytes: what is written is read, and what is damaged is refused without a trap.

import Raft
import Testing
import Vocabulary
import Wire

private let entry = LogEntry(term: Term(3), kind: .command, bytes: Array(repeating: 7, count: 40))
private let membership = Membership(voters: [ServerID(1), ServerID(4)], outgoing: [ServerID(2)], learners: [ServerID(9)])
private let position = LogPosition(index: LogIndex(300), term: Term(2))

private let all: [RaftMessage] = [
  RaftMessage(term: Term(1), .preVoteRequest(last: position)), RaftMessage(term: Term(1), .preVoteResponse(isGranted: true)),
  RaftMessage(term: Term(1), .preVoteResponse(isGranted: false)),
  RaftMessage(term: Term(1 << 40), .voteRequest(last: position, isTransfer: false)),
  RaftMessage(term: Term(1), .voteRequest(last: .zero, isTransfer: true)), RaftMessage(term: Term(1), .voteResponse(isGranted: true)),
  RaftMessage(term: Term(1), .voteResponse(isGranted: false)),
  RaftMessage(
    term: Term(4),
    .append(
      .init(
        previous: position, entries: [entry, LogEntry(term: Term(3), kind: .membership, bytes: membership.encoded)], commit: LogIndex(299),
        round: 12))),
  RaftMessage(term: Term(4), .appendResponse(.init(.matched(LogIndex(302)), round: 12))),
  RaftMessage(term: Term(4), .appendResponse(.init(.rejected(previous: LogIndex(302), hint: position), round: 12))),
  RaftMessage(term: Term(4), .snapshot(.init(last: position, membership: membership, state: [1, 2, 3]), round: 5)),
  RaftMessage(term: Term(4), .timeoutNow),
]

private func bytes(_ message: RaftMessage) -> [UInt8] {
  var writer = ByteWriter()
  message.write(to: &writer)
  return writer.finish()
}

@Suite struct MessageTests {
  @Test(arguments: all) func whatIsWrittenIsRead(_ message: RaftMessage) throws {
    var reader = ByteReader(bytes(message))
    #expect(try RaftMessage(from: &reader) == message)
    #expect(reader.isAtEnd)
  }

  @Test(arguments: all) func noPrefixIsAMessage(_ message: RaftMessage) {
    let whole = bytes(message)
    for count in 0..<whole.count {
      var reader = ByteReader(Array(whole[..<count]))
      #expect(throws: ByteError.self) { try RaftMessage(from: &reader) }
    }
  }

  @Test func damagedBytesTrapNowhere() {
    var random = RandomStream(seed: 11, name: "damage")
    var (read, refused) = (0, 0)
    for _ in 0..<20_000 {
      var damaged = bytes(all[Int(random.below(UInt64(all.count)))])
      for _ in 0...random.below(4) where !damaged.isEmpty {
        damaged[Int(random.below(UInt64(damaged.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      var reader = ByteReader(damaged)
      if let message = try? RaftMessage(from: &reader) {
        read += 1
        // What reads is a message: written again, it reads as the same.
        var again = ByteReader(bytes(message))
        #expect((try? RaftMessage(from: &again)) == message)
      } else {
        refused += 1
      }
    }
    #expect(read > 100 && refused > 100)
  }
}
