// The queue's planted bugs.

import Vocabulary

extension Mutant {
  /// Answers before the record is durable.
  static let queueAcknowledgesEarly = Mutant(
    "queue/acknowledges-before-durable", "answers a produce before its record is durable (known from etcd#14370)",
    breaks: ["MONITORING-9"],
    caughtBy: ["records are kept once", "partitions are linearizable", "conservation in the queue", "conservation in storage"])
  /// Does not recognise repetitions.
  static let queueForgetsProducers = Mutant(
    "queue/forgets-producers", "stores a repeated request again", breaks: ["MONITORING-6"],
    caughtBy: [
      "queue/produce/repetition-is-stored-once", "ingestion/metrics/idempotency-key", "records are kept once",
      "partitions are linearizable", "conservation in the queue",
    ])
  /// Leaves a gap after a restart.
  static let queueSkipsAnOffset = Mutant(
    "queue/skips-an-offset-after-restart", "leaves a gap of one offset in each partition when it starts again", breaks: ["MONITORING-6"],
    caughtBy: ["dense offsets", "partitions are linearizable"])
  /// As in etcd#20418: a read without the proof that the broker still leads.
  static let queueReadsWithoutRound = Mutant(
    "queue/reads-without-a-round", "shows a partition's end without asking whether it still leads (etcd#20418)", breaks: ["MONITORING-10"],
    caughtBy: ["partitions are linearizable"])
  /// A commit of an earlier division counts.
  static let queueCommitsForAnyone = Mutant(
    "queue/commits-for-anyone", "takes offsets from a member that lost its partitions", breaks: ["MONITORING-7"],
    caughtBy: ["queue/groups/divide-commit-and-fence", "groups are divided generation by generation", "groups deliver at least once"])
  /// Routes by arrival.
  static let queueRoutesByArrival = Mutant(
    "queue/routes-by-arrival", "puts messages of one key into partitions by turns", breaks: ["MONITORING-6", "MONITORING-8"],
    caughtBy: ["queue/produce/same-key-same-partition", "queue/produce/golden-routing", "one partition for each key"])
}

/// The queue's planted bugs, for the scorecard.
public let messageQueueMutants: [Mutant] = [
  .queueAcknowledgesEarly, .queueForgetsProducers, .queueSkipsAnOffset, .queueRoutesByArrival, .queueReadsWithoutRound,
  .queueCommitsForAnyone,
]
