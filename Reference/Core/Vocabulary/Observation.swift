// Facts that a machine states for checkers of inner invariants. They survive the crash that discards their turn's
// effects. Client-visible guarantees are never checked on these, but on the exchanges that the host recorded.

/// A fact about a node's inner state.
public struct Observation: Hashable, Sendable {
  /// What kind of fact.
  public enum Fact: Hashable, Sendable {
    /// A journal was recovered: `subject` records kept, `value` bytes of a torn tail cut off.
    case journalRecovered
    /// A part of a journal was found damaged: `subject` position at which it begins, `value` its bytes.
    case journalDamaged
    /// A metric went to the spill instead of the queue: `subject` records spilled now, `value` bytes in all.
    case spilled
    /// Spilled records were handed to the queue: `subject` records.
    case spillDrained
    /// A record that was acknowledged can never be stored and was set aside: `subject` how many were so far, `value`
    /// the status that refused it, 0 where none did.
    case recordSetAside
    /// A repeated produce was answered from memory: `subject` partition, `value` offset.
    case duplicateSuppressed
    /// A batch was stored: `subject` partition, `value` next offset.
    case batchStored
    /// An immutable file was made part of the state: `subject` file number, `value` points.
    case segmentAdded
    /// An alert changed its state: `subject` rule number, `value` the new state's raw number.
    case alertChanged
    /// A circuit breaker changed its state: `subject` endpoint, `value` 0 closed, 1 open, 2 half-open.
    case breakerChanged
    /// A call's reply did not match its contract: `subject` endpoint, `value` status.
    case contractViolated
    /// A load's request ended: `subject` nanoseconds on the load's clock at which it was meant to start, `value`
    /// nanoseconds from then to its end; the upper two bits of `value` tell how it ended (`LoadOutcome`).
    case timed
    /// A server leads a replicated log: `RaftFact` tells what the words of these seven mean.
    case raftLed
    /// A server leads a replicated log no longer.
    case raftCeased
    /// A server stands for election.
    case raftStood
    /// An entry was put into a replicated log.
    case raftAppended
    /// A replicated log is known to be committed up to a place.
    case raftCommitted
    /// A replicated log begins behind a snapshot.
    case raftInstalled
    /// A replicated log was found on the disk.
    case raftRecovered
    /// Anything a test wants to see.
    case probe
  }

  /// What kind of fact.
  public var fact: Fact
  /// Its subject; see `Fact`.
  public var subject: UInt64
  /// Its value; see `Fact`.
  public var value: UInt64

  /// A fact.
  public init(_ fact: Fact, subject: UInt64 = 0, value: UInt64 = 0) {
    self.fact = fact
    self.subject = subject
    self.value = value
  }
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
}
