// Bulkhead: a bounded number of calls under way, a bounded number waiting, the rest refused at once.

import Vocabulary

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
      invariant(concurrent >= 1 && waiting >= 0, "a bulkhead for \(concurrent) at once and \(waiting) that wait")
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
    invariant(waiting <= policy.waiting, "\(waiting) wait where \(policy.waiting) may")
    return .queued
  }

  /// A call that was under way ends. True where one that waits takes its place; the caller knows which is first.
  public mutating func leave() -> Bool {
    invariant(
      underWay > 0 && underWay <= policy.concurrent, "a call leaves a bulkhead for \(policy.concurrent) with \(underWay) under way")
    invariant(waiting == 0 || underWay == policy.concurrent, "\(waiting) wait with \(underWay) of \(policy.concurrent) under way")
    if waiting > 0 {
      waiting -= 1
      return true
    }
    underWay -= 1
    return false
  }

  /// A call that waited gives up.
  public mutating func leaveQueue() {
    invariant(waiting > 0, "a call leaves the queue of a bulkhead in which \(waiting) wait")
    waiting -= 1
  }
}
