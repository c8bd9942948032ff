// What a machine states of its calls to others.

import Vocabulary

extension Fact {
  /// A circuit breaker changed its state: `subject` endpoint, `value` 0 closed, 1 open, 2 half-open.
  public static let breakerChanged = Fact("calls/breaker-changed")
  /// A call's reply did not match its contract: `subject` endpoint, `value` status.
  public static let contractViolated = Fact("calls/contract-violated")
}
