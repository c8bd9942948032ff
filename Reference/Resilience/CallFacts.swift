// What a machine states of its calls to others.

import Vocabulary

extension Fact {
  /// A circuit breaker changed its state: `subject` endpoint (`Callee.statedAs`), `value` 0 closed, 1 open, 2 half-open.
  public static let breakerChanged = Fact("calls/breaker-changed")
  /// A call's reply did not match its contract: `subject` endpoint, `value` status.
  public static let contractViolated = Fact("calls/contract-violated")
}

extension CircuitBreaker.State {
  /// What a `breakerChanged` fact says of it.
  private var statedAs: UInt64 {
    switch self {
    case .closed: 0
    case .open: 1
    case .halfOpen: 2
    }
  }

  /// States that the breaker of `callee` has come from `before` to this, where these are not the same.
  func tell(after before: CircuitBreaker.State, of callee: Callee, _ turn: inout Turn) {
    if before.statedAs != statedAs { turn.observe(.breakerChanged, subject: callee.statedAs, value: statedAs) }
  }
}
