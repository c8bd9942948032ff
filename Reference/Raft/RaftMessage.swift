// What the servers of a group say to each other. Any of it may be lost, repeated, late or out of order; nothing here
// relies on the network.
//
// Byte format: RaftMessage.md. Sources: Raft, sections 5 to 7; dissertation, chapters 3, 4, 6, 9.

/// A message of one group to one server.
public struct RaftMessage: Hashable, Sendable {
  /// The sender's term; of a pre-vote the term that it would begin.
  public var term: Term
  /// What it says.
  public var body: Body

  /// A message.
  public init(term: Term, _ body: Body) {
    self.term = term
    self.body = body
  }

  /// What a message says.
  public enum Body: Hashable, Sendable {
    /// Would you vote for me? (Dissertation, section 9.6.) Nobody's term or vote changes by it.
    case preVoteRequest(last: LogPosition)
    /// The answer; its `term` is the one asked about where it was granted, else the answerer's own.
    case preVoteResponse(isGranted: Bool)
    /// Vote for me. `isTransfer` is set where the leader itself asked for the election, so that nobody protects that
    /// leader.
    case voteRequest(last: LogPosition, isTransfer: Bool)
    /// The answer.
    case voteResponse(isGranted: Bool)
    /// Entries, or none as a heartbeat.
    case append(Append)
    /// How far the sender's log agrees with the leader's, and is durable.
    case appendResponse(AppendResponse)
    /// What the entries up to a place came to, for a server that is behind the first entry that the leader still has.
    case snapshot(Snapshot, round: UInt64)
    /// Begin an election now: the leader transfers its leadership (dissertation, section 3.10).
    case timeoutNow
  }

  /// Entries for a follower.
  public struct Append: Hashable, Sendable {
    /// The entry before the first one here: the follower must have it.
    public var previous: LogPosition
    /// The entries, oldest first.
    public var entries: [LogEntry]
    /// How far the leader knows the log to be committed.
    public var commit: LogIndex
    /// The leader's latest question whether it still leads; answers carry it back.
    public var round: UInt64

    /// Entries behind `previous`.
    public init(previous: LogPosition, entries: [LogEntry], commit: LogIndex, round: UInt64) {
      self.previous = previous
      self.entries = entries
      self.commit = commit
      self.round = round
    }
  }

  /// A follower's answer.
  public struct AppendResponse: Hashable, Sendable {
    /// Whether the follower had the entry before those that it was sent.
    public enum Outcome: Hashable, Sendable {
      /// It agrees with the leader up to here, durably.
      case matched(LogIndex)
      /// It does not have the entry at `previous`; what it may agree with ends at `hint`.
      case rejected(previous: LogIndex, hint: LogPosition)
    }
    /// What it found.
    public var outcome: Outcome
    /// The leader's question that this answers.
    public var round: UInt64

    /// An answer.
    public init(_ outcome: Outcome, round: UInt64) {
      self.outcome = outcome
      self.round = round
    }
  }

  /// What the entries up to a place came to.
  public struct Snapshot: Hashable, Sendable {
    /// The last entry that it covers.
    public var last: LogPosition
    /// The membership in force there.
    public var membership: Membership
    /// The state machine's own bytes.
    public var state: [UInt8]

    /// A snapshot.
    public init(last: LogPosition, membership: Membership, state: [UInt8]) {
      self.last = last
      self.membership = membership
      self.state = state
    }
  }
}
