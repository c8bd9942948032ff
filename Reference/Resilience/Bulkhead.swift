// Bulkhead: a bounded number of calls under way, a bounded number waiting, the rest refused at once.

/// Bounds what goes on at once.
public struct Bulkhead: Sendable {
  /// How many may go on and wait.
  public struct Policy: Sendable, Hashable {
    /// Calls under way at once; at least 1.
    public var concurrent: Int
    /// Calls that may wait for a place.
    public var waiting: Int

    /// A policy.
    public init(concurrent: Int = 64, waiting: Int = 1_024) {
      precondition(concurrent >= 1 && waiting >= 0)
      self.concurrent = concurrent
      self.waiting = waiting
    }
  }

  /// What becomes of a call.
  public enum Admission: Sendable, Hashable {
    /// It goes on now.
    case admitted
    /// It waits; `leave` of another call gives it its place.
    case queued
    /// No room: it fails at once.
    case refused
  }

  private let policy: Policy
  /// Calls under way.
  public private(set) var underWay = 0
  /// Calls that wait.
  public private(set) var waiting = 0

  /// An empty bulkhead.
  public init(_ policy: Policy) { self.policy = policy }

  /// A call comes.
  public mutating func enter() -> Admission {
    if underWay < policy.concurrent {
      underWay += 1
      return .admitted
    }
    guard waiting < policy.waiting else { return .refused }
    waiting += 1
    return .queued
  }

  /// A call that was under way ends. True where one that waits takes its place; the caller knows which is first.
  public mutating func leave() -> Bool {
    precondition(underWay > 0, "more calls left the bulkhead than entered")
    if waiting > 0 {
      waiting -= 1
      return true
    }
    underWay -= 1
    return false
  }

  /// A call that waited gives up.
  public mutating func leaveQueue() {
    precondition(waiting > 0, "a call left the queue of an empty bulkhead")
    waiting -= 1
  }
}
