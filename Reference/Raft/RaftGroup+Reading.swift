// Reads that are never stale: the leader notes how far the log is committed, proves by a round of heartbeats that it
// still leads, and lets the answer be given from a state that has so much applied (dissertation, section 6.4). No clock
// is trusted.

import Vocabulary

extension RaftGroup {
  /// Asks from what index on a read may be answered; `.readable` with `ticket` tells. Rounds begin with `flush`, one
  /// for all that wait.
  public mutating func read(ticket: UInt64, _ now: Instant) {
    guard case .leader(var leadership) = role else { return actions.append(.readable(ticket: ticket, nil)) }
    if planted.contains(.raftReadsByLease), now - leadership.quorumSince < configuration.electionTimeout {
      return actions.append(.readable(ticket: ticket, commitIndex))
    }
    // Before its own term has begun to be committed, a leader does not know how far the log is (section 6.4, step 1);
    // `answerReads` sees to it.
    let joined = planted.contains(.raftReadsJoinRounds) ? leadership.reads.last?.round : nil
    leadership.reads.append(PendingRead(ticket: ticket, index: commitIndex, round: joined))
    role = .leader(leadership)
    answerReads(now)
  }

  /// Begins a round where a read waits for one.
  mutating func beginRound(_ now: Instant) {
    guard case .leader(var leadership) = role, hasCommittedInTerm || planted.contains(.raftReadsBeforeOwnTerm),
      leadership.reads.contains(where: { $0.round == nil })
    else { return }
    leadership.round += 1
    for place in leadership.reads.indices where leadership.reads[place].round == nil {
      invariant(
        leadership.reads[place].index <= commitIndex,
        "\(server) was asked for a read at \(leadership.reads[place].index), and \(commitIndex) is committed")
      leadership.reads[place].round = leadership.round
      leadership.reads[place].index = max(leadership.reads[place].index, commitIndex)
    }
    role = .leader(leadership)
    sendHeartbeats(now)
    answerReads(now)
  }

  /// Answers the reads whose round a majority has answered.
  mutating func answerReads(_ now: Instant) {
    guard case .leader(var leadership) = role, !leadership.reads.isEmpty else { return }
    let isSole = quorumHolds { $0 == server }
    if isSole && hasCommittedInTerm {
      for read in leadership.reads { actions.append(.readable(ticket: read.ticket, commitIndex)) }
      leadership.reads.removeAll()
      role = .leader(leadership)
      return
    }
    var answered = 0
    for read in leadership.reads {
      guard let round = read.round else { break }
      let isProved =
        planted.contains(.raftReadsWithoutRound)
        || quorumHolds { voter in voter == server || leadership.peers.contains { $0.server == voter && $0.answeredRound >= round } }
      guard isProved else { break }
      invariant(
        round <= leadership.round && read.index <= commitIndex,
        "\(server) answers a read of round \(round) at \(read.index), in round \(leadership.round) with \(commitIndex) committed")
      actions.append(.readable(ticket: read.ticket, read.index))
      answered += 1
    }
    guard answered > 0 else { return }
    leadership.reads.removeFirst(answered)
    role = .leader(leadership)
  }
}
