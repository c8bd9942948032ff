// A mistake in a file that a person wrote: where it is, what was expected there, and what was found.

/// A mistake in a YAML file.
public struct YAMLMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, as it was given.
  public var file: String
  /// The line, from 1.
  public var line: Int
  /// The column, from 1.
  public var column: Int
  /// What was expected, and what was found.
  public var problem: String

  /// A mistake.
  public init(file: String, line: Int, column: Int, problem: String) {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// "monitoring/calm.yaml:12:5: expected …".
  public var description: String { "\(file):\(line):\(column): \(problem)" }
}
