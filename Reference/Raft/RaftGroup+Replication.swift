// Replication: a leader's entries on their way to the others, what followers make of them, and when they count as
// committed (Raft, sections 5.3 and 5.4.2).

import Vocabulary

/// Why nothing was proposed.
public enum ProposalRefusal: Error, Hashable, Sendable {
  /// This server does not lead; the one that does, where it is known.
  case notLeader(ServerID?)
  /// The leadership is being transferred.
  case transferring
  /// The server's disk has no room.
  case full
}

extension RaftGroup {
  // MARK: proposing

  /// Appends a command to the leader's log and gives its place. Whether it comes to be committed is told later; entries
  /// go out with `flush`.
  public mutating func propose(_ bytes: [UInt8]) throws(ProposalRefusal) -> LogPosition {
    guard case .leader(let leadership) = role else { throw .notLeader(leader) }
    guard leadership.transfer == nil else { throw .transferring }
    return appendOwn(.command, bytes)
  }

  mutating func appendOwn(_ kind: EntryKind, _ bytes: [UInt8], membership: Membership? = nil) -> LogPosition {
    invariant(isLeader, "\(server) appends an entry of its own to \(log.last) and does not lead \(hard.term)")
    invariant(log.last.term <= hard.term, "\(server) appends an entry of \(hard.term) behind \(log.last)")
    log.append(hard.term, byteCount: bytes.count, membership: membership)
    actions.append(.append(first: log.lastIndex, [LogEntry(term: hard.term, kind: kind, bytes: bytes)]))
    if planted.contains(.raftCountsItselfEarly) { durableIndex = log.lastIndex }
    return log.last
  }

  /// Sends what has come since the last time, to all that can take it. Called once for each turn of the replica, so
  /// that what came together goes together.
  public mutating func flush(_ now: Instant) {
    guard case .leader = role else { return }
    beginRound(now)
    forEachPeer(now) { group, peer in group.sendEntries(to: &peer, now) }
  }

  /// Lets every peer be worked on in place.
  mutating func forEachPeer(_ now: Instant, _ body: (inout RaftGroup, inout PeerProgress) -> Void) {
    guard case .leader(var leadership) = role else { return }
    for index in leadership.peers.indices {
      var peer = leadership.peers[index]
      body(&self, &peer)
      leadership.peers[index] = peer
    }
    // The body asks for actions only; the role is not its to change.
    role = .leader(leadership)
  }

  private var round: UInt64 { if case .leader(let leadership) = role { leadership.round } else { 0 } }

  mutating func sendEntries(to peer: inout PeerProgress, _ now: Instant) {
    invariant(
      peer.next > .zero && peer.next <= log.lastIndex.next && peer.bytesUnderWay >= 0,
      "\(server) sends \(peer.server) from \(peer.next) on, with \(peer.bytesUnderWay) bytes under way, of a log that ends at \(log.lastIndex)"
    )
    // A quarter at most: what is under way ends up to one message beyond its bound.
    let messageBytes = min(configuration.messageBytes, bytesUnderWay / 4)
    switch peer.state {
    case .sendingSnapshot: return
    case .probing(let isWaiting):
      guard !isWaiting else { return }
      if sendSnapshotIfBehind(&peer, now) { return }
      peer.state = .probing(isWaiting: true)
      peer.probedAt = now
      emitEntries(to: &peer, count: batch(from: peer.next, limitBytes: messageBytes).count)
    case .replicating:
      while peer.next <= log.lastIndex, peer.inFlightCount < configuration.messagesUnderWay, peer.bytesUnderWay < bytesUnderWay {
        if sendSnapshotIfBehind(&peer, now) { return }
        let (count, byteCount) = batch(from: peer.next, limitBytes: messageBytes)
        emitEntries(to: &peer, count: count)
        peer.sent(upTo: peer.next + (count - 1), byteCount: byteCount, at: now)
      }
    }
  }

  private mutating func emitEntries(to peer: inout PeerProgress, count: Int) {
    let previous = peer.next.previous
    guard let term = log.term(at: previous) else { return }
    invariant(
      previous + count <= log.lastIndex, "\(server) sends \(count) entries behind \(previous) of a log that ends at \(log.lastIndex)")
    actions.append(
      .sendEntries(
        peer.server, term: hard.term,
        previous: LogPosition(
          index: previous, term: planted.contains(.raftForgetsSnapshotTerm) && previous == log.start.index ? .zero : term),
        count: count, commit: commitIndex, round: round))
  }

  /// How many entries from `first` on fit into one message, and their bytes.
  private func batch(from first: LogIndex, limitBytes: Int) -> (count: Int, byteCount: Int) {
    var (count, byteCount) = (0, 0)
    var index = first
    while index <= log.lastIndex {
      let more = log.byteCount(at: index)
      if count > 0 && byteCount + more > limitBytes { break }
      count += 1
      byteCount += more
      index = index.next
    }
    return (count, byteCount)
  }

  private mutating func sendSnapshotIfBehind(_ peer: inout PeerProgress, _ now: Instant) -> Bool {
    guard peer.next <= log.start.index else { return false }
    peer.state = .sendingSnapshot(upTo: log.start.index)
    peer.probedAt = now
    actions.append(.sendSnapshot(peer.server, term: hard.term, round: round))
    return true
  }

  /// Sends every other server a heartbeat. The replica calls it for all its groups at one time, so that they travel
  /// together.
  public mutating func sendHeartbeats(_ now: Instant) {
    let commit = commitIndex
    let question = round
    let tellsAll = planted.contains(.raftCommitsWhatItDidNotGet)
    forEachPeer(now) { group, peer in
      // What is known to be there is what a heartbeat builds on, so that it is never refused; place 0 is everywhere.
      let term = group.log.term(at: peer.matched)
      let previous = term.map { LogPosition(index: peer.matched, term: $0) } ?? .zero
      group.send(
        peer.server,
        .append(
          RaftMessage.Append(previous: previous, entries: [], commit: tellsAll ? commit : min(commit, previous.index), round: question)),
        .afterState)
      group.sendEntries(to: &peer, now)
    }
  }

  /// Finds what was lost on the way: a silence after something was sent.
  mutating func watchPeers(_ now: Instant) {
    let patience = configuration.electionTimeout
    forEachPeer(now) { group, peer in
      switch peer.state {
      case .probing(let isWaiting):
        if isWaiting && now - peer.probedAt >= group.configuration.heartbeatInterval { peer.state = .probing(isWaiting: false) }
      case .replicating:
        if let since = peer.oldestSentAt, now - since >= patience { peer.probe(from: peer.matched.next) }
      case .sendingSnapshot:
        if now - peer.probedAt >= patience { peer.state = .probing(isWaiting: false) }
      }
      group.sendEntries(to: &peer, now)
    }
    guard case .leader(var leadership) = role, let transfer = leadership.transfer, now >= transfer.until else { return }
    if planted.contains(.raftWaitsForItsSuccessor), transfer.isAsked { return }
    // It did not come to an election: the leadership stays.
    leadership.transfer = nil
    role = .leader(leadership)
  }

  // MARK: following

  mutating func receive(_ append: RaftMessage.Append, _ term: Term, from: ServerID, _ now: Instant) {
    guard term == hard.term else {
      // A leader of an earlier term learns by the answer's term that it is one no longer.
      return respond(from, .rejected(previous: append.previous.index, hint: log.last), 0, .afterState)
    }
    recognizeLeader(from, now)
    guard holds(append.previous) else {
      return respond(
        from, .rejected(previous: append.previous.index, hint: log.hint(before: append.previous)), append.round, .afterState)
    }
    let lastSent = append.previous.index + append.entries.count
    var index = append.previous.index
    for (offset, entry) in append.entries.enumerated() {
      index = index.next
      if index <= log.start.index { continue }  // A snapshot covers it: it is committed, and the same.
      if log.term(at: index) == entry.term && !planted.contains(.raftTruncatesOnStaleAppend) { continue }
      guard index > commitIndex || planted.contains(.raftTruncatesOnStaleAppend) else {
        // Two leaders of one term, or bytes that were changed on the way: nothing that is committed gives way to it.
        return
      }
      take(append.entries[offset...], from: index)
      break
    }
    commit(upTo: min(append.commit, planted.contains(.raftCommitsWhatItDidNotGet) ? log.lastIndex : lastSent), now)
    // A heartbeat's answer says nothing that is not durable already, and reads wait for it.
    let matched = planted.contains(.raftAcknowledgesItsLastEntry) ? log.lastIndex : lastSent
    respond(from, .matched(matched), append.round, matched > durableIndex ? .afterAll : .afterState)
  }

  /// Notes that the leader of this term was heard.
  private mutating func recognizeLeader(_ from: ServerID, _ now: Instant) {
    switch role {
    case .follower: break
    case .preCandidate, .candidate: role = .follower
    // Two leaders of one term cannot be; where a bug made them, the checkers see it, and this one gives way.
    case .leader: follow(hard.term, from, now)
    }
    leader = from
    leaderHeardAt = now
    resetElection(now)
  }

  /// Whether the log has this entry, or a snapshot covers it.
  private func holds(_ position: LogPosition) -> Bool {
    if position.index < log.start.index { return true }
    return log.term(at: position.index) == position.term
  }

  private mutating func take(_ entries: ArraySlice<LogEntry>, from index: LogIndex) {
    invariant(!isLeader, "\(server) leads \(hard.term) and takes entries from another")
    invariant(
      index > log.start.index && index <= log.lastIndex.next,
      "\(server) takes entries from \(index) on into a log from \(log.start.index) to \(log.lastIndex)")
    invariant(
      index > commitIndex || !planted.isEmpty, "\(server) would replace its entries from \(index) on, and \(commitIndex) is committed")
    if index <= log.lastIndex {
      log.truncate(from: index)
      durableIndex = min(durableIndex, log.lastIndex)
    }
    for entry in entries {
      log.append(entry.term, byteCount: entry.bytes.count, membership: entry.kind == .membership ? try? Membership(entry.bytes) : nil)
    }
    invariant(
      durableIndex <= log.lastIndex, "\(server) counts \(durableIndex) as durable of a log that ends at \(log.lastIndex)")
    actions.append(.append(first: index, Array(entries)))
    if liftFloor() { save() }
  }

  private mutating func respond(_ to: ServerID, _ outcome: RaftMessage.AppendResponse.Outcome, _ round: UInt64, _ condition: SendCondition)
  {
    send(
      to, .appendResponse(RaftMessage.AppendResponse(outcome, round: round)),
      planted.contains(.raftAcknowledgesBeforeDurable) ? .immediately : condition)
  }

  // MARK: snapshots

  mutating func receive(_ snapshot: RaftMessage.Snapshot, _ round: UInt64, _ term: Term, from: ServerID, _ now: Instant) {
    guard term == hard.term else {
      return respond(from, .rejected(previous: snapshot.last.index, hint: log.last), 0, .afterState)
    }
    recognizeLeader(from, now)
    guard snapshot.last.index > commitIndex || planted.contains(.raftTakesOldSnapshots) else {
      return respond(from, .matched(commitIndex), round, .afterAll)
    }
    guard log.term(at: snapshot.last.index) != snapshot.last.term || planted.contains(.raftTakesOldSnapshots) else {
      // The log has all of it and perhaps more, which was acknowledged and must stay.
      commit(upTo: snapshot.last.index, now)
      return respond(from, .matched(snapshot.last.index), round, .afterAll)
    }
    invariant(
      snapshot.last.index > commitIndex || !planted.isEmpty,
      "\(server) would go back from \(commitIndex) to a snapshot of \(snapshot.last)")
    log.restart(behind: snapshot.last, membership: snapshot.membership)
    commitIndex = snapshot.last.index
    durableIndex = snapshot.last.index
    actions.append(.install(snapshot))
    if liftFloor() { save() }
    respond(from, .matched(snapshot.last.index), round, .afterAll)
  }

  /// Forgets entries up to `index`, which a durable snapshot covers. Only what is committed can be forgotten.
  public mutating func discard(upTo index: LogIndex) {
    log.discard(upTo: min(index, commitIndex))
    invariant(
      log.start.index <= commitIndex && commitIndex <= log.lastIndex || !planted.isEmpty,
      "\(server) has a log from \(log.start.index) to \(log.lastIndex), of which \(commitIndex) is committed")
  }

  // MARK: leading

  mutating func receive(_ response: RaftMessage.AppendResponse, from: ServerID, _ now: Instant) {
    guard case .leader(var leadership) = role, let place = leadership.peers.firstIndex(where: { $0.server == from }) else { return }
    var peer = leadership.peers[place]
    peer.heardAt = now
    peer.answeredRound = max(peer.answeredRound, response.round)
    var isProgress = false
    switch response.outcome {
    case .matched(let index):
      isProgress = peer.acknowledge(upTo: min(index, log.lastIndex), isMonotonic: !planted.contains(.raftLetsMatchGoBack))
      switch peer.state {
      // A heartbeat's answer tells only what was known; a probe's tells where the logs agree.
      case .probing: if isProgress || peer.next == peer.matched.next { peer.replicate() }
      case .sendingSnapshot(let upTo): if peer.matched >= upTo { peer.replicate() }
      case .replicating: break
      }
    case .rejected(let previous, let hint):
      let isApplied = planted.contains(.raftAppliesStaleRejections)
      if previous > peer.matched || isApplied {
        let from = log.lastIndex(notAbove: hint.term, upTo: hint.index).next
        switch peer.state {
        case .probing: if previous == peer.next.previous || isApplied { peer.probe(from: from, isBounded: !isApplied) }
        case .replicating: peer.probe(from: from, isBounded: !isApplied)
        case .sendingSnapshot: break
        }
      }
    }
    invariant(
      peer.matched <= log.lastIndex, "\(server) takes \(peer.server) to have \(peer.matched) of a log that ends at \(log.lastIndex)")
    sendEntries(to: &peer, now)
    leadership.peers[place] = peer
    role = .leader(leadership)
    if isProgress { advanceCommit(now) }
    answerReads(now)
    askToTakeOver()
  }

  /// Commits what a majority has, where the last of it is of the leader's own term (Raft, figure 8).
  mutating func advanceCommit(_ now: Instant) {
    guard case .leader(let leadership) = role else { return }
    let agreed = deciding.agreed { member in
      if member == server { return durableIndex }
      return leadership.peers.first { $0.server == member }?.matched ?? .zero
    }
    guard agreed > commitIndex, log.term(at: agreed) == hard.term || planted.contains(.raftCommitsEarlierTerms) else { return }
    commit(upTo: agreed, now)
    answerReads(now)
  }

  private mutating func commit(upTo index: LogIndex, _ now: Instant) {
    guard index > commitIndex else { return }
    invariant(index <= log.lastIndex, "\(server) would commit \(index) of a log that ends at \(log.lastIndex)")
    commitIndex = index
    actions.append(.commit(upTo: index))
    membershipCommitted(now)
  }
}
