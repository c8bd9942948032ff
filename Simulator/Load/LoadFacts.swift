// What loads state of their own requests, for checkers and benches.

import Vocabulary

extension Fact {
  /// A load's request ended: `subject` nanoseconds on the load's clock at which it was meant to start, `value`
  /// nanoseconds from then to its end; the upper two bits of `value` tell how it ended (`LoadOutcome`).
  public static let timed = Fact("load/timed")
  /// A caller has come to the end of its script: `value` 1 where all its calls were answered as they should, else 0.
  public static let scriptEnded = Fact("load/script-ended")
  /// Every row of a replay was accepted or given up.
  public static let replayEnded = Fact("load/replay-ended")
  /// A row of a replay was refused for what it is and given up: `subject` how many were so far, `value` the status.
  public static let rowRefused = Fact("load/row-refused")
  /// An operator found a replicated log restored to all its servers, long enough: `subject` the group.
  public static let membershipRestored = Fact("load/membership-restored")
  /// An answer of a bulk read held `value` records.
  public static let bulkConsumed = Fact("load/bulk-consumed")
  /// A bulk read has reached the end of its partitions.
  public static let bulkEnded = Fact("load/bulk-ended")
  /// An answer of a bulk read does not read: `value` its status.
  public static let bulkUnreadable = Fact("load/bulk-unreadable")
}

/// How a load's request ended, in the upper two bits of a `timed` fact's value.
public enum LoadOutcome: UInt64, Sendable, CaseIterable {
  /// With the status that the load wants.
  case served = 0
  /// Refused by a limit that is part of the contract (429).
  case limited = 1
  /// With another status, or without an answer.
  case failed = 2

  /// A fact's value: the outcome over the nanoseconds.
  public static func value(_ outcome: LoadOutcome, nanoseconds: Int64) -> UInt64 {
    outcome.rawValue << 62 | UInt64(max(0, nanoseconds)) & (1 << 62 - 1)
  }

  /// The outcome and the nanoseconds of a fact's value.
  public static func parts(of value: UInt64) -> (outcome: LoadOutcome, nanoseconds: Int64) {
    (LoadOutcome(rawValue: value >> 62) ?? .failed, Int64(value & (1 << 62 - 1)))
  }

  /// States that an operation which was meant to begin at `intended` ended so now.
  public func tell(intended: Instant, _ turn: inout Turn) {
    turn.observe(
      .timed, subject: UInt64(intended.nanoseconds), value: LoadOutcome.value(self, nanoseconds: (turn.now - intended).nanoseconds))
  }
}
