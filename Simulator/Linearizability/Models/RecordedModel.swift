// A model whose histories can be kept in files and shown: its name there, the members of its operations, and their
// words for people.

import Wire

/// A model with a file format and words.
public protocol RecordedModel: SequentialModel {
  /// The model's name in a file's first line.
  static var name: String { get }

  /// The names of its operations.
  static var operationNames: [String] { get }
  /// The members that say what was asked, besides `client`, `key`, `call` and `op`.
  static func members(of operationName: String) -> [String]
  /// Reads what was asked.
  static func input(_ operationName: String, _ line: JSONField) throws(FieldMistake) -> Input
  /// The words that an operation's `result` may be, besides `failed`.
  static func results(of operationName: String) -> [String]
  /// Reads what was answered.
  static func output(_ operationName: String, _ result: String, _ line: JSONField) throws(FieldMistake) -> Output
  /// The members that say what was answered, besides `return` and `result`.
  static func answerMembers(of operationName: String) -> [String]

  /// The name of an operation.
  static func operationName(_ input: Input) -> String
  /// Writes the members of what was asked.
  static func write(_ input: Input, to writer: inout JSONWriter)
  /// Writes `result` and the members of what was answered.
  static func write(_ output: Output, answering input: Input, to writer: inout JSONWriter)

  /// What was asked, in words.
  static func text(_ input: Input) -> String
  /// What was answered, in words.
  static func text(_ output: Output) -> String
  /// A state as the end of a sentence: `it held "2"`.
  func text(_ state: State) -> String
}

/// Limits of a history's texts.
public enum HistoryLimits {
  /// The longest key, value or producer's name in bytes.
  public static let maximumTextBytes = 1 << 20
  /// The most values of one append or read.
  public static let maximumValues = 100_000
  /// The longest line in bytes.
  public static let maximumLineBytes = 64 << 20
}

extension JSONField {
  /// A text of a history.
  func historyValue() throws(FieldMistake) -> HistoryValue { HistoryValue(try string(maximumBytes: HistoryLimits.maximumTextBytes)) }

  /// The value of a member that must be there and may be `null`.
  func historyValueOrNull(_ name: String) throws(FieldMistake) -> HistoryValue? {
    let field = try nullableMember(name)
    if case .null = field.value { return nil }
    return try field.historyValue()
  }
}

extension JSONWriter {
  /// A member with a text, or `null`.
  mutating func member(_ name: String, _ value: HistoryValue?) {
    self.name(name)
    if let value { self.value(value.text) } else { null() }
  }

  /// A member with texts in order.
  mutating func member(_ name: String, _ values: [HistoryValue]) {
    self.name(name)
    beginArray()
    for value in values { self.value(value.text) }
    endArray()
  }
}

/// A value in words.
func shown(_ value: HistoryValue?) -> String { value.map { quoted($0.text) } ?? "nothing" }

/// Values in words: all of a few, the ends of many.
func shown(_ values: [HistoryValue]) -> String {
  if values.count <= 6 { return values.isEmpty ? "no values" : values.map { shown($0) }.joined(separator: ", ") }
  return "\(values.count) values: " + values.prefix(3).map { shown($0) }.joined(separator: ", ") + " … "
    + values.suffix(2).map { shown($0) }.joined(separator: ", ")
}
