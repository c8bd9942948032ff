// What servers state of their logs, in records that tests make by hand.

import Checking
import HandMadeRecords
import Vocabulary

extension FlightRecord {
  /// A server's fact about its part of a replicated log.
  func state(
    _ fact: Fact, _ node: NodeID, _ at: Int64, group: UInt16 = 0, index: UInt64 = 0, term: UInt64 = 1, rest: UInt64 = 0
  ) {
    record(
      ObservationRecord(
        node: node, incarnation: 0, at: instant(at),
        observation: Observation(fact, subject: UInt64(group) << 48 | index, value: term << 40 | rest)))
  }
}
