// The state machine of one alert: inactive → pending → firing → resolved. Pure: the next state follows from the state,
// one reading, its time, and the rule's policy.
//
// Time is the wall clock of the node, as each evaluation read it. The condition counts as held without a gap between
// two readings only if they are no further apart than `longestGap`, and the clock did not run backwards between them:
// after an outage, a pause or a jump of the clock the duration is counted anew, so that nothing fires on time that
// nobody watched. Serves MONITORING-24.

import MonitoringAPI
import Vocabulary

/// What one evaluation of a rule gave. An evaluation that failed gives no reading and changes nothing.
public enum Reading: Sendable, Equatable {
  /// The condition holds.
  case holds
  /// The condition does not hold.
  case fails
  /// There was no data.
  case missing
}

/// What of a rule decides about the states.
public struct AlertPolicy: Sendable, Equatable {
  /// How long the condition must hold before the alert fires.
  public var duration: TimeSpan
  /// What happens where there is no data.
  public var missingData: MissingDataPolicy
  /// The longest time between two readings over which the condition still counts as held.
  public var longestGap: TimeSpan

  /// A policy.
  public init(duration: TimeSpan, missingData: MissingDataPolicy, longestGap: TimeSpan) {
    self.duration = duration
    self.missingData = missingData
    self.longestGap = longestGap
  }
}

/// Where an alert stands.
public enum AlertState: Sendable, Equatable {
  /// The condition does not hold, and no alert was resolved since it last fired. The first state. A reading that holds
  /// leads to pending, or at once to firing where the duration is 0.
  case inactive
  /// The condition holds since `since` and was last seen to hold at `seen`. Once it has held for the duration it leads
  /// to firing; a reading that fails leads back to inactive; a gap begins it anew.
  case pending(since: WallTime, seen: WallTime)
  /// The condition held for the duration; the alert fires since `since`. A reading that fails leads to resolved.
  case firing(since: WallTime)
  /// The alert fired, and the condition no longer holds since `since`. A reading that holds leads to pending like from
  /// inactive.
  case resolved(since: WallTime)

  /// The state as clients see it.
  public var word: AlertWord {
    switch self {
    case .inactive: .inactive
    case .pending: .pending
    case .firing: .firing
    case .resolved: .resolved
    }
  }

  /// The state's number in observations and in the journal.
  public var number: UInt8 {
    switch self {
    case .inactive: 0
    case .pending: 1
    case .firing: 2
    case .resolved: 3
    }
  }

  /// Since when the alert is in this state; nil for inactive.
  public var since: WallTime? {
    switch self {
    case .inactive: nil
    case .pending(let since, _), .firing(let since), .resolved(let since): since
    }
  }

  /// The state after a reading at `time`.
  public func next(_ reading: Reading, at time: WallTime, _ policy: AlertPolicy) -> AlertState {
    switch reading {
    case .holds: held(at: time, policy)
    case .fails: failed(at: time)
    case .missing:
      switch policy.missingData {
      case .keep: self
      case .fire: held(at: time, policy)
      case .resolve: failed(at: time)
      }
    }
  }

  private func held(at time: WallTime, _ policy: AlertPolicy) -> AlertState {
    switch self {
    case .inactive, .resolved: return policy.duration <= .zero ? .firing(since: time) : .pending(since: time, seen: time)
    case .pending(let since, let seen):
      guard time >= seen, time - seen <= policy.longestGap else { return .pending(since: time, seen: time) }
      invariant(since <= seen, "a condition holds since \(since) and was seen to hold at \(seen)")
      return time - since >= policy.duration ? .firing(since: time) : .pending(since: since, seen: time)
    case .firing: return self
    }
  }

  private func failed(at time: WallTime) -> AlertState {
    switch self {
    case .inactive, .resolved: self
    case .pending: .inactive
    case .firing: .resolved(since: time)
    }
  }

  /// Whether a reading may lead from this state to `next`.
  public func leads(to next: AlertState) -> Bool {
    switch (self, next) {
    case (.inactive, .inactive), (.inactive, .pending), (.inactive, .firing), (.pending, .inactive), (.pending, .pending),
      (.pending, .firing),
      (.firing, .firing), (.firing, .resolved), (.resolved, .resolved), (.resolved, .pending), (.resolved, .firing):
      true
    case (.inactive, .resolved), (.pending, .resolved), (.firing, .inactive), (.firing, .pending), (.resolved, .inactive): false
    }
  }

  /// What a change from this state to `next` must be told as; nil where nobody is told.
  public func notification(of next: AlertState) -> AlertWord? {
    switch (self, next) {
    case (.inactive, .firing), (.pending, .firing), (.resolved, .firing): .firing
    case (.firing, .inactive), (.firing, .pending), (.firing, .resolved): .resolved
    case (.firing, .firing), (.inactive, .inactive), (.inactive, .pending), (.inactive, .resolved), (.pending, .inactive),
      (.pending, .pending), (.pending, .resolved), (.resolved, .inactive), (.resolved, .pending), (.resolved, .resolved):
      nil
    }
  }
}
