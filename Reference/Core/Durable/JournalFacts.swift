// What a machine states of its journals.

import Vocabulary

extension Fact {
  /// A journal was recovered: `subject` records kept, `value` bytes of a torn tail cut off.
  public static let journalRecovered = Fact("journal/recovered")
  /// A part of a journal was found damaged: `subject` position at which it begins, `value` its bytes.
  public static let journalDamaged = Fact("journal/damaged")
}
