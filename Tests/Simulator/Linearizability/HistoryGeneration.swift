// Random histories of correct objects: every operation takes effect at one random moment between its call and its return, so each history
// is linearizable by construction. And corruptions of them, which may or may not be.

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
}

extension PlainObject {
  typealias Operation = RecordedOperation<Model.Input, Model.Output>

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
        drafts[place].operation.outcome = .answered(
          atNanoseconds: draft.end, objects[draft.key].apply(draft.operation.input))
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

  /// Whether any order explains the history: all permutations, from the objects' own behaviour. Only for few operations.
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
        case .answered(_, let expected): if agrees(output, expected, object, operation.input), canFinish(next, rest) { return true }
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

  /// Whether an answer is what the object gives; answers that were cut may be shorter.
  private static func agrees(_ output: Model.Output, _ expected: Model.Output, _ object: Self, _ input: Model.Input) -> Bool {
    if case .values(let found, _, _)? = output as? LogOutput, case .values(let cut, let next, true)? = expected as? LogOutput,
      case .read(let offset, _)? = input as? LogInput
    {
      return found.starts(with: cut) && next == offset + Int64(cut.count)
    }
    return output == expected
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

  static func corrupted(_ output: RegisterOutput, _ random: inout RandomStream) -> RegisterOutput {
    random.chance(1, of: 4) ? .held(nil) : .held(HistoryValue("v\(random.index(below: 8))"))
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
