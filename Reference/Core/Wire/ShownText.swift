// Text as it is shown to people. What came from outside (names in files, paths, messages) may hold code points that are
// not shown but do something: escapes that rewrite a terminal, marks that turn the direction of what follows, breaks of
// lines. They are shown by their numbers.
//
// Limit: letters that look like others are shown as they are.

/// Whether a code point does something to what is shown in place of being shown itself: control characters, format
/// characters (U+202E and its kind), separators of lines and paragraphs.
func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
  if (0x20...0x7E).contains(scalar.value) { return false }
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: return true
  default: return false
  }
}

/// How an unseen code point is written.
public enum UnseenForm: Sendable {
  /// `\u{202E}`, for people.
  case text
  /// `\u202E`, as it stands in a string of a JSON document: the document stays one, and means the same.
  case json
}

/// `text` with each unseen code point by its number; line feeds and tabs stay, unless it must be one line.
public func shownText(_ text: String, _ form: UnseenForm = .text, isOneLine: Bool = false) -> String {
  func stays(_ scalar: Unicode.Scalar) -> Bool { !isUnseen(scalar) || !isOneLine && (scalar == "\n" || scalar == "\t") }
  let isPlain = text.utf8.allSatisfy { (0x20...0x7E).contains($0) || !isOneLine && ($0 == 0x0A || $0 == 0x09) }
  if isPlain || text.unicodeScalars.allSatisfy(stays) { return text }
  var shown = ""
  for scalar in text.unicodeScalars {
    if stays(scalar) {
      shown.unicodeScalars.append(scalar)
      continue
    }
    switch form {
    case .text: shown += "\\u{" + hexadecimal(scalar.value, digits: 2) + "}"
    case .json: for unit in String(scalar).utf16 { shown += "\\u" + hexadecimal(UInt32(unit), digits: 4) }
    }
  }
  return shown
}
