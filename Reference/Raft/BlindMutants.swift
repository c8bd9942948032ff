// Planted bugs of Raft by someone who had not read the checkers, nor the scenarios. Scored apart from the others (`windtunnel mutants --blind`),
// so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A follower's log may go on behind what the leader's message speaks of, with entries of an earlier leader.
  public static let raftAcknowledgesItsLastEntry = Mutant(
    "raft/acknowledges-its-last-entry",
    "a follower acknowledges all of its log, not only what the message shows to agree with the leader's",
    breaks: ["MONITORING-10"])
  /// The answers to a round that was begun before the question may have been given before another leader was elected.
  public static let raftReadsJoinRounds = Mutant(
    "raft/reads-join-a-round-under-way", "a read that comes while a round is under way waits for that one, not for one of its own",
    breaks: ["MONITORING-10"])
  /// The states and snapshots that stand in old segments are written again, but those segments go before that is durable.
  public static let raftDiscardsBeforeDurable = Mutant(
    "raft/discards-before-durable", "old segments of the journal go before the copies of what they held are durable",
    breaks: ["MONITORING-9", "MONITORING-10"])
}

/// The bugs of Raft that were planted blindly.
public let raftBlindMutants: [Mutant] = [.raftAcknowledgesItsLastEntry, .raftReadsJoinRounds, .raftDiscardsBeforeDurable]
