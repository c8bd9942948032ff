// Random histories of correct objects: every operation takes effect at one random moment between its call and its
// return, so each history is linearizable by construction. And corruptions of them, which may or may not be.

import Linearizability
import TestChance
import Vocabulary

/// What a random history is like.
struct HistoryPlan {
  var operationCount: Int
  var clientCount: Int
  var keyCount = 1
  /// How many different values are written; 0: every write has its own.
  var valueCount = 0
  /// Of a thousand operations, how many have an unknown outcome, and how many fail for certain.
  var unknownPerThousand = 50
  var failedPerThousand = 20
  /// Of a thousand swaps that were refused, how many do not say what was held.
  var silentPerThousand = 0
}

/// An object that one client at a time uses; written apart from the models, which it is to test.
protocol PlainObject {
  associatedtype Model: RecordedModel
  init()
  /// Carries an operation out.
  mutating func apply(_ input: Model.Input) -> Model.Output
  /// What a client may ask; `number` is a new one each time.
  static func input(_ random: inout RandomStream, _ plan: HistoryPlan, number: Int, client: Int) -> Model.Input
  /// Another answer to the same question.
  static func corrupted(_ output: Model.Output, _ random: inout RandomStream) -> Model.Output
  /// What a client is told of an answer: all of it, or less.
  static func told(_ output: Model.Output, to input: Model.Input, _ random: inout RandomStream, _ plan: HistoryPlan) -> Model.Output
  /// Whether a client that is told this may have been given that.
  static func agrees(_ given: Model.Output, _ told: Model.Output, to input: Model.Input) -> Bool
}

extension PlainObject {
  typealias Operation = RecordedOperation<Model.Input, Model.Output>

  static func told(_ output: Model.Output, to input: Model.Input, _ random: inout RandomStream, _ plan: HistoryPlan) -> Model.Output {
    output
  }
  static func agrees(_ given: Model.Output, _ told: Model.Output, to input: Model.Input) -> Bool { given == told }

  /// The value that a write numbered `number` brings.
  static func value(_ random: inout RandomStream, _ plan: HistoryPlan, _ number: Int) -> HistoryValue {
    HistoryValue("v\(plan.valueCount == 0 ? number : random.index(below: plan.valueCount))")
  }

  /// A history of a correct object.
  static func history(_ random: inout RandomStream, _ plan: HistoryPlan) -> History<Model> {
    var drafts: [(operation: Operation, key: Int, effect: Int64, end: Int64)] = []
    var clock = [Int64](repeating: 0, count: plan.clientCount)
    for number in 0..<plan.operationCount {
      let client = number % plan.clientCount
      let call = clock[client] + random.integer(in: 0...10)
      let effect = call + random.integer(in: 0...50)
      let end = effect + random.integer(in: 0...50)
      clock[client] = end + 1
      let key = random.index(below: plan.keyCount)
      let input = input(&random, plan, number: number, client: client)
      let operation = Operation(
        client: Int64(client), key: HistoryValue("k\(key)"), callNanoseconds: call, input: input, outcome: .unknown)
      drafts.append((operation, key, effect, end))
    }
    var objects = Array(repeating: Self(), count: plan.keyCount)
    for place in drafts.indices.sorted(by: { (drafts[$0].effect, $0) < (drafts[$1].effect, $1) }) {
      let draft = drafts[place]
      if random.chance(plan.failedPerThousand, of: 1_000) {
        drafts[place].operation.outcome = .failed(atNanoseconds: draft.end)
      } else if random.chance(plan.unknownPerThousand, of: 1_000) {
        if random.chance(1, of: 2) { _ = objects[draft.key].apply(draft.operation.input) }
      } else {
        let given = objects[draft.key].apply(draft.operation.input)
        drafts[place].operation.outcome = .answered(
          atNanoseconds: draft.end, told(given, to: draft.operation.input, &random, plan))
      }
    }
    return History(drafts.map(\.operation))
  }

  /// The history with one answer changed; as it was where none was answered.
  static func corrupted(_ history: History<Model>, _ random: inout RandomStream) -> History<Model> {
    var history = history
    let answered = history.operations.indices.filter { index in
      if case .answered = history.operations[index].outcome { true } else { false }
    }
    guard !answered.isEmpty else { return history }
    let place = answered[random.index(below: answered.count)]
    if case .answered(let end, let output) = history.operations[place].outcome {
      history.operations[place].outcome = .answered(atNanoseconds: end, corrupted(output, &random))
    }
    return history
  }

  /// Whether any order explains the history: all permutations, from the objects' own behaviour. Only for few
  /// operations.
  static func isLinearizable(_ operations: [Operation]) -> Bool {
    func canFinish(_ object: Self, _ open: [Operation]) -> Bool {
      let firstReturn = open.compactMap { if case .answered(let end, _) = $0.outcome { end } else { nil } }.min()
      guard let firstReturn else { return true }
      for (place, operation) in open.enumerated() where operation.callNanoseconds <= firstReturn {
        var next = object
        let output = next.apply(operation.input)
        var rest = open
        rest.remove(at: place)
        switch operation.outcome {
        case .answered(_, let expected): if agrees(output, expected, to: operation.input), canFinish(next, rest) { return true }
        case .unknown: if canFinish(next, rest) { return true }
        case .failed: break
        }
      }
      return false
    }
    let keys = Set(operations.map(\.key))
    return keys.allSatisfy { key in
      canFinish(Self(), operations.filter { $0.key == key && !isFailed($0) })
    }
  }

  private static func isFailed(_ operation: Operation) -> Bool {
    if case .failed = operation.outcome { true } else { false }
  }
}

/// A correct register.
struct PlainRegister: PlainObject {
  typealias Model = RegisterModel
  var held: HistoryValue?

  mutating func apply(_ input: RegisterInput) -> RegisterOutput {
    switch input {
    case .write(let value):
      held = value
      return .done
    case .read: return .held(held)
    case .compareAndSwap(let expected, let new):
      guard held == expected else { return .held(held) }
      held = new
      return .done
    }
  }

  static func input(_ random: inout RandomStream, _ plan: HistoryPlan, number: Int, client: Int) -> RegisterInput {
    switch random.index(below: 10) {
    case 0..<4: return .write(value(&random, plan, number))
    case 4..<8: return .read
    default:
      let known = random.chance(1, of: 8) ? nil : value(&random, plan, random.index(below: number + 1))
      return .compareAndSwap(expected: known, new: value(&random, plan, number))
    }
  }

  static func told(
    _ output: RegisterOutput, to input: RegisterInput, _ random: inout RandomStream, _ plan: HistoryPlan
  ) -> RegisterOutput {
    guard case .compareAndSwap = input, case .held = output, plan.silentPerThousand > 0 else { return output }
    return random.chance(plan.silentPerThousand, of: 1_000) ? .mismatched : output
  }

  static func agrees(_ given: RegisterOutput, _ told: RegisterOutput, to input: RegisterInput) -> Bool {
    if case .compareAndSwap = input, case .held = given, told == .mismatched { return true }
    return given == told
  }

  static func corrupted(_ output: RegisterOutput, _ random: inout RandomStream) -> RegisterOutput {
    if random.chance(1, of: 6) { return output == .done ? .mismatched : .done }
    return random.chance(1, of: 4) ? .held(nil) : .held(HistoryValue("v\(random.index(below: 8))"))
  }
}

/// A correct log; `Kind` says whether it knows repetitions.
struct ListLog<Kind: LogKind>: PlainObject {
  typealias Model = AppendOnlyLog<Kind>
  var values: [HistoryValue] = []
  var places: [AppendIdentity: Int] = [:]

  mutating func apply(_ input: LogInput) -> LogOutput {
    switch input {
    case .append(let appended, let identity):
      if Kind.recognisesRepeats, let identity, let place = places[identity] { return .offset(Int64(place)) }
      if let identity { places[identity] = values.count }
      values += appended
      return .offset(Int64(values.count - appended.count))
    case .read(let offset, let count):
      let found = Array(values.dropFirst(Int(offset)).prefix(Int(count)))
      return .values(found, next: offset + Int64(found.count))
    }
  }

  static func input(_ random: inout RandomStream, _ plan: HistoryPlan, number: Int, client: Int) -> LogInput {
    if random.chance(1, of: 2) {
      let offset = Int64(random.index(below: number / 2 + 2))
      return .read(offset: offset, count: Int64(random.index(below: 5)))
    }
    // Now and then the append before is repeated.
    let sequence = Int64(number / plan.clientCount) - (random.chance(1, of: 3) ? 1 : 0)
    let identity = AppendIdentity(producer: HistoryValue("p\(client)"), sequence: max(0, sequence))
    let appended = (0...(random.chance(1, of: 4) ? 1 : 0)).map { value(&random, plan, 2 * number + $0) }
    return .append(appended, identity: Kind.recognisesRepeats && random.chance(4, of: 5) ? identity : nil)
  }

  /// Answers that were cut may be shorter.
  static func agrees(_ given: LogOutput, _ told: LogOutput, to input: LogInput) -> Bool {
    if case .values(let found, _, _) = given, case .values(let cut, let next, true) = told, case .read(let offset, _) = input {
      return found.starts(with: cut) && next == offset + Int64(cut.count)
    }
    return given == told
  }

  static func corrupted(_ output: LogOutput, _ random: inout RandomStream) -> LogOutput {
    switch output {
    case .offset(let offset): return .offset(max(0, offset + random.integer(in: -1...2)))
    case .values(var values, let next, _):
      if values.isEmpty || random.chance(1, of: 3) {
        return values.isEmpty ? .values(["v0"], next: next + 1) : .values(values, next: next + 1)
      }
      if random.chance(1, of: 2) {
        let removed = random.chance(1, of: 2) ? 0 : 1
        values.removeLast()
        return .values(values, next: next - 1, isPartial: removed == 1)
      }
      values[random.index(below: values.count)] = HistoryValue("v\(random.index(below: 8))")
      return .values(values, next: next)
    }
  }
}

/// A correct key of a key-value store. It may answer with an empty text where it holds nothing.
struct PlainKey: PlainObject {
  typealias Model = KeyValueModel
  var held: [UInt8]?

  mutating func apply(_ input: KeyValueInput) -> KeyValueOutput {
    switch input {
    case .put(let value):
      held = Array(value.text.utf8)
      return .done
    case .append(let value):
      held = (held ?? []) + Array(value.text.utf8)
      return .done
    case .get: return .value(held.map { HistoryValue(String(decoding: $0, as: UTF8.self)) })
    }
  }

  static func input(_ random: inout RandomStream, _ plan: HistoryPlan, number: Int, client: Int) -> KeyValueInput {
    let kind = random.index(below: 20)
    // Now and then nothing is put or appended, and texts overlap: "v1" and "v12".
    let given: HistoryValue = plan.valueCount > 0 && random.chance(1, of: 12) ? "" : value(&random, plan, number)
    switch kind {
    case 0..<3: return .put(given)
    case 3..<8: return .append(given)
    default: return .get
    }
  }

  static func told(
    _ output: KeyValueOutput, to input: KeyValueInput, _ random: inout RandomStream, _ plan: HistoryPlan
  ) -> KeyValueOutput {
    output == .value(nil) && random.chance(1, of: 2) ? .value("") : output
  }

  static func agrees(_ given: KeyValueOutput, _ told: KeyValueOutput, to input: KeyValueInput) -> Bool {
    given == told || (given == .value(nil) && told == .value(""))
  }

  static func corrupted(_ output: KeyValueOutput, _ random: inout RandomStream) -> KeyValueOutput {
    switch output {
    case .done: return random.chance(1, of: 8) ? .value("v1") : .done
    case .value(let value):
      guard let value, !value.text.isEmpty else {
        return .value(random.chance(1, of: 2) ? HistoryValue("v\(random.index(below: 4))") : nil)
      }
      let text = value.text
      return switch random.index(below: 5) {
      case 0: .value(nil)
      case 1: .value("")
      case 2: .value(HistoryValue(text + "v\(random.index(below: 4))"))
      case 3: .value(HistoryValue(String(text.dropLast(2))))
      default: .value(HistoryValue(String(text.dropFirst(2))))
      }
    }
  }
}
