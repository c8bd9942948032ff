// Planted bugs of Raft by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants --blind`), so that the score tells something of bugs that nobody built a check for. Each is one
// line where it lives.

import Vocabulary

extension Mutant {
  /// A follower's log may go on behind what the leader's message speaks of, with entries of an earlier leader.
  public static let raftAcknowledgesItsLastEntry = Mutant(
    "raft/acknowledges-its-last-entry",
    "a follower acknowledges all of its log, not only what the message shows to agree with the leader's",
    breaks: ["MONITORING-10"],
    caughtBy: ["the five properties of Raft", "registers are linearizable", "partitions are linearizable"])
  /// The answers to a round that was begun before the question may have been given before another leader was elected.
  public static let raftReadsJoinRounds = Mutant(
    "raft/reads-join-a-round-under-way", "a read that comes while a round is under way waits for that one, not for one of its own",
    breaks: ["MONITORING-10"],
    caughtBy: ["registers are linearizable", "partitions are linearizable"])
  /// The states and snapshots that stand in old segments are written again, but those segments go before that is
  /// durable.
  public static let raftDiscardsBeforeDurable = Mutant(
    "raft/discards-before-durable", "old segments of the journal go before the copies of what they held are durable",
    breaks: ["MONITORING-9", "MONITORING-10"],
    caughtBy: [
      "the five properties of Raft", "registers are linearizable", "all replicas agree in the end", "machines keep the host's rules",
      "partitions are linearizable", "records are kept once",
    ])
  /// The entries that were carried are the oldest and stand last. Taken for a log whose first entry stands first, all
  /// between its old place and its new one seems to be needed by nobody: segments go that hold the only copy of entries
  /// that were not carried.
  public static let raftKeepsOrderWhenCarrying = Mutant(
    "raft/keeps-order-when-carrying", "a log of which a part was carried forward is still taken to stand in the journal in its order",
    breaks: ["MONITORING-9", "MONITORING-10"],
    caughtBy: [
      "the five properties of Raft", "registers are linearizable", "all replicas agree in the end", "machines keep the host's rules",
      "partitions are linearizable", "records are kept once",
    ])
  /// A leader of that term goes on: it counts on entries that are gone, never sends them again, and takes the refusals
  /// for old ones. The server is not served as long as that leader leads, and where a third one is down nothing is
  /// committed.
  public static let raftRepairsWithinItsTerm = Mutant(
    "raft/repairs-within-its-term", "a server whose log is damaged comes back in the term that it was in, not in a new one",
    breaks: ["MONITORING-10"],
    caughtBy: ["replicated logs get somewhere", "all replicas agree in the end", "the five properties of Raft"])
  /// One lost message is enough, or a successor that stops at the wrong moment: the leader takes no proposals, and
  /// nobody replaces it, since it is heard.
  public static let raftWaitsForItsSuccessor = Mutant(
    "raft/waits-for-its-successor",
    "a leader that has asked its successor to stand does not take its leadership back when nothing comes of it",
    breaks: ["MONITORING-10"],
    caughtBy: ["replicated logs get somewhere", "all replicas agree in the end"])
}

/// The bugs of Raft that were planted blindly.
public let raftBlindMutants: [Mutant] = [
  .raftAcknowledgesItsLastEntry, .raftReadsJoinRounds, .raftDiscardsBeforeDurable, .raftKeepsOrderWhenCarrying, .raftRepairsWithinItsTerm,
  .raftWaitsForItsSuccessor,
]
