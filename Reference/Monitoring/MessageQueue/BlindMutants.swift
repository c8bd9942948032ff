// Planted bugs of the queue by someone who had not read the checkers, nor the scenarios. Scored apart from the others
// (`windtunnel mutants
// --blind`), so that the score tells something of bugs that nobody built a check for. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A log that is cut keeps records behind the cut; read again from its snapshot, they get other offsets than they
  /// had.
  static let queueCutsAtTheEnd = Mutant(
    "queue/cuts-at-the-end",
    "a log without producers that is cut is said to begin at the partition's end, not at the first record it keeps",
    breaks: ["MONITORING-6", "MONITORING-7", "MONITORING-10"],
    caughtBy: ["records are kept once", "partitions are linearizable", "dense offsets"])
  /// A coordinator that leads again goes on with the members and the generation of its earlier term.
  static let queueKeepsMembers = Mutant(
    "queue/keeps-members-of-an-earlier-term", "a broker that no longer coordinates the consumer groups does not forget their members",
    breaks: ["MONITORING-7"],
    caughtBy: ["groups are divided generation by generation"])
  /// After a start, or on a broker that was sent a snapshot, a repetition of a record that was given up is stored as a
  /// new one, and so is one of an earlier epoch; on brokers that went on without a break it is not: their offsets part
  /// from there.
  static let queueCutsProducers = Mutant(
    "queue/cuts-producers", "a log is cut without reading what it gives up, though producers were named in it",
    breaks: ["MONITORING-6", "MONITORING-10"],
    caughtBy: ["records are kept once", "partitions are linearizable"])
  /// A quiet topic is enough: members that live have nothing to commit for as long as offsets are retained, and begin
  /// anew after their next start.
  static let queueExpiresOffsetsInUse = Mutant(
    "queue/expires-offsets-in-use",
    "the offsets of a consumer group expire by its last commit, though it has members (known from KAFKA-4682)",
    breaks: ["MONITORING-7"],
    caughtBy: ["committed offsets are kept"])
}

/// The bugs of the queue that were planted blindly.
public let messageQueueBlindMutants: [Mutant] = [
  .queueCutsAtTheEnd, .queueKeepsMembers, .queueCutsProducers, .queueExpiresOffsetsInUse,
]
