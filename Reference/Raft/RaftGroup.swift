// One group on one server: a pure state machine. Messages, ticks, proposals and completions of the disk go in; actions
// come out.
//
// Guarantees (Raft, figure 3): election safety, leader append-only, log matching, leader completeness, state machine
// safety; reads that are never older than any answer given before they were asked (read index; no clock is trusted, so
// there are no leases). Fault model: messages lost, repeated, late, reordered; crashes at any moment with the loss of
// all that was not durable; clocks that drift and stop. A vote and an entry are durable before they are spoken of: the
// group marks what must wait for the disk, and a leader counts itself only once `stored` tells it so. Parts:
// +Elections, +Replication, +Reading, +Membership. Mutants: RaftMutants.swift. Requirement: MONITORING-10.

import Vocabulary

/// How a group keeps time and how much it sends.
public struct RaftConfiguration: Sendable {
  /// Silence after which a server stands for election: drawn between this and twice this.
  public var electionTimeout = TimeSpan.milliseconds(300)
  /// Time between a leader's heartbeats.
  public var heartbeatInterval = TimeSpan.milliseconds(60)
  /// Bytes of entries in one message, beyond which it ends (one entry always fits).
  public var messageBytes = 1 << 20
  /// Messages with entries that may be under way to one server.
  public var messagesUnderWay = 64
  /// Bytes of entries that may be under way to one server, of all groups that this one leads together: a server that
  /// comes back lags in all of them at once, and their answers come in one batch.
  public var bytesUnderWay = 16 << 20
  /// What each group may have under way at the least.
  public var leastBytesUnderWay = 256 << 10

  /// The defaults.
  public init() {}
}

/// One group on one server.
public struct RaftGroup {
  /// What the server is in its group.
  enum Role {
    /// It follows, or waits for someone to follow.
    case follower
    /// It asks whether it would be elected.
    case preCandidate(Poll)
    /// It stands for election.
    case candidate(Poll)
    /// It leads.
    case leader(Leadership)
  }

  /// Votes so far.
  struct Poll {
    var granted: Set<ServerID>
    var refused: Set<ServerID> = []
  }

  /// A question that waits for a proof that this server still leads.
  struct PendingRead {
    var ticket: UInt64
    var index: LogIndex
    /// The round that proves it, once a majority has answered that or a later one; nil until a round was begun for it.
    var round: UInt64?
  }

  /// What only a leader has.
  struct Leadership {
    /// The other servers, in order.
    var peers: [PeerProgress]
    /// Its first entry: only from there on does it count replicas.
    var termStart: LogIndex
    /// The latest question whether it still leads.
    var round: UInt64 = 0
    var reads: [PendingRead] = []
    /// Since when a majority must have been heard.
    var quorumSince: Instant
    /// To whom the leadership is being transferred, and until when that may take.
    var transfer: (target: ServerID, until: Instant, isAsked: Bool)?
  }

  /// This server.
  public let server: ServerID
  let configuration: RaftConfiguration
  let planted: PlantedBugs
  var hard: HardState
  var log: RaftLog
  var role = Role.follower
  /// The leader of the present term, where it is known.
  public internal(set) var leader: ServerID?
  /// When that leader was last heard.
  var leaderHeardAt = Instant(nanoseconds: .min)
  /// When the server stands for election unless it hears from a leader.
  var electionAt: Instant
  /// How far the log is known to be committed.
  public internal(set) var commitIndex: LogIndex
  /// How far this server's own log is durable.
  var durableIndex: LogIndex
  /// Bytes of entries that may be under way to one server; the replica divides them among its groups.
  var bytesUnderWay: Int
  var random: RandomStream
  /// What is asked of the replica since it last took it.
  var actions: [RaftAction] = []

  /// A group as its replica found it: `hard`, a log that begins behind `start` with the membership in force there, and
  /// all of it durable. `entries` tells of each entry its term, length, and the membership that it carries.
  public init(
    server: ServerID, configuration: RaftConfiguration, planted: PlantedBugs = .none, hard: HardState, start: LogPosition,
    membership: Membership, entries: [(term: Term, byteCount: Int, membership: Membership?)] = [], random: RandomStream, now: Instant
  ) {
    self.server = server
    self.configuration = configuration
    self.planted = planted
    self.hard = hard
    self.random = random
    bytesUnderWay = configuration.bytesUnderWay
    log = RaftLog(start: start, membership: membership)
    for entry in entries { log.append(entry.term, byteCount: entry.byteCount, membership: entry.membership) }
    commitIndex = start.index
    durableIndex = log.lastIndex
    electionAt = now
    if self.hard.term < log.last.term { self.hard = HardState(term: log.last.term, floor: hard.floor) }
    _ = liftFloor()
    invariant(
      commitIndex <= durableIndex && durableIndex == log.lastIndex,
      "\(server) begins with \(commitIndex) committed and \(durableIndex) durable of a log that ends at \(log.lastIndex)")
    invariant(self.hard.term >= log.last.term, "\(server) begins in \(self.hard.term) with a log that ends in \(log.last.term)")
    resetElection(now)
    // Whoever is alone waits for nobody.
    if quorumHolds({ $0 == server }) { electionAt = now }
  }

  // MARK: what others may know

  /// What must survive a crash beside the log.
  public var hardState: HardState { hard }
  /// The present term.
  public var term: Term { hard.term }
  /// Whether this server leads.
  public var isLeader: Bool { if case .leader = role { true } else { false } }
  /// The last entry of its log.
  public var last: LogPosition { log.last }
  /// The first index that is held.
  public var firstIndex: LogIndex { log.firstIndex }
  /// The last entry that the snapshot covers.
  public var start: LogPosition { log.start }
  /// The membership in force.
  public var membership: Membership { log.membership }
  /// The membership in force at an index.
  public func membership(at index: LogIndex) -> Membership { log.membership(at: index) }
  /// The term of the entry at an index, where it is held.
  public func term(at index: LogIndex) -> Term? { log.term(at: index) }
  /// Whether the leader's own term has begun to be committed: before that it can say nothing of what is committed.
  public var hasCommittedInTerm: Bool {
    if case .leader(let leadership) = role { commitIndex >= leadership.termStart } else { false }
  }
  /// Whether a change of the membership is under way.
  public var isChanging: Bool { log.membership.isJoint || log.membershipIndex > commitIndex }

  /// This is one of `count` groups that the server leads, which have one way to each other server.
  public mutating func divideBytesUnderWay(among count: Int) {
    bytesUnderWay = max(configuration.leastBytesUnderWay, configuration.bytesUnderWay / max(1, count))
  }

  /// Takes what was asked so far.
  public mutating func takeActions() -> [RaftAction] {
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  /// Whether something was asked since the last time.
  public var hasActions: Bool { !actions.isEmpty }

  // MARK: time

  /// Time has passed. Called often in proportion to the election timeout.
  public mutating func tick(_ now: Instant) {
    switch role {
    case .follower, .preCandidate, .candidate:
      if now >= electionAt { campaign(now) }
    case .leader(let leadership):
      if now - leadership.quorumSince >= configuration.electionTimeout { checkQuorum(now) }
      watchPeers(now)
    }
  }

  // MARK: messages

  /// A message came.
  public mutating func receive(_ message: RaftMessage, from: ServerID, _ now: Instant) {
    if message.term > hard.term {
      switch message.body {
      case .preVoteRequest: break
      case .preVoteResponse(let isGranted):
        if !isGranted { follow(message.term, nil, now) }
      case .voteRequest(_, let isTransfer):
        // A server that hears from a leader does not let itself be disturbed (dissertation, section 4.2.3).
        if !isTransfer && hearsLeader(now) { return }
        follow(message.term, nil, now)
      case .append, .snapshot: follow(message.term, from, now)
      case .voteResponse, .appendResponse, .timeoutNow: follow(message.term, nil, now)
      }
    }
    switch message.body {
    case .preVoteRequest(let last): answerPreVote(from, message.term, last, now)
    case .preVoteResponse(let isGranted): countPreVote(from, message.term, isGranted, now)
    case .voteRequest(let last, _): answerVote(from, message.term, last, now)
    case .voteResponse(let isGranted): countVote(from, message.term, isGranted, now)
    case .append(let append): receive(append, message.term, from: from, now)
    case .appendResponse(let response):
      if message.term == hard.term { receive(response, from: from, now) }
    case .snapshot(let snapshot, let round): receive(snapshot, round, message.term, from: from, now)
    case .timeoutNow:
      if message.term == hard.term, case .follower = role, mayCampaign { startElection(now, isTransfer: true) }
    }
  }

  // MARK: the disk

  /// This server's log is durable up to `index`.
  public mutating func stored(upTo index: LogIndex, _ now: Instant) {
    let reached = min(index, log.lastIndex)
    guard reached > durableIndex else { return }
    invariant(reached <= log.lastIndex, "\(server) counts \(reached) as durable of a log that ends at \(log.lastIndex)")
    durableIndex = reached
    advanceCommit(now)
  }

  // MARK: shared by the parts

  /// The membership that decides.
  var deciding: Membership { planted.contains(.raftAppliesMembershipLate) ? log.membership(at: commitIndex) : log.membership }

  func quorumHolds(_ holds: (ServerID) -> Bool) -> Bool { deciding.isQuorum(holds) }

  mutating func send(_ to: ServerID, _ body: RaftMessage.Body, term: Term? = nil, _ condition: SendCondition) {
    actions.append(.send(to, RaftMessage(term: term ?? hard.term, body), condition))
  }

  mutating func save() { actions.append(.save(hard)) }

  mutating func resetElection(_ now: Instant) {
    electionAt = now + random.span(in: configuration.electionTimeout...(configuration.electionTimeout * 2))
  }

  /// Takes the floor away from a damaged log that has reached it again; true where it did.
  mutating func liftFloor() -> Bool {
    guard let floor = hard.floor, log.last.isAtLeast(floor) else { return false }
    hard.floor = nil
    return true
  }

  /// Becomes a follower of `term`, whose leader may be known.
  mutating func follow(_ term: Term, _ leader: ServerID?, _ now: Instant) {
    invariant(term >= hard.term, "\(server) would go back from \(hard.term) to \(term)")
    if case .leader(let leadership) = role {
      for read in leadership.reads { actions.append(.readable(ticket: read.ticket, nil)) }
      actions.append(.leads(false, hard.term))
    }
    role = .follower
    invariant(leader != server, "\(server) would follow itself in \(term)")
    self.leader = leader
    if term > hard.term {
      hard.term = term
      if !planted.contains(.raftKeepsOldVote) { hard.votedFor = nil }
      if !planted.contains(.raftForgetsVote) { save() }
    }
    resetElection(now)
  }
}
