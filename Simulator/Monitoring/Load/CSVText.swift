// Comma-separated values by RFC 4180: fields in quotes may hold commas, line ends and doubled quotes; records end with
// a line feed, with or without a carriage return before it. A byte order mark at the beginning is passed over, and so
// are empty lines.
//
// Stricter than some readers: a quote within a field that is not quoted, and text behind a closing quote, are mistakes
// rather than text. Columns are counted in Unicode scalars, in the line in which a field begins.

import Vocabulary

/// Reads the records of a text one by one.
package struct CSVText {
  /// One field.
  package struct Field: Hashable {
    /// What it says, without its quotes.
    package var text: String
    /// The line in which it begins, from 1.
    package var line: Int
    /// The column at which it begins, from 1; of its quote, where it is quoted.
    package var column: Int
  }

  private let file: String
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var line = 1
  private var column = 1

  /// The records of `text`, which came from `file`.
  package init(_ text: String, file: String) {
    self.file = file
    scalars = Array(text.unicodeScalars)
    if scalars.first == "\u{FEFF}" { position = 1 }
  }

  /// The next record that is no empty line; nil where there is none. Throws the place of what is no record.
  package mutating func next() throws(TextMistake) -> [Field]? {
    while skipsLineEnd() {}
    guard position < scalars.count else { return nil }
    var fields: [Field] = []
    while true {
      fields.append(try field())
      if takes(",") { continue }
      guard position == scalars.count || skipsLineEnd() else { throw mistake("a comma or the end of the line") }
      return fields
    }
  }

  private mutating func field() throws(TextMistake) -> Field {
    var field = Field(text: "", line: line, column: column)
    guard takes("\"") else {
      while position < scalars.count, scalars[position] != ",", !isAtLineEnd {
        guard scalars[position] != "\"" else { throw mistake("a field without quotes (or quotes around it all, doubled within)") }
        field.text.unicodeScalars.append(advance())
      }
      return field
    }
    while true {
      guard position < scalars.count else {
        throw TextMistake(
          file: file, line: field.line, column: field.column,
          problem: "expected a closing quote for the field that begins here, found the end of the file")
      }
      if takes("\"") {
        guard takes("\"") else { return field }
        field.text.unicodeScalars.append("\"")
      } else {
        field.text.unicodeScalars.append(advance())
      }
    }
  }

  private var isAtLineEnd: Bool {
    scalars[position] == "\n" || (scalars[position] == "\r" && position + 1 < scalars.count && scalars[position + 1] == "\n")
  }

  /// Passes over a line end, if it is next.
  private mutating func skipsLineEnd() -> Bool {
    guard position < scalars.count, isAtLineEnd else { return false }
    if scalars[position] == "\r" { _ = advance() }
    _ = advance()
    return true
  }

  private mutating func takes(_ scalar: Unicode.Scalar) -> Bool {
    guard position < scalars.count, scalars[position] == scalar else { return false }
    _ = advance()
    return true
  }

  private mutating func advance() -> Unicode.Scalar {
    let scalar = scalars[position]
    position += 1
    if scalar == "\n" {
      line += 1
      column = 1
    } else {
      column += 1
    }
    return scalar
  }

  private func mistake(_ what: String) -> TextMistake {
    let found = position < scalars.count ? "\"\(scalars[position])\"" : "the end of the file"
    return TextMistake(file: file, line: line, column: column, problem: "expected \(what), found \(found)")
  }
}
