// A log's operations in files and in words.

import Wire

extension AppendOnlyLog: RecordedModel {
  /// `log` or `idempotent-log`.
  public static var name: String { Kind.recognisesRepeats ? "idempotent-log" : "log" }

  /// What can be asked.
  public static var operationNames: [String] { ["append", "read"] }

  /// By operation. A plain log knows no producers: an append that names one would be judged as if it did not.
  public static func members(of operationName: String) -> [String] {
    if operationName == "read" { return ["offset", "count"] }
    return Kind.recognisesRepeats ? ["values", "producer", "sequence"] : ["values"]
  }

  /// By operation.
  public static func answerMembers(of operationName: String) -> [String] {
    operationName == "append" ? ["offset"] : ["values", "next", "partial"]
  }

  /// `ok`.
  public static func results(of operationName: String) -> [String] { ["ok"] }

  /// Reads what was asked.
  public static func input(_ operationName: String, _ line: JSONField) throws(FieldMistake) -> LogInput {
    if operationName == "read" {
      return .read(offset: try line.member("offset").integer(in: 0...Int64.max), count: try line.member("count").integer(in: 0...Int64.max))
    }
    let values = try Self.values(line.member("values"), minimum: 1)
    guard Kind.recognisesRepeats, line.value["producer"] != nil || line.value["sequence"] != nil else { return .append(values) }
    let producer = try line.member("producer").historyValue()
    return .append(values, identity: AppendIdentity(producer: producer, sequence: try line.member("sequence").integer()))
  }

  /// Reads what was answered.
  public static func output(_ operationName: String, _ result: String, _ line: JSONField) throws(FieldMistake) -> LogOutput {
    if operationName == "append" { return .offset(try line.member("offset").integer(in: 0...Int64.max)) }
    let values = try Self.values(line.member("values"), minimum: 0)
    let next = try line.member("next").integer(in: 0...Int64.max)
    return .values(values, next: next, isPartial: try line.optionalMember("partial")?.bool() ?? false)
  }

  private static func values(_ field: JSONField, minimum: Int) throws(FieldMistake) -> [HistoryValue] {
    var values: [HistoryValue] = []
    for element in try field.elements(maximum: HistoryLimits.maximumValues, minimum: minimum) { values.append(try element.historyValue()) }
    return values
  }

  /// The name of an operation.
  public static func operationName(_ input: LogInput) -> String {
    switch input {
    case .append: "append"
    case .read: "read"
    }
  }

  /// Writes what was asked. A plain log's file has no place for an identity, which means nothing to it.
  public static func write(_ input: LogInput, to writer: inout JSONWriter) {
    switch input {
    case .append(let values, let identity):
      writer.member("values", values)
      guard Kind.recognisesRepeats, let identity else { return }
      writer.member("producer", identity.producer.text)
      writer.member("sequence", identity.sequence)
    case .read(let offset, let count):
      writer.member("offset", offset)
      writer.member("count", count)
    }
  }

  /// Writes what was answered.
  public static func write(_ output: LogOutput, answering input: LogInput, to writer: inout JSONWriter) {
    writer.member("result", "ok")
    switch output {
    case .offset(let offset): writer.member("offset", offset)
    case .values(let values, let next, let isPartial):
      writer.member("values", values)
      writer.member("next", next)
      if isPartial { writer.member("partial", true) }
    }
  }

  /// What was asked, in words.
  public static func text(_ input: LogInput) -> String {
    switch input {
    case .append(let values, let identity):
      "append \(shown(values))" + (identity.map { " as \(quoted($0.producer.text)) \($0.sequence)" } ?? "")
    case .read(let offset, let count): "read \(count) from \(offset)"
    }
  }

  /// What was answered, in words.
  public static func text(_ output: LogOutput) -> String {
    switch output {
    case .offset(let offset): "offset \(offset)"
    case .values(let values, let next, let isPartial): "\(shown(values)), next \(next)" + (isPartial ? " (partial)" : "")
    }
  }

  /// How long it was, and how it ended.
  public func text(_ state: LogState) -> String {
    let last = lastValues(of: state, count: 3)
    return last.isEmpty ? "the log was empty" : "the log had \(length(state)) values, the last ones \(shown(last))"
  }
}
