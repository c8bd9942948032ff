// Makes a history of Jepsen's events: pairs what a process asked with how it ended, puts all in order, and takes the
// values for what the models know (History.md says what is taken for what).
//
// Order: a Jepsen history is a row of events, and one event happened before another if it stands before it. So every
// event gets a time of its own: its `:time`, if all have one, else the number of its line, and at least one more than
// the event before it.
//
// Keys: the member `:key`, if an operation has one; else, if every operation asks about a pair [key value]
// (jepsen.independent), the first of the pair; else there is one register or one key. Values are scalars. Where a
// history has no scalars but strings, they are taken for what they say, else for what they look like as EDN, so that 1
// and "1" differ.

import Vocabulary
import Wire

/// The form of a file of Jepsen's.
enum JepsenFormat {
  /// `history.edn`.
  case edn
  /// Jepsen's log, or `history.txt`.
  case log
}

/// What a compare-and-swap that ended with `:fail` says.
public enum FailedSwaps: String, Hashable, Sendable, CaseIterable {
  /// What `:fail` means to Jepsen: it did not happen, for whatever reason.
  case noEffect = "no-effect"
  /// That the register held something else than expected, unless an `:error` or another value stands there.
  case mismatch
}

extension AnyHistory {
  /// Reads a Jepsen history; `file` is its name for messages. One without operations of clients is an empty history of
  /// registers. What was skipped is told of a log.
  static func jepsen(
    _ bytes: [UInt8], _ format: JepsenFormat, file: String, failedSwaps: FailedSwaps
  ) throws(TextMistake) -> (history: AnyHistory, skipped: SkippedLines?) {
    do throws(TextMistake) {
      let read =
        switch format {
        case .edn: try JepsenEvents(edn: bytes)
        case .log: try JepsenEvents(log: bytes)
        }
      let assembly = try JepsenAssembly(read.events, bytes, failedSwaps)
      let isOnRegister = read.events.first.map(\.function.isOnRegister) ?? true
      return (isOnRegister ? .register(try assembly.registers()) : .keyValue(try assembly.keyValues()), read.skipped)
    } catch {
      var mistake = error
      mistake.file = file
      throw mistake
    }
  }
}

/// One operation while it is put together.
private struct JepsenOperation {
  var invoked: JepsenEvent
  var callTime: Int64
  /// Nil where it never completed.
  var completed: JepsenEvent?
  var returnTime: Int64 = 0
}

/// A history while it is put together.
private struct JepsenAssembly {
  private let bytes: [UInt8]
  private let failedSwaps: FailedSwaps
  private var operations: [JepsenOperation] = []
  /// Whether operations have `:key`; whether they ask about pairs.
  private var isKeyed = false
  private var isPaired = false
  private var areKeysRaw = false
  private var areValuesRaw = false

  init(_ events: [JepsenEvent], _ bytes: [UInt8], _ failedSwaps: FailedSwaps) throws(TextMistake) {
    self.bytes = bytes
    self.failedSwaps = failedSwaps
    try pair(Self.inOrder(events, bytes))
    isKeyed = events.contains { $0.key != nil }
    isPaired = !isKeyed && !operations.isEmpty && operations.allSatisfy { Self.isPair($0.invoked) }
    areKeysRaw = !events.contains { $0.key?.hasOtherThanStrings ?? false }
    // Reasons for what failed are no values.
    areValuesRaw = !events.contains { event in
      (event.type == .invoke || event.type == .ok) && event.value?.hasOtherThanStrings ?? false
    }
  }

  private func mistake(_ problem: String, at offset: Int) -> TextMistake { TextMistake(problem, at: offset, in: bytes.span) }

  // MARK: order

  /// The events in their order, each with a time of its own.
  private static func inOrder(_ events: [JepsenEvent], _ bytes: [UInt8]) -> [(event: JepsenEvent, time: Int64)] {
    var timed: [(event: JepsenEvent, time: Int64)] = []
    let times = events.compactMap(\.time)
    if times.count == events.count {
      // Stably: what has the same time stays as it stands.
      let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
      timed = order.map { (event: events[$0], time: times[$0]) }
    } else {
      var line: Int64 = 1
      var place = 0
      for event in events {
        while place < event.offset {
          if bytes[place] == 0x0A { line += 1 }
          place += 1
        }
        timed.append((event, line))
      }
    }
    var last = Int64.min
    for index in timed.indices {
      timed[index].time = max(timed[index].time, last + 1)
      last = timed[index].time
    }
    return timed
  }

  /// Pairs what each process asked with what it learnt next.
  private mutating func pair(_ events: [(event: JepsenEvent, time: Int64)]) throws(TextMistake) {
    var open: [Int64: Int] = [:]
    for (event, time) in events {
      if let first = operations.first?.invoked.function, first.isOnRegister != event.function.isOnRegister {
        throw mistake(
          "expected operations on one kind of object: :read, :write, :cas on registers, or :get, :put, :append on keys; found "
            + ":\(event.function.rawValue) beside :\(first.rawValue)", at: event.offset)
      }
      if event.type == .invoke {
        if let index = open[event.process] {
          throw mistake(
            "process \(event.process) asks while it waits for its :\(operations[index].invoked.function.rawValue): expected :ok, :fail or "
              + ":info first", at: event.offset)
        }
        open[event.process] = operations.count
        operations.append(JepsenOperation(invoked: event, callTime: time))
        continue
      }
      guard let index = open.removeValue(forKey: event.process) else {
        throw mistake(
          "process \(event.process) is answered with :\(event.type.rawValue), but did not ask: expected :invoke first", at: event.offset)
      }
      guard operations[index].invoked.function == event.function else {
        throw mistake(
          "expected the end of process \(event.process)'s :\(operations[index].invoked.function.rawValue), found "
            + "that of a :\(event.function.rawValue)", at: event.offset)
      }
      operations[index].completed = event
      operations[index].returnTime = time
    }
  }

  // MARK: keys and values

  /// Whether an operation asks about a key and a value.
  private static func isPair(_ event: JepsenEvent) -> Bool {
    guard let pair = event.value?.pair else { return false }
    return event.function == .cas ? pair.second.pair != nil : true
  }

  /// The key and the value of an event; the value is nil where none stands there.
  private func parts(_ event: JepsenEvent) throws(TextMistake) -> (key: EDNForm?, value: EDNForm?) {
    if isPaired {
      guard let pair = event.value?.pair else {
        throw mistake("expected :value to be a pair [key value], as others are, found \(event.value?.kind ?? "none")", at: place(event))
      }
      return (pair.first, pair.second.isNull ? nil : pair.second)
    }
    return (event.key, event.value.flatMap { $0.isNull ? nil : $0 })
  }

  private func place(_ event: JepsenEvent) -> Int { event.value?.offset ?? event.offset }

  private func key(_ operation: JepsenOperation) throws(TextMistake) -> HistoryValue {
    guard isKeyed || isPaired else { return operation.invoked.function.isOnRegister ? "register" : "key" }
    let asked = operation.invoked
    guard let form = try parts(asked).key else {
      throw mistake("expected an operation with :key, as others have, found none", at: asked.offset)
    }
    let isRaw = isPaired ? areValuesRaw : areKeysRaw
    guard !form.isNull, let key = form.scalarText(isRaw: isRaw) else {
      throw mistake("expected a key, which is a scalar, found \(form.kind)", at: form.offset)
    }
    if let completed = operation.completed, completed.type == .ok, let other = try parts(completed).key,
      other.scalarText(isRaw: isRaw) != key
    {
      throw mistake("expected the answer about the key \(form.kind) that was asked about, found \(other.kind)", at: other.offset)
    }
    return key
  }

  /// A register's value; nil of nothing.
  private func scalar(_ form: EDNForm?) throws(TextMistake) -> HistoryValue? {
    guard let form, !form.isNull else { return nil }
    guard let value = form.scalarText(isRaw: areValuesRaw) else {
      throw mistake("expected a scalar (a number, a string, a keyword), or nil, found \(form.kind)", at: form.offset)
    }
    return value
  }

  /// A value that must be there.
  private func written(_ form: EDNForm?, _ event: JepsenEvent) throws(TextMistake) -> HistoryValue {
    if let value = try scalar(form) { return value }
    throw mistake("expected a value for :\(event.function.rawValue), found nil", at: place(event))
  }

  /// A key's text; nil of nothing.
  private func text(_ form: EDNForm?) throws(TextMistake) -> HistoryValue? {
    guard let form, !form.isNull else { return nil }
    guard case .string(let text) = form.value else { throw mistake("expected a string, found \(form.kind)", at: form.offset) }
    return text
  }

  /// That an answer, where it repeats what was asked, repeats it truly.
  private func requireSame(_ asked: EDNForm?, _ completed: JepsenEvent) throws(TextMistake) {
    guard let answered = try parts(completed).value, let asked else { return }
    // Forms with their places taken off.
    func plain(_ form: EDNForm) throws(TextMistake) -> [HistoryValue?] {
      if let pair = form.pair { return [try scalar(pair.first), try scalar(pair.second)] }
      return [try scalar(form)]
    }
    guard try plain(asked) == plain(answered) else {
      throw mistake(
        "expected process \(completed.process)'s :\(completed.function.rawValue) to end with the value that it began with",
        at: answered.offset)
    }
  }

  // MARK: histories

  /// The operations on registers.
  func registers() throws(TextMistake) -> History<RegisterModel> {
    try history(of: RegisterModel.self) { (operation) throws(TextMistake) in
      let asked = operation.invoked
      let value = try parts(asked).value
      switch asked.function {
      case .write: return .write(try written(value, asked))
      case .cas:
        guard let pair = value?.pair else {
          throw mistake("expected :value of :cas to be a pair [expected new], found \(value?.kind ?? "nil")", at: place(asked))
        }
        return .compareAndSwap(expected: try scalar(pair.first), new: try written(pair.second, asked))
      case .read, .get, .put, .append: return .read
      }
    } output: { (operation, answer) throws(TextMistake) in
      switch (answer.type, answer.function) {
      case (.ok, .read): return .held(try scalar(parts(answer).value))
      case (.ok, _):
        try requireSame(parts(operation.invoked).value, answer)
        return .done
      case (.fail, .cas):
        let isPlain = !answer.hasError && answer.value.map { $0.isNull || $0.pair != nil } ?? true
        return failedSwaps == .mismatch && isPlain ? .mismatched : nil
      case (.fail, _), (.info, _), (.invoke, _): return nil
      }
    }
  }

  /// The operations on keys.
  func keyValues() throws(TextMistake) -> History<KeyValueModel> {
    try history(of: KeyValueModel.self) { (operation) throws(TextMistake) in
      let asked = operation.invoked
      func given() throws(TextMistake) -> HistoryValue {
        guard let text = try text(parts(asked).value) else {
          throw mistake("expected a string for :\(asked.function.rawValue), found nil", at: place(asked))
        }
        return text
      }
      switch asked.function {
      case .put: return .put(try given())
      case .append: return .append(try given())
      case .get, .read, .write, .cas: return .get
      }
    } output: { (operation, answer) throws(TextMistake) in
      guard answer.type == .ok else { return nil }
      if answer.function == .get { return .value(try text(parts(answer).value)) }
      try requireSame(parts(operation.invoked).value, answer)
      return .done
    }
  }

  /// The operations, with what was asked and answered as the model has it. An output that is nil, of an operation that
  /// failed, is "failed".
  private func history<Model: SequentialModel>(
    of type: Model.Type, input: (JepsenOperation) throws(TextMistake) -> Model.Input,
    output: (JepsenOperation, JepsenEvent) throws(TextMistake) -> Model.Output?
  ) throws(TextMistake) -> History<Model> {
    var history = History<Model>()
    history.operations.reserveCapacity(operations.count)
    for operation in operations {
      var outcome = OperationOutcome<Model.Output>.unknown
      if let completed = operation.completed, completed.type != .info {
        if let answer = try output(operation, completed) {
          outcome = .answered(atNanoseconds: operation.returnTime, answer)
        } else {
          outcome = .failed(atNanoseconds: operation.returnTime)
        }
      }
      history.operations.append(
        RecordedOperation(
          client: operation.invoked.process, key: try key(operation), callNanoseconds: operation.callTime, input: try input(operation),
          outcome: outcome))
    }
    return history
  }
}
