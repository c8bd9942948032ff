// The queue's planted bugs.

import Vocabulary

extension Mutant {
  /// Answers before the record is durable.
  static let queueAcknowledgesEarly = Mutant(
    "queue/acknowledges-before-durable", "answers a produce before its record is durable (known from etcd#14370)",
    breaks: ["MONITORING-9"])
  /// Does not recognise repetitions.
  static let queueForgetsProducers = Mutant(
    "queue/forgets-producers", "stores a repeated request again", breaks: ["MONITORING-6"])
  /// Gives an offset twice after a restart.
  static let queueLosesLastOffset = Mutant(
    "queue/skips-an-offset-after-restart", "leaves a gap of one offset in each partition when it starts again", breaks: ["MONITORING-6"])
  /// Routes by arrival.
  static let queueRoutesByArrival = Mutant(
    "queue/routes-by-arrival", "puts messages of one key into partitions by turns", breaks: ["MONITORING-6", "MONITORING-8"])
}

/// The queue's planted bugs, for the scorecard.
public let messageQueueMutants: [Mutant] = [
  .queueAcknowledgesEarly, .queueForgetsProducers, .queueLosesLastOffset, .queueRoutesByArrival,
]
