// A mistake in a text that came from outside (a JSON body, a query, a scenario file): where it is and what is wrong
// there. What is wrong in a tree that was read already is a `FieldMistake` of room Wire.

/// What is wrong with a text, and where.
public struct TextMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file that holds the text, as it was given; nil where the text came by itself.
  public var file: String?
  /// The line, from 1. Lines end at a line feed.
  public var line: Int
  /// The column, from 1, in Unicode scalars.
  public var column: Int
  /// What is wrong, in words: `expected ':' after the name "value", found '}'`.
  public var problem: String

  /// A mistake at a place.
  public init(file: String? = nil, line: Int, column: Int, problem: String) {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// A mistake `offset` bytes into `text`, which is UTF-8. Line and column are counted here, so the cost is linear in
  /// the offset.
  public init(_ problem: String, at offset: Int, in text: Span<UInt8>) {
    file = nil
    line = 1
    column = 1
    self.problem = problem
    for index in 0..<max(0, min(offset, text.count)) {
      let byte = text[index]
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
  }

  /// `line 1, column 14: expected …`, or `calm.yaml:12:5: expected …` where it stands in a file.
  public var description: String {
    if let file { "\(file):\(line):\(column): \(problem)" } else { "line \(line), column \(column): \(problem)" }
  }
}
