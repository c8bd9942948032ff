// A mistake in a JSON tree: the way to the value, what was expected there, and what was found. Readers of requests
// throw it, and the matcher of contract cases gives it.

/// Why a value of a JSON document is not what was expected, and where.
public struct FieldMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// The way to the value, such as `metrics[3].value`; empty for the whole document.
  public var path: String
  /// What was expected: `a finite number`.
  public var expected: String
  /// What was there instead: `a string`.
  public var found: String

  /// A mistake at a path.
  public init(path: String, expected: String, found: String) {
    self.path = path
    self.expected = expected
    self.found = found
  }

  /// `metrics[3].value: expected a finite number, found a string`.
  public var description: String { "\(path.isEmpty ? "the document" : path): expected \(expected), found \(found)" }
}
