// What a group asks of its replica: to write, to send, to hand committed entries on. The group itself touches neither
// disk nor network.

import Vocabulary

/// What must survive a crash beside the log (Raft, figure 2), and what a damaged log still binds its server to.
public struct HardState: Hashable, Sendable {
  /// The latest term that the server has seen.
  public var term: Term
  /// Whom it voted for in that term.
  public var votedFor: ServerID?
  /// Where a part of the log was found damaged: the last entry that stood there. Until the log reaches so far again,
  /// from others, the server leads nobody, and votes only for logs that do: what it once acknowledged stays part of
  /// what its vote protects.
  public var floor: LogPosition?

  /// A state.
  public init(term: Term = .zero, votedFor: ServerID? = nil, floor: LogPosition? = nil) {
    self.term = term
    self.votedFor = votedFor
    self.floor = floor
  }
}

/// What a message waits for.
public enum SendCondition: Sendable, Hashable {
  /// That the term and the vote of its sender are durable: whatever a server says, it says in a term.
  case afterState
  /// That all that its sender has written is durable: votes and acknowledgements.
  case afterAll
  /// Nothing. Only planted bugs speak so.
  case immediately
}

/// Something that a group asks of its replica, in order.
public enum RaftAction: Sendable, Equatable {
  /// Write this; what is said from now on waits for it.
  case save(HardState)
  /// Write these entries; the first has this index. What stands there and behind is replaced.
  case append(first: LogIndex, [LogEntry])
  /// Send this.
  case send(ServerID, RaftMessage, SendCondition)
  /// Send `count` entries behind `previous`, after the state: the replica has their bytes.
  case sendEntries(ServerID, term: Term, previous: LogPosition, count: Int, commit: LogIndex, round: UInt64)
  /// Send the newest snapshot, after the state.
  case sendSnapshot(ServerID, term: Term, round: UInt64)
  /// All up to here is committed, and can be applied in order.
  case commit(upTo: LogIndex)
  /// The log begins anew behind this snapshot, whose state replaces the state machine's.
  case install(RaftMessage.Snapshot)
  /// The server leads from now on, with all entries of earlier terms in its log; or no longer does.
  case leads(Bool, Term)
  /// The server begins a term to be elected in it, because the leader asked it to or because it hears of none: for
  /// those who watch.
  case stands(Term, isTransfer: Bool)
  /// What was asked by `read` may be answered from a state that has all up to this index applied; nil where it cannot
  /// be known.
  case readable(ticket: UInt64, LogIndex?)
}
