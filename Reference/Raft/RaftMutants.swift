// The planted bugs of Raft. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// The vote is not persisted (Raft, figure 2).
  public static let raftForgetsVote = raft("forgets-its-vote", "term and vote are not written to the disk")
  /// A server votes for whoever asks.
  public static let raftVotesTwice = raft("votes-twice", "a server votes again in a term in which it has voted")
  /// A vote is spoken of before it is durable.
  public static let raftVotesBeforeDurable = raft("votes-before-durable", "a vote leaves before it is durable")
  /// The candidate's log is not looked at (Raft, section 5.4.1).
  public static let raftVoteIgnoresLog = raft("vote-ignores-the-log", "a vote goes to a candidate whose log is behind")
  /// A vote that was lost on its way cannot be given again.
  public static let raftRefusesRepeatedVote = raft("refuses-a-repeated-vote", "a server refuses the candidate that it has voted for")
  /// As in canonical/raft#196.
  public static let raftPreVoteResetsVote = raft(
    "pre-vote-resets-the-vote", "answering a pre-vote forgets the real vote (canonical/raft#196)")
  /// As in NuRaft#134.
  public static let raftPreVoteIgnoresLog = raft("pre-vote-ignores-the-log", "a pre-vote is granted to a log that is behind (NuRaft#134)")
  /// A pre-vote for a term that has begun already.
  public static let raftPreVoteIgnoresTerm = raft("pre-vote-ignores-the-term", "a pre-vote is granted for the present term")
  /// Elections without asking first.
  public static let raftSkipsPreVote = raft("skips-the-pre-vote", "a server that was cut off disturbs the leader when it comes back")
  /// A leader that nobody follows any more goes on.
  public static let raftLeadsWithoutQuorum = raft("leads-without-a-quorum", "a leader that reaches no majority does not step down")
  /// A leader begins its term without an entry of its own.
  public static let raftLeadsWithoutNoOperation = raft(
    "leads-without-a-no-operation", "a new leader appends nothing, so that entries of earlier terms wait for ever")
  /// Raft, figure 8.
  public static let raftCommitsEarlierTerms = raft(
    "commits-earlier-terms", "replicas of an earlier term's entry are counted (Raft, figure 8)")
  /// A follower commits by the leader's word what it may not have from this leader.
  public static let raftCommitsWhatItDidNotGet = raft(
    "commits-what-it-did-not-get", "a follower commits up to its own last entry instead of the last that matched")
  /// As in etcd#14370: acknowledged before flush.
  public static let raftAcknowledgesBeforeDurable = raft(
    "acknowledges-before-durable", "a follower's acknowledgement leaves before its entries are durable (etcd#14370)")
  /// The leader counts itself before its own disk.
  public static let raftCountsItselfEarly = raft("counts-itself-early", "a leader counts its own entry before it is durable")
  /// A stale negative acknowledgement rolls the leader's view back.
  public static let raftHeedsStaleRejections = raft(
    "heeds-stale-rejections", "a late rejection makes the leader forget what was acknowledged")
  /// The match index is not monotonic.
  public static let raftLetsMatchGoBack = raft("lets-match-go-back", "a late acknowledgement lowers what a follower is known to have")
  /// Truncation of committed entries on a stale append.
  public static let raftTruncatesOnStaleAppend = raft(
    "truncates-on-a-stale-append", "a late append cuts off what came after its entries, though nothing conflicts")
  /// Configuration change before an own-term commit (Ongaro, 2015).
  public static let raftChangesBeforeOwnTerm = raft(
    "changes-before-its-own-term", "the membership is changed before an entry of the leader's own term is committed")
  /// Lease reads with clock drift (tikv#964).
  public static let raftReadsByLease = raft(
    "reads-by-lease", "a leader answers reads for an election timeout after it last heard a majority (tikv#964)")
  /// A read without the proof that the server still leads (etcd#20418).
  public static let raftReadsWithoutRound = raft(
    "reads-without-a-round", "a leader answers reads without asking whether it still leads (etcd#20418)")
  /// A new leader reads before it knows how far the log is committed.
  public static let raftReadsBeforeOwnTerm = raft(
    "reads-before-its-own-term", "a new leader answers reads by a commit index that may be behind")
  /// Term 0 after a snapshot.
  public static let raftForgetsSnapshotTerm = raft(
    "forgets-the-snapshots-term", "the entry before the first one held is said to be of term 0")
  /// Two snapshots close together (etcd#18055).
  public static let raftTakesOldSnapshots = raft("takes-old-snapshots", "a late snapshot replaces a log that is ahead of it (etcd#18055)")
  /// A damaged part of a log is taken for one that was never written.
  public static let raftDropsWhatIsDamaged = raft(
    "drops-what-is-damaged", "a log that is damaged is cut at the damage, and its server votes and leads as if that were all")

  private static func raft(_ name: String, _ summary: String) -> Mutant { Mutant("raft/\(name)", summary, breaks: ["MONITORING-10"]) }
}

/// The planted bugs of Raft that the scenarios of registers catch.
public let raftMutants: [Mutant] = [
  .raftVotesTwice, .raftAcknowledgesBeforeDurable, .raftLetsMatchGoBack, .raftTruncatesOnStaleAppend, .raftReadsByLease,
  .raftReadsBeforeOwnTerm, .raftForgetsSnapshotTerm, .raftTakesOldSnapshots, .raftForgetsVote, .raftReadsWithoutRound,
  .raftDropsWhatIsDamaged,
]

/// Those that no scenario catches yet: holes in the tunnel, known by name.
public let raftMutantsAtLarge: [Mutant] = [
  .raftLeadsWithoutNoOperation, .raftVotesBeforeDurable, .raftVoteIgnoresLog, .raftRefusesRepeatedVote, .raftPreVoteResetsVote,
  .raftPreVoteIgnoresLog, .raftPreVoteIgnoresTerm, .raftSkipsPreVote, .raftLeadsWithoutQuorum, .raftCommitsEarlierTerms,
  .raftCommitsWhatItDidNotGet,
  .raftCountsItselfEarly, .raftHeedsStaleRejections, .raftChangesBeforeOwnTerm,
]
