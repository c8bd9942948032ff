// The one error of the query language: a place and a sentence, and a caret under the place on request. MONITORING-19.

/// Why a text is not in the query language, and where.
public struct QueryError: Error, Equatable, CustomStringConvertible {
  /// The line, from 1. Lines end at a line feed.
  public var line: Int
  /// The column, from 1, in Unicode scalars.
  public var column: Int
  /// The offset into the text's UTF-8, from 0, in bytes.
  public var byteOffset: Int
  /// What is wrong: `expected a measurement name, found ')'`.
  public var problem: String

  /// An error at a place.
  public init(line: Int, column: Int, byteOffset: Int, problem: String) {
    self.line = line
    self.column = column
    self.byteOffset = byteOffset
    self.problem = problem
  }

  /// `line 1, column 12: expected a measurement name, found ')'`.
  public var description: String { "line \(line), column \(column): \(problem)" }

  /// The line of the text that the error is in and, below it, a caret under the column. Tabs are shown as spaces, and at most
  /// 60 scalars are shown before the place and 20 behind it. For the same text that was parsed.
  public func excerpt(of text: String) -> String {
    let scalars = Array(text.unicodeScalars.prefix(QueryLanguageLimits.maximumBytes))
    var start = 0
    var lineNumber = 1
    for (index, scalar) in scalars.enumerated() where lineNumber < line && scalar == "\n" {
      start = index + 1
      lineNumber += 1
    }
    let place = start + max(0, column - 1)
    let stop = scalars[min(start, scalars.count)...].firstIndex(of: "\n") ?? scalars.count
    let first = max(start, place - 60)
    var shown = ""
    for scalar in scalars[min(first, stop)..<max(min(first, stop), min(stop, place + 20))] {
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      shown.unicodeScalars.append(isControl ? " " : scalar)
    }
    return shown + "\n" + String(repeating: " ", count: max(0, place - first)) + "^"
  }
}

/// How much of a text is read before it is refused.
public enum QueryLanguageLimits {
  /// The longest text, in bytes of UTF-8.
  public static let maximumBytes = 16_384
  /// The most conditions.
  public static let maximumConditions = 64
  /// The most aggregates in one query.
  public static let maximumSelections = 32
  /// The most tags in `GROUP BY`.
  public static let maximumGroupTags = 16
  /// The longest name or quoted value, in bytes of UTF-8.
  public static let maximumNameBytes = 1024
}
