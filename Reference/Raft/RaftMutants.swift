// The planted bugs of Raft. Each is one line where it lives.
//
// Not among them: a rename without a sync of its directory (etcd#6368). Raft writes to its journal alone, and no
// machine of ours renames a file.

import Vocabulary

/// The checkers that are there for replicated logs, by their names.
enum RaftCatcher: String {
  /// Elections, logs and commits, at each step.
  case properties = "the five properties of Raft"
  /// What clients of registers see.
  case registers = "registers are linearizable"
  /// A server that never learns what is committed: because it lost what it had acknowledged, or because nobody sends it
  /// what it lacks.
  case agreement = "all replicas agree in the end"
  /// Elections that do not end, leaderships that are taken for nothing or kept for nothing.
  case progress = "replicated logs get somewhere"
  /// Messages without end.
  case silence = "machines fall silent"
}

extension Mutant {
  /// The vote is not persisted (Raft, figure 2).
  public static let raftForgetsVote = raft(
    "forgets-its-vote", "term and vote are not written to the disk",
    by: [.properties, .registers, .progress, .agreement])
  /// A server votes for whoever asks.
  public static let raftVotesTwice = raft(
    "votes-twice", "a server votes again in a term in which it has voted",
    by: [.properties, .registers])
  /// A vote is spoken of before it is durable.
  public static let raftVotesBeforeDurable = raft(
    "votes-before-durable", "a vote leaves before it is durable",
    by: [.properties, .registers])
  /// The candidate's log is not looked at (Raft, section 5.4.1).
  public static let raftVoteIgnoresLog = raft(
    "vote-ignores-the-log", "a vote goes to a candidate whose log is behind",
    by: [.properties, .registers])
  /// A vote binds beyond its term. (To refuse the candidate that one has voted for in the same term breaks nothing
  /// here: nobody asks twice in a term, so only the network repeats a request, and the candidate counts the vote that
  /// came before the refusal. One lost is one lost.)
  public static let raftKeepsOldVote = raft(
    "keeps-an-old-vote", "a vote is not taken back when a new term begins: whoever got it once is the only one to get it again",
    by: [.progress, .agreement])
  /// As in canonical/raft#196.
  public static let raftPreVoteResetsVote = raft(
    "pre-vote-resets-the-vote", "answering a pre-vote forgets the real vote (canonical/raft#196)",
    by: [.properties, .registers])
  /// As in NuRaft#134.
  public static let raftPreVoteIgnoresLog = raft(
    "pre-vote-ignores-the-log", "a pre-vote is granted to a log that is behind (NuRaft#134)",
    by: [.progress])
  /// A pre-vote changes nothing by itself, so one for a term that has begun already only lets the candidate enter that
  /// term, in which the votes are counted as ever: no harm. One that is granted though a leader is heard deposes that
  /// leader.
  public static let raftPreVoteIgnoresLeader = raft(
    "pre-vote-ignores-the-leader", "a pre-vote is granted though a leader is heard (dissertation, section 9.6)",
    by: [.progress])
  /// Elections without asking first.
  public static let raftSkipsPreVote = raft(
    "skips-the-pre-vote", "a server that was cut off disturbs the leader when it comes back",
    by: [.progress])
  /// A leader that nobody follows any more goes on.
  public static let raftLeadsWithoutQuorum = raft(
    "leads-without-a-quorum", "a leader that reaches no majority does not step down",
    by: [.progress])
  /// A leader begins its term without an entry of its own.
  public static let raftLeadsWithoutNoOperation = raft(
    "leads-without-a-no-operation", "a new leader appends nothing, so that entries of earlier terms wait for ever",
    by: [.progress, .agreement])
  /// Raft, figure 8.
  public static let raftCommitsEarlierTerms = raft(
    "commits-earlier-terms", "replicas of an earlier term's entry are counted (Raft, figure 8)",
    by: [.properties, .registers])
  /// A follower commits by the leader's word what it may not have from this leader. One of two places is not enough:
  /// the leader says in a heartbeat no more than what it knows to match, and its entries begin where the two logs part.
  public static let raftCommitsWhatItDidNotGet = raft(
    "commits-what-it-did-not-get", "a heartbeat tells all that is committed, and a follower commits up to its own last entry",
    by: [.properties, .registers])
  /// As in etcd#14370: acknowledged before flush.
  public static let raftAcknowledgesBeforeDurable = raft(
    "acknowledges-before-durable", "a follower's acknowledgement leaves before its entries are durable (etcd#14370)",
    by: [.properties, .registers, .agreement])
  /// The leader counts itself before its own disk.
  public static let raftCountsItselfEarly = raft(
    "counts-itself-early", "a leader counts its own entry before it is durable",
    by: [.properties, .registers])
  /// A stale negative acknowledgement rolls the leader's view back behind what was acknowledged: what it sends again is
  /// nothing new to the follower, nor the answer to the leader. (As long as `PeerProgress.probe` never goes back so
  /// far, a late rejection costs one message.)
  public static let raftAppliesStaleRejections = raft(
    "applies-stale-rejections", "a late rejection makes the leader send again what was acknowledged, for ever",
    by: [.silence, .progress, .agreement])
  /// The match index is not monotonic.
  public static let raftLetsMatchGoBack = raft(
    "lets-match-go-back", "a late acknowledgement lowers what a follower is known to have",
    by: [.agreement, .progress])
  /// Truncation of committed entries on a stale append.
  public static let raftTruncatesOnStaleAppend = raft(
    "truncates-on-a-stale-append", "a late append cuts off what came after its entries, though nothing conflicts",
    by: [.properties, .registers, .agreement])
  /// Configuration change without the joint step, and so before an own-term commit (Ongaro, 2015). That rule alone
  /// guards nothing where each change is joint: two leaders' changes begin from one membership, and each needs its
  /// majority, which voted for the later leader and takes nothing more of the earlier one.
  public static let raftChangesAtOnce = raft(
    "changes-at-once", "the membership is changed in one step, before an entry of the leader's own term is committed (Ongaro, 2015)",
    by: [.properties, .registers])
  /// As in etcd#7625.
  public static let raftAppliesMembershipLate = raft(
    "applies-the-membership-late", "a membership is in force once it is committed, not once it stands in the log (etcd#7625)",
    by: [.properties, .registers, .agreement, .progress])
  /// Lease reads with clock drift (tikv#964).
  public static let raftReadsByLease = raft(
    "reads-by-lease", "a leader answers reads for an election timeout after it last heard a majority (tikv#964)",
    by: [.registers])
  /// A read without the proof that the server still leads (etcd#20418).
  public static let raftReadsWithoutRound = raft(
    "reads-without-a-round", "a leader answers reads without asking whether it still leads (etcd#20418)",
    by: [.registers])
  /// A new leader reads before it knows how far the log is committed.
  public static let raftReadsBeforeOwnTerm = raft(
    "reads-before-its-own-term", "a new leader answers reads by a commit index that may be behind",
    by: [.registers])
  /// Term 0 after a snapshot.
  public static let raftForgetsSnapshotTerm = raft(
    "forgets-the-snapshots-term", "the entry before the first one held is said to be of term 0",
    by: [.silence, .progress, .agreement])
  /// Two snapshots close together (etcd#18055).
  public static let raftTakesOldSnapshots = raft(
    "takes-old-snapshots", "a late snapshot replaces a log that is ahead of it (etcd#18055)",
    by: [.properties, .registers, .agreement])
  /// A damaged part of a log is taken for one that was never written.
  public static let raftDropsWhatIsDamaged = raft(
    "drops-what-is-damaged", "a log that is damaged is cut at the damage, and its server votes and leads as if that were all",
    by: [.properties, .registers, .agreement])

  private static func raft(_ name: String, _ summary: String, by catchers: [RaftCatcher]) -> Mutant {
    Mutant("raft/\(name)", summary, breaks: ["MONITORING-10"], caughtBy: catchers.map(\.rawValue))
  }
}

/// The planted bugs of Raft, all of which the scenarios of registers catch.
public let raftMutants: [Mutant] = [
  .raftVotesTwice, .raftAcknowledgesBeforeDurable, .raftLetsMatchGoBack, .raftTruncatesOnStaleAppend, .raftReadsByLease,
  .raftReadsBeforeOwnTerm, .raftForgetsSnapshotTerm, .raftTakesOldSnapshots, .raftForgetsVote, .raftReadsWithoutRound,
  .raftDropsWhatIsDamaged,
  .raftLeadsWithoutNoOperation, .raftVotesBeforeDurable, .raftVoteIgnoresLog, .raftKeepsOldVote, .raftPreVoteResetsVote,
  .raftPreVoteIgnoresLog, .raftPreVoteIgnoresLeader, .raftSkipsPreVote, .raftLeadsWithoutQuorum, .raftCommitsEarlierTerms,
  .raftCommitsWhatItDidNotGet, .raftCountsItselfEarly, .raftAppliesStaleRejections, .raftChangesAtOnce, .raftAppliesMembershipLate,
]
