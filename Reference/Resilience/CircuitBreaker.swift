// Circuit breaker: after too many failures in a row nobody is asked for a while; then a bounded number of probes
// decides. Results that belong to an older state are ignored (WORKSPACES-11; here first for the monitoring platform's
// calls).

import Vocabulary

/// A pure circuit breaker for one endpoint.
public struct CircuitBreaker: Sendable {
  /// When it opens, for how long, and how it is probed.
  public struct Policy: Sendable, Hashable {
    /// Failures in a row that open it; at least 1.
    public var failuresThatOpen: Int
    /// How long it stays open before it is probed.
    public var openFor: TimeSpan
    /// Probes that may be under way at once while half-open; all must succeed to close it; at least 1.
    public var probes: Int

    /// A policy.
    public init(failuresThatOpen: Int = 5, openFor: TimeSpan = .seconds(1), probes: Int = 1) {
      invariant(
        failuresThatOpen >= 1 && probes >= 1, "a breaker that opens after \(failuresThatOpen) failures and closes after \(probes) probes")
      self.failuresThatOpen = failuresThatOpen
      self.openFor = openFor
      self.probes = probes
    }
  }

  /// Whether calls pass.
  public enum State: Sendable, Hashable {
    /// All calls pass. `failures` failed in a row. Opens at the policy's limit.
    case closed(failures: Int)
    /// No call passes before `until`. Becomes half-open with the first call after it.
    case open(until: Instant)
    /// A bounded number of probes passes. Closes when all have succeeded; opens when one fails.
    case halfOpen(underWay: Int, succeeded: Int)
  }

  /// A permission to call. Its result counts only in the state that gave it.
  public struct Permit: Sendable, Hashable {
    let generation: UInt64
  }

  /// Whether calls pass.
  public private(set) var state: State = .closed(failures: 0)
  private let policy: Policy
  private var generation: UInt64 = 0

  /// A closed breaker.
  public init(_ policy: Policy) { self.policy = policy }

  /// Asks to call at `now`; nil where the call must fail at once.
  public mutating func permit(at now: Instant) -> Permit? {
    switch state {
    case .closed: return Permit(generation: generation)
    case .open(let until):
      guard now >= until else { return nil }
      enter(.halfOpen(underWay: 1, succeeded: 0))
      return Permit(generation: generation)
    case .halfOpen(let underWay, let succeeded):
      guard underWay + succeeded < policy.probes else { return nil }
      invariant(underWay >= 0 && succeeded >= 0, "\(underWay) probes are under way and \(succeeded) succeeded")
      state = .halfOpen(underWay: underWay + 1, succeeded: succeeded)
      return Permit(generation: generation)
    }
  }

  /// States that the call of `permit` succeeded.
  public mutating func succeeded(_ permit: Permit) {
    guard permit.generation == generation else { return }
    switch state {
    case .closed: state = .closed(failures: 0)
    case .open: break
    case .halfOpen(let underWay, let succeeded):
      invariant(underWay >= 1, "a probe succeeded, and \(underWay) are under way")
      if succeeded + 1 >= policy.probes {
        enter(.closed(failures: 0))
      } else {
        state = .halfOpen(underWay: underWay - 1, succeeded: succeeded + 1)
      }
    }
  }

  /// States that the call of `permit` failed at `now`.
  public mutating func failed(_ permit: Permit, at now: Instant) {
    guard permit.generation == generation else { return }
    switch state {
    case .closed(let failures):
      if failures + 1 >= policy.failuresThatOpen {
        enter(.open(until: now + policy.openFor))
      } else {
        state = .closed(failures: failures + 1)
      }
    case .open: break
    case .halfOpen(let underWay, _):
      invariant(underWay >= 1, "a probe failed, and \(underWay) are under way")
      enter(.open(until: now + policy.openFor))
    }
  }

  /// States that the call of `permit` was given up without a result: a probe's place becomes free again.
  public mutating func abandoned(_ permit: Permit) {
    guard permit.generation == generation, case .halfOpen(let underWay, let succeeded) = state else { return }
    invariant(underWay >= 1, "a probe was given up, and \(underWay) are under way")
    state = .halfOpen(underWay: underWay - 1, succeeded: succeeded)
  }

  private mutating func enter(_ next: State) {
    invariant(Self.leads(state, to: next), "a breaker goes from \(state) to \(next)")
    state = next
    generation &+= 1
  }

  /// Whether one state comes after the other.
  private static func leads(_ before: State, to after: State) -> Bool {
    switch (before, after) {
    case (.closed, .open), (.open, .halfOpen), (.halfOpen, .closed), (.halfOpen, .open): true
    case (.closed, .closed), (.closed, .halfOpen), (.open, .closed), (.open, .open), (.halfOpen, .halfOpen): false
    }
  }
}
