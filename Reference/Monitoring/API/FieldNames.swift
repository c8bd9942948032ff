// Names in what clients hand in, held to `NameRule` (MONITORING-1, 12, 23).

import Vocabulary
import Wire

extension JSONField {
  /// A name of at most `maximumBytes` bytes.
  func name(maximumBytes: Int) throws(FieldMistake) -> String {
    let text = try string(maximumBytes: maximumBytes, minimumBytes: 1)
    if let control = NameRule.control(in: text) { throw mismatch(NameRule.words, found: control) }
    return text
  }

  /// A name of at most `maximumBytes` bytes that is a segment of a path.
  func segmentName(maximumBytes: Int) throws(FieldMistake) -> String {
    let text = try string(maximumBytes: maximumBytes, minimumBytes: 1)
    if let flaw = NameRule.flaw(ofSegment: text) { throw mismatch(NameRule.segmentWords, found: flaw) }
    return text
  }
}
