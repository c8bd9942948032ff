// A key's operations in files and in words.

import Wire

extension KeyValueModel: RecordedModel {
  /// `key-value`.
  public static var name: String { "key-value" }

  /// What can be asked.
  public static var operationNames: [String] { ["put", "append", "get"] }

  /// By operation.
  public static func members(of operationName: String) -> [String] { operationName == "get" ? [] : ["value"] }

  /// By operation.
  public static func answerMembers(of operationName: String) -> [String] { operationName == "get" ? ["value"] : [] }

  /// `ok`.
  public static func results(of operationName: String) -> [String] { ["ok"] }

  /// Reads what was asked.
  public static func input(_ operationName: String, _ line: JSONField) throws(FieldMistake) -> KeyValueInput {
    switch operationName {
    case "put": .put(try line.member("value").historyValue())
    case "append": .append(try line.member("value").historyValue())
    default: .get
    }
  }

  /// Reads what was answered.
  public static func output(_ operationName: String, _ result: String, _ line: JSONField) throws(FieldMistake) -> KeyValueOutput {
    operationName == "get" ? .value(try line.historyValueOrNull("value")) : .done
  }

  /// The name of an operation.
  public static func operationName(_ input: KeyValueInput) -> String {
    switch input {
    case .put: "put"
    case .append: "append"
    case .get: "get"
    }
  }

  /// Writes what was asked.
  public static func write(_ input: KeyValueInput, to writer: inout JSONWriter) {
    switch input {
    case .put(let value), .append(let value): writer.member("value", value)
    case .get: break
    }
  }

  /// Writes what was answered.
  public static func write(_ output: KeyValueOutput, answering input: KeyValueInput, to writer: inout JSONWriter) {
    writer.member("result", "ok")
    switch output {
    case .done: break
    case .value(let value): writer.member("value", value)
    }
  }

  /// What was asked, in words.
  public static func text(_ input: KeyValueInput) -> String {
    switch input {
    case .put(let value): "put \(shownWithEnds(value))"
    case .append(let value): "append \(shownWithEnds(value))"
    case .get: "get"
    }
  }

  /// What was answered, in words.
  public static func text(_ output: KeyValueOutput) -> String {
    switch output {
    case .done: "ok"
    case .value(let value): shownWithEnds(value)
    }
  }

  /// What it held.
  public func text(_ state: KeyValueState) -> String { "it held \(shownWithEnds(heldText(state)))" }

  /// A text that may have grown long, in words: texts that grow differ at their ends.
  private static func shownWithEnds(_ value: HistoryValue?) -> String {
    guard let value, value.text.unicodeScalars.count > 40 else { return shown(value) }
    let scalars = value.text.unicodeScalars
    return quoted(String(scalars.prefix(12))) + "…" + quoted(String(scalars.suffix(24))) + " (\(value.text.utf8.count) bytes)"
  }

  private func shownWithEnds(_ value: HistoryValue?) -> String { Self.shownWithEnds(value) }
}
