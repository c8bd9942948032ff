// What storage states.

import Vocabulary

extension Fact {
  /// A batch of the queue was stored: `subject` partition, `value` next offset.
  public static let batchStored = Fact("storage/batch-stored")
  /// An immutable file was made part of the state: `subject` file number, `value` points.
  public static let segmentAdded = Fact("storage/segment-added")
  /// Messages that can never be stored are in the topic for such ones: `subject` how many, `value` the status that
  /// refused them, 0 where none did.
  public static let messagesSetAside = Fact("storage/messages-set-aside")
}
