// What alerting states.

import Vocabulary

extension Fact {
  /// An alert changed its state: `subject` rule number, `value` the new state's raw number.
  public static let alertChanged = Fact("alerting/alert-changed")
}
