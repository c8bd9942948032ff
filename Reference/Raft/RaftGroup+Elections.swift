// Elections: pre-vote, vote, and the check that a leader still reaches a majority (Raft, section 5.2; dissertation,
// sections 6.2 and 9.6).

import Vocabulary

extension RaftGroup {
  /// Whether this server may stand for election: it votes, and its log is whole. Who leaves goes on to stand until its
  /// leaving is known to be committed: it may be the only one whose log a majority of the old members can follow
  /// (dissertation, section 4.2.2).
  var mayCampaign: Bool { (log.membership.isVoter(server) || isLeaving) && hard.floor == nil }

  /// Whether the newest membership leaves this server out, is not known to be committed, and one before it did not
  /// leave it out.
  private var isLeaving: Bool {
    guard log.membershipIndex > commitIndex else { return false }
    return log.memberships.dropLast().contains { $0.membership.isVoter(server) }
  }

  /// What this server's vote protects: its log, or what it held before a part of it was damaged.
  private var protected: LogPosition {
    guard let floor = hard.floor, floor.isAtLeast(log.last) else { return log.last }
    return floor
  }

  /// Whether a leader was heard so recently that another election would only disturb.
  func hearsLeader(_ now: Instant) -> Bool {
    switch role {
    case .leader: true
    case .follower, .preCandidate, .candidate: leader != nil && now - leaderHeardAt < configuration.electionTimeout
    }
  }

  mutating func campaign(_ now: Instant) {
    invariant(!isLeader, "\(server) leads \(hard.term) and would stand for election")
    // Who may not stand forgets the leader too: one that left with it would send clients to it for ever.
    leader = nil
    guard mayCampaign else { return resetElection(now) }
    if planted.contains(.raftSkipsPreVote) { return startElection(now, isTransfer: false) }
    role = .preCandidate(Poll(granted: [server]))
    resetElection(now)
    if quorumHolds({ $0 == server }) { return startElection(now, isTransfer: false) }
    for voter in log.membership.everyone where voter != server && log.membership.isVoter(voter) {
      send(voter, .preVoteRequest(last: log.last), term: hard.term.next, .afterState)
    }
  }

  mutating func startElection(_ now: Instant, isTransfer: Bool) {
    invariant(!isLeader, "\(server) leads \(hard.term) and would begin another term")
    invariant(mayCampaign, "\(server) stands for election with the floor \(String(describing: hard.floor)) and \(log.membership)")
    invariant(hard.term.next > hard.term, "no term comes after \(hard.term)")
    hard.term = hard.term.next
    hard.votedFor = server
    leader = nil
    if !planted.contains(.raftForgetsVote) { save() }
    actions.append(.stands(hard.term, isTransfer: isTransfer))
    // Its own vote counts once it is durable: a sole voter that led before could begin the same term twice.
    role = .candidate(Poll(granted: []))
    resetElection(now)
    for voter in log.membership.everyone where voter != server && log.membership.isVoter(voter) {
      send(voter, .voteRequest(last: log.last, isTransfer: isTransfer), .afterAll)
    }
  }

  /// The hard state of `term` is durable.
  public mutating func storedState(of term: Term, _ now: Instant) {
    guard hard.votedFor == server else { return }
    countVote(server, term, true, now)
  }

  // MARK: answering

  mutating func answerPreVote(_ candidate: ServerID, _ proposed: Term, _ last: LogPosition, _ now: Instant) {
    let isUpToDate = last.isAtLeast(protected) || planted.contains(.raftPreVoteIgnoresLog)
    let isGranted = proposed > hard.term && isUpToDate && (!hearsLeader(now) || planted.contains(.raftPreVoteIgnoresLeader))
    if isGranted && planted.contains(.raftPreVoteResetsVote) { hard.votedFor = nil }
    send(candidate, .preVoteResponse(isGranted: isGranted), term: isGranted ? proposed : hard.term, .afterState)
  }

  mutating func answerVote(_ candidate: ServerID, _ term: Term, _ last: LogPosition, _ now: Instant) {
    guard term == hard.term else {
      if term < hard.term { send(candidate, .voteResponse(isGranted: false), .afterAll) }
      return
    }
    let isFree = hard.votedFor == nil || hard.votedFor == candidate
    let isUpToDate = last.isAtLeast(protected) || planted.contains(.raftVoteIgnoresLog)
    let isGranted = (isFree || planted.contains(.raftVotesTwice)) && isUpToDate
    if isGranted {
      invariant(
        hard.votedFor == nil || hard.votedFor == candidate || !planted.isEmpty,
        "\(server) voted for \(String(describing: hard.votedFor)) in \(hard.term) and would vote for \(candidate)")
      invariant(!isLeader || !planted.isEmpty, "\(server) leads \(hard.term) and would vote for \(candidate) in it")
      if hard.votedFor != candidate {
        hard.votedFor = candidate
        if !planted.contains(.raftForgetsVote) { save() }
      }
      resetElection(now)
    }
    send(candidate, .voteResponse(isGranted: isGranted), planted.contains(.raftVotesBeforeDurable) ? .immediately : .afterAll)
  }

  // MARK: counting

  mutating func countPreVote(_ voter: ServerID, _ term: Term, _ isGranted: Bool, _ now: Instant) {
    guard case .preCandidate(var poll) = role, !isGranted || term == hard.term.next else { return }
    note(voter, isGranted, &poll)
    role = .preCandidate(poll)
    if quorumHolds({ poll.granted.contains($0) }) {
      startElection(now, isTransfer: false)
    } else if deciding.isBlocked({ poll.refused.contains($0) }) {
      role = .follower
    }
  }

  mutating func countVote(_ voter: ServerID, _ term: Term, _ isGranted: Bool, _ now: Instant) {
    guard term == hard.term, case .candidate(var poll) = role else { return }
    note(voter, isGranted, &poll)
    role = .candidate(poll)
    if quorumHolds({ poll.granted.contains($0) }) {
      lead(now)
    } else if deciding.isBlocked({ poll.refused.contains($0) }) {
      role = .follower
    }
  }

  private func note(_ voter: ServerID, _ isGranted: Bool, _ poll: inout Poll) {
    if isGranted { poll.granted.insert(voter) } else { poll.refused.insert(voter) }
  }

  // MARK: leading

  private mutating func lead(_ now: Instant) {
    let next = log.lastIndex.next
    invariant(
      hard.votedFor == server || !planted.isEmpty,
      "\(server) leads \(hard.term), in which it voted for \(String(describing: hard.votedFor))")
    invariant(hard.floor == nil, "\(server) leads \(hard.term) with a damaged log: \(String(describing: hard.floor))")
    invariant(log.last.term < hard.term, "\(server) begins to lead \(hard.term) with an entry of \(log.last.term)")
    role = .leader(
      Leadership(
        peers: log.membership.everyone.filter { $0 != server }.map { PeerProgress($0, next: next, now: now) }, termStart: next,
        quorumSince: now))
    leader = server
    actions.append(.leads(true, hard.term))
    if !planted.contains(.raftLeadsWithoutNoOperation) { _ = appendOwn(.noOperation, []) }
    sendHeartbeats(now)
  }

  /// Steps down where a majority was not heard for an election timeout: the others may have a newer leader by now.
  mutating func checkQuorum(_ now: Instant) {
    guard case .leader(var leadership) = role else { return }
    let since = leadership.quorumSince
    let isHeard = quorumHolds { voter in
      voter == server || leadership.peers.contains { $0.server == voter && $0.heardAt >= since }
    }
    if isHeard || planted.contains(.raftLeadsWithoutQuorum) {
      leadership.quorumSince = now
      role = .leader(leadership)
    } else {
      follow(hard.term, nil, now)
    }
  }

  // MARK: handing over

  /// Transfers the leadership to `target`, which must be a voter. False where this server does not lead or the target
  /// cannot.
  public mutating func transfer(to target: ServerID, _ now: Instant) -> Bool {
    guard case .leader(var leadership) = role, target != server, log.membership.isVoter(target), leadership.transfer == nil else {
      return false
    }
    invariant(
      leadership.peers.contains { $0.server == target }, "\(server) hands \(hard.term) over to \(target), which it sends nothing")
    leadership.transfer = (target, now + configuration.electionTimeout, false)
    role = .leader(leadership)
    askToTakeOver()
    return true
  }

  /// Whether `target` could take the leadership over at once, as far as this leader knows: it votes, was heard within
  /// an election timeout and has all but `distance` entries of the log; and neither a change of the membership nor
  /// another transfer is under way.
  public func canTakeOver(_ target: ServerID, within distance: Int, _ now: Instant) -> Bool {
    guard case .leader(let leadership) = role, leadership.transfer == nil, hasCommittedInTerm, !isChanging, log.membership.isVoter(target),
      let peer = leadership.peers.first(where: { $0.server == target })
    else { return false }
    return now - peer.heardAt < configuration.electionTimeout && log.lastIndex - peer.matched <= distance
  }

  /// Whether the leadership is being transferred: nothing is proposed meanwhile.
  public var isTransferring: Bool {
    if case .leader(let leadership) = role { leadership.transfer != nil } else { false }
  }

  /// Asks the target of a transfer to stand, once it has the whole log.
  mutating func askToTakeOver() {
    guard case .leader(var leadership) = role, let transfer = leadership.transfer, !transfer.isAsked,
      let peer = leadership.peers.first(where: { $0.server == transfer.target }), peer.matched == log.lastIndex
    else { return }
    leadership.transfer?.isAsked = true
    role = .leader(leadership)
    send(transfer.target, .timeoutNow, .afterAll)
  }
}
