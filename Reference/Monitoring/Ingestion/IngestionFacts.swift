// What ingestion states.

import Vocabulary

extension Fact {
  /// Metrics went to the spill instead of the queue: `subject` records, `value` bytes that the spill takes then.
  public static let spilled = Fact("ingestion/spilled")
  /// Spilled records were handed to the queue: `subject` requests that still wait.
  public static let spillDrained = Fact("ingestion/spill-drained")
  /// A record that was acknowledged can never be stored and was set aside: `subject` how many are, `value` the status
  /// that refused it.
  public static let recordSetAside = Fact("ingestion/record-set-aside")
}
