// Facts that a machine states for checkers of inner invariants. They survive the crash that discards their turn's effects.
// Client-visible guarantees are never checked on these, but on the exchanges that the host recorded.

/// A fact about a node's inner state.
public struct Observation: Hashable, Sendable {
  /// What kind of fact.
  public enum Fact: Hashable, Sendable {
    /// A journal was recovered: `subject` records kept, `value` bytes of a torn tail cut off.
    case journalRecovered
    /// A metric went to the spill instead of the queue: `subject` records spilled now, `value` bytes in all.
    case spilled
    /// Spilled records were handed to the queue: `subject` records.
    case spillDrained
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
