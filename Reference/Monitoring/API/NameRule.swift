// What may be a name of a client's making: of a metric, a measurement, a field, a tag, a topic, a rule, a channel
// (MONITORING-1, 12, 23).
//
// A name is printable: no control characters (U+0000–U+001F, U+007F–U+009F), which break the lines of whatever shows
// them. The name of a rule is also a segment of a path: without slashes and backslashes, and neither `.` nor `..`, or
// nobody could delete the rule. Limits: names of measurements and tags in requests that read, and in messages that were
// accepted, are not held to it, so that what was stored before can be read.

/// The rule that names keep.
public enum NameRule {
  /// What a name is, in words.
  public static let words = "a name without control characters"
  /// What a rule's name is, in words.
  public static let segmentWords = "a name that is neither . nor .., without control characters, / and \\"

  /// The first control character, as people write it (`U+0007`); nil where there is none.
  public static func control(in text: String) -> String? {
    let found = text.unicodeScalars.first { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    return found.map { scalar in
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return "U+" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }

  /// What keeps `text` from being a segment of a path; nil where nothing does.
  public static func flaw(ofSegment text: String) -> String? {
    if text == "." || text == ".." { return "\"\(text)\"" }
    return control(in: text) ?? text.unicodeScalars.first { $0 == "/" || $0 == "\\" }.map { String(Character($0)) }
  }
}
