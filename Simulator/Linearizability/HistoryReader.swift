// Reads history files (History.md): a first line that names the model, then one operation a line.
//
// Strict: a member that is missing, unknown or of the wrong kind is a mistake with its file, line and column, and so is
// an outcome of which only half is there. Nothing is guessed, and nothing is skipped but the line feed at the end.

import Vocabulary
import Wire

extension AnyHistory {
  /// Reads a file's bytes; `file` is its name for messages. An empty file is an empty history of registers, of which
  /// nothing can be judged.
  public init(parsing bytes: [UInt8], file: String) throws(TextMistake) {
    let lines = HistoryLines(bytes, file: file)
    guard let first = lines.ranges.first else {
      self = .register(History())
      return
    }
    let name = try lines.read(0, first) { (field) throws(FieldMistake) in
      try field.onlyMembers(["history", "model"])
      _ = try field.member("history").integer(in: 1...1)
      return try field.member("model").word(HistoryModelName.self)
    }
    switch name {
    case .register: self = .register(try lines.history())
    case .log: self = .log(try lines.history())
    case .idempotentLog: self = .idempotentLog(try lines.history())
    case .keyValue: self = .keyValue(try lines.history())
    }
  }
}

/// The names of the models in files.
public enum HistoryModelName: String, CaseIterable, Sendable {
  /// Registers by key.
  case register
  /// Logs by partition.
  case log
  /// Logs by partition which know a repeated append.
  case idempotentLog = "idempotent-log"
  /// Texts by key, which can be appended to.
  case keyValue = "key-value"
}

/// A file in lines.
private struct HistoryLines {
  private let bytes: [UInt8]
  private let file: String
  let ranges: [Range<Int>]

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
    var ranges: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      ranges.append(start..<end)
      start = end + 1
    }
    self.ranges = ranges
  }

  /// The operations behind the first line.
  func history<Model: RecordedModel>() throws(TextMistake) -> History<Model> {
    var operations: [History<Model>.Operation] = []
    operations.reserveCapacity(max(0, ranges.count - 1))
    for (line, range) in ranges.enumerated().dropFirst() {
      operations.append(try read(line, range) { (field) throws(FieldMistake) in try Self.operation(field, Model.self) })
    }
    return History(operations)
  }

  func mistake(line: Int, column: Int, _ problem: String) -> TextMistake {
    TextMistake(file: file, line: line + 1, column: column, problem: problem)
  }

  /// Reads one line; mistakes get their place in the file.
  func read<Value>(
    _ line: Int, _ range: Range<Int>, _ body: (JSONField) throws(FieldMistake) -> Value
  ) throws(TextMistake) -> Value {
    let limits = JSONLimits(maximumBytes: HistoryLimits.maximumLineBytes, maximumDepth: 4)
    let document: JSON
    do {
      document = try JSON(parsing: bytes.span.extracting(range), limits: limits)
    } catch {
      throw mistake(line: line, column: error.column, error.problem)
    }
    do {
      return try body(JSONField(document))
    } catch {
      let text = bytes.span.extracting(range)
      let place = TextMistake("\(error)", at: FieldPlace.offset(of: error.path, in: text), in: text)
      throw mistake(line: line, column: place.column, place.problem)
    }
  }

  /// Reads what all models' operations have.
  private static func operation<Model: RecordedModel>(
    _ line: JSONField, _ type: Model.Type
  ) throws(FieldMistake) -> History<Model>.Operation {
    let operationField = try line.member("op")
    let name = try operationField.string(maximumBytes: 64)
    guard Model.operationNames.contains(where: { sameBytes($0, name) }) else {
      let names = Model.operationNames.map(quoted).joined(separator: ", ")
      throw operationField.mismatch("one of \(names) for the model \(quoted(Model.name))", found: quoted(name))
    }
    let asked = Model.members(of: name)
    let answered = Model.answerMembers(of: name)
    try line.onlyMembers(["client", "key", "call", "return", "op", "result"] + asked + answered)
    let client = try line.member("client").integer()
    let key = try line.member("key").historyValue()
    let call = try line.member("call").integer()
    let input = try Model.input(name, line)
    return RecordedOperation(
      client: client, key: key, callNanoseconds: call, input: input,
      outcome: try outcome(name, call: call, answered: answered, line, type))
  }

  /// `return` and `result` go together, and what was answered comes with neither an unknown outcome nor a failed one.
  private static func outcome<Model: RecordedModel>(
    _ name: String, call: Int64, answered: [String], _ line: JSONField, _ type: Model.Type
  ) throws(FieldMistake) -> OperationOutcome<Model.Output> {
    func refuseAnswer(_ why: String) throws(FieldMistake) {
      for member in answered where line.value[member] != nil {
        throw try line.nullableMember(member).mismatch("no such member \(why)")
      }
    }
    guard line.value["return"] != nil else {
      if line.value["result"] != nil { throw try line.nullableMember("result").mismatch("no such member without \"return\"") }
      try refuseAnswer("without \"return\"")
      return .unknown
    }
    let end = try line.member("return").integer(in: call...Int64.max)
    let field = try line.member("result")
    let result = try field.string(maximumBytes: 64)
    if sameBytes(result, "failed") {
      try refuseAnswer("beside the result \"failed\"")
      return .failed(atNanoseconds: end)
    }
    let results = Model.results(of: name)
    guard results.contains(where: { sameBytes($0, result) }) else {
      throw field.mismatch("one of " + (results + ["failed"]).map(quoted).joined(separator: ", "), found: quoted(result))
    }
    return .answered(atNanoseconds: end, try Model.output(name, result, line))
  }
}
