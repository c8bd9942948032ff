// A register's operations in files and in words.

import Wire

extension RegisterModel: RecordedModel {
  /// `register`.
  public static var name: String { "register" }

  /// What can be asked.
  public static var operationNames: [String] { ["write", "read", "compare-and-swap"] }

  /// By operation.
  public static func members(of operationName: String) -> [String] {
    switch operationName {
    case "write": ["value"]
    case "read": []
    default: ["expected", "value"]
    }
  }

  /// By operation.
  public static func answerMembers(of operationName: String) -> [String] {
    switch operationName {
    case "write": []
    case "read": ["value"]
    default: ["held"]
    }
  }

  /// By operation.
  public static func results(of operationName: String) -> [String] { operationName == "compare-and-swap" ? ["ok", "mismatch"] : ["ok"] }

  /// Reads what was asked.
  public static func input(_ operationName: String, _ line: JSONField) throws(FieldMistake) -> RegisterInput {
    switch operationName {
    case "write": .write(try line.member("value").historyValue())
    case "read": .read
    default: .compareAndSwap(expected: try line.historyValueOrNull("expected"), new: try line.member("value").historyValue())
    }
  }

  /// Reads what was answered.
  public static func output(_ operationName: String, _ result: String, _ line: JSONField) throws(FieldMistake) -> RegisterOutput {
    if operationName == "read" { return .held(try line.historyValueOrNull("value")) }
    if result == "mismatch" { return line.value["held"] == nil ? .mismatched : .held(try line.historyValueOrNull("held")) }
    if line.value["held"] != nil { throw try line.nullableMember("held").mismatch("no such member beside the result \"ok\"") }
    return .done
  }

  /// The name of an operation.
  public static func operationName(_ input: RegisterInput) -> String {
    switch input {
    case .write: "write"
    case .read: "read"
    case .compareAndSwap: "compare-and-swap"
    }
  }

  /// Writes what was asked.
  public static func write(_ input: RegisterInput, to writer: inout JSONWriter) {
    switch input {
    case .write(let value): writer.member("value", value)
    case .read: break
    case .compareAndSwap(let expected, let new):
      writer.member("expected", expected)
      writer.member("value", new)
    }
  }

  /// Writes what was answered.
  public static func write(_ output: RegisterOutput, answering input: RegisterInput, to writer: inout JSONWriter) {
    switch (input, output) {
    case (_, .done): writer.member("result", "ok")
    case (.read, .held(let value)):
      writer.member("result", "ok")
      writer.member("value", value)
    case (.write, .held(let value)), (.compareAndSwap, .held(let value)):
      writer.member("result", "mismatch")
      writer.member("held", value)
    case (_, .mismatched): writer.member("result", "mismatch")
    }
  }

  /// What was asked, in words.
  public static func text(_ input: RegisterInput) -> String {
    switch input {
    case .write(let value): "write \(shown(value))"
    case .read: "read"
    case .compareAndSwap(let expected, let new): "compare-and-swap \(shown(expected)) to \(shown(new))"
    }
  }

  /// What was answered, in words.
  public static func text(_ output: RegisterOutput) -> String {
    switch output {
    case .done: "ok"
    case .held(let value): shown(value)
    case .mismatched: "mismatch"
    }
  }

  /// What it held.
  public func text(_ state: HistoryValue?) -> String { "it held \(shown(state))" }
}
