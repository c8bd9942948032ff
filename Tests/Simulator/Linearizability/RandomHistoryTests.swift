// The judge against random histories: of correct objects it must say held; of small ones, corrupted or not, exactly
// what trying all permutations says; and a model's foresight must not change a verdict.
//
// A failing seed prints the line that repeats it. `LINEARIZABILITY_SEED=n` flies one seed only.

import Foundation
import TestChance
import Testing
import Vocabulary

@testable import Linearizability

/// The model without its foresight: nothing but its steps.
private struct Shortsighted<Base: SequentialModel>: SequentialModel {
  private var base = Base()
  var initial: Base.State { base.initial }
  mutating func step(_ state: Base.State, _ input: Base.Input, _ output: Base.Output?) -> Base.State? { base.step(state, input, output) }
  func isReadOnly(_ input: Base.Input, _ output: Base.Output?) -> Bool { false }
}

/// What one search says of a whole history, without windows.
private func isLinearizable<Model: SequentialModel>(
  _ type: Model.Type, _ operations: [RecordedOperation<Model.Input, Model.Output>]
) -> Bool? {
  var verdict: Bool? = true
  for (_, operations) in History<Model>(operations).partitions() {
    var model = Model()
    let partition = PartitionHistory<Model>(operations, maximumStates: 1_000_000)
    switch partition.search(0..<partition.eventCount, from: model.initial, &model).result {
    case .found: break
    case .impossible: return false
    case .exhausted: verdict = nil
    }
  }
  return verdict
}

@Suite struct RandomHistoryTests {
  private static let chosen = ProcessInfo.processInfo.environment["LINEARIZABILITY_SEED"].flatMap { UInt64($0) }

  private func seeds(_ count: UInt64) -> Range<UInt64> { Self.chosen.map { $0..<($0 + 1) } ?? 0..<count }

  private func replay(_ test: String, _ seed: UInt64) -> Comment {
    "LINEARIZABILITY_SEED=\(seed) swift test --filter 'RandomHistoryTests/\(test)'"
  }

  /// Small histories, corrupted or not: judge, permutations, and the model without foresight agree. Gives how many were
  /// violated.
  private func compare<Object: PlainObject>(_ type: Object.Type, _ test: String, _ count: UInt64) -> Int {
    var violatedCount = 0
    for seed in seeds(count) {
      var random = RandomStream(seed: seed)
      let plan = HistoryPlan(
        operationCount: 2 + random.index(below: 7), clientCount: 1 + random.index(below: 5), keyCount: 1 + random.index(below: 2),
        valueCount: random.index(below: 4), unknownPerThousand: 200, failedPerThousand: 60, silentPerThousand: 500)
      let correct = Object.history(&random, plan)
      let history = random.chance(1, of: 3) ? correct : Object.corrupted(correct, &random)
      let expected = Object.isLinearizable(history.operations)
      let judgement = HistoryJudge().judge(history)
      let isJudged = history.operations.contains { if case .answered = $0.outcome { true } else { false } }
      #expect(judgement.verdict == (isJudged ? expected ? .held : .violated : .nothingJudged), replay(test, seed))
      #expect(isLinearizable(Shortsighted<Object.Model>.self, history.operations) == expected, replay(test, seed))
      for partition in judgement.partitions where partition.verdict == .violated {
        #expect(partition.window?.operations.count { $0.isMisplaced } == 1, replay(test, seed))
      }
      if !expected { violatedCount += 1 }
    }
    return violatedCount
  }

  @Test func smallRegisterHistoriesAgreeWithAllPermutations() {
    let violatedCount = compare(PlainRegister.self, "smallRegisterHistoriesAgreeWithAllPermutations", 3_000)
    #expect(Self.chosen != nil || (600..<2_400).contains(violatedCount))
  }

  @Test func smallLogHistoriesAgreeWithAllPermutations() {
    let violatedCount = compare(ListLog<PlainLog>.self, "smallLogHistoriesAgreeWithAllPermutations", 3_000)
    #expect(Self.chosen != nil || (600..<2_400).contains(violatedCount))
  }

  @Test func smallIdempotentLogHistoriesAgreeWithAllPermutations() {
    let violatedCount = compare(ListLog<IdempotentLog>.self, "smallIdempotentLogHistoriesAgreeWithAllPermutations", 3_000)
    #expect(Self.chosen != nil || (600..<2_400).contains(violatedCount))
  }

  @Test func smallKeyValueHistoriesAgreeWithAllPermutations() {
    let violatedCount = compare(PlainKey.self, "smallKeyValueHistoriesAgreeWithAllPermutations", 3_000)
    #expect(Self.chosen != nil || (600..<2_400).contains(violatedCount))
  }

  /// Histories that are too long for permutations: correct ones hold, and corrupted ones are what the search without
  /// foresight says, where that comes to an end.
  private func compareLonger<Object: PlainObject>(_ type: Object.Type, _ test: String, _ count: UInt64) {
    for seed in seeds(count) {
      var random = RandomStream(seed: seed)
      let plan = HistoryPlan(
        operationCount: 10 + random.index(below: 30), clientCount: 2 + random.index(below: 5), keyCount: 1 + random.index(below: 2),
        valueCount: random.index(below: 5), silentPerThousand: random.chance(1, of: 2) ? 1_000 : 0)
      let correct = Object.history(&random, plan)
      #expect(HistoryJudge().judge(correct).verdict == .held, replay(test, seed))
      let corrupted = Object.corrupted(correct, &random)
      guard let expected = isLinearizable(Shortsighted<Object.Model>.self, corrupted.operations) else { continue }
      #expect(HistoryJudge().judge(corrupted).verdict == (expected ? .held : .violated), replay(test, seed))
    }
  }

  @Test func longerRegisterHistoriesAgree() { compareLonger(PlainRegister.self, "longerRegisterHistoriesAgree", 200) }
  @Test func longerLogHistoriesAgree() { compareLonger(ListLog<PlainLog>.self, "longerLogHistoriesAgree", 200) }
  @Test func longerIdempotentLogHistoriesAgree() {
    compareLonger(ListLog<IdempotentLog>.self, "longerIdempotentLogHistoriesAgree", 200)
  }

  @Test func longerKeyValueHistoriesAgree() { compareLonger(PlainKey.self, "longerKeyValueHistoriesAgree", 200) }

  /// A long history of one object holds, and with one answer corrupted in its middle it does not.
  private func long<Object: PlainObject>(_ type: Object.Type, _ plan: HistoryPlan, _ spoil: (inout [Object.Operation], Int) -> Void) {
    var random = RandomStream(seed: 30)
    var history = Object.history(&random, plan)
    #expect(history.operations.count * 2 >= 10_000)
    #expect(HistoryJudge().judge(history).verdict == .held)
    spoil(&history.operations, history.operations.count / 2)
    let judgement = HistoryJudge().judge(history)
    #expect(judgement.verdict == .violated)
    let window = judgement.partitions.first { $0.verdict == .violated }?.window
    #expect((window?.operations.count).map { $0 < 200 } == true)
    #expect(window?.isExact == true)
  }

  @Test func aLongRegisterHistory() {
    long(PlainRegister.self, HistoryPlan(operationCount: 5_000, clientCount: 30, unknownPerThousand: 10)) { operations, middle in
      for place in operations.indices.dropFirst(middle) {
        guard case .read = operations[place].input, case .answered(let end, _) = operations[place].outcome else { continue }
        operations[place].outcome = .answered(atNanoseconds: end, .held("v0"))
        return
      }
    }
  }

  @Test func aLongLogHistory() {
    long(ListLog<PlainLog>.self, HistoryPlan(operationCount: 5_000, clientCount: 30, unknownPerThousand: 10)) { operations, middle in
      for place in operations.indices.dropFirst(middle) {
        guard case .answered(let end, .values(var values, let next, _)) = operations[place].outcome, !values.isEmpty else { continue }
        values[0] = "never written"
        operations[place].outcome = .answered(atNanoseconds: end, .values(values, next: next))
        return
      }
    }
  }

  @Test func aLongIdempotentLogHistory() {
    long(ListLog<IdempotentLog>.self, HistoryPlan(operationCount: 5_000, clientCount: 30, unknownPerThousand: 10)) { operations, middle in
      for place in operations.indices.dropFirst(middle) {
        guard case .answered(let end, .offset(let offset)) = operations[place].outcome else { continue }
        operations[place].outcome = .answered(atNanoseconds: end, .offset(offset + 1))
        return
      }
    }
  }

  @Test func aLongKeyValueHistory() {
    long(PlainKey.self, HistoryPlan(operationCount: 5_000, clientCount: 30, unknownPerThousand: 10)) { operations, middle in
      for place in operations.indices.dropFirst(middle) {
        guard case .answered(let end, .value(let value?)) = operations[place].outcome else { continue }
        operations[place].outcome = .answered(atNanoseconds: end, .value(HistoryValue(value.text + "!")))
        return
      }
    }
  }

  /// Swaps that were refused and do not say what was held tell less, but the verdict is found all the same.
  @Test func aLongRegisterHistoryOfSilentSwaps() {
    var random = RandomStream(seed: 31)
    let plan = HistoryPlan(operationCount: 5_000, clientCount: 30, unknownPerThousand: 10, silentPerThousand: 1_000)
    var history = PlainRegister.history(&random, plan)
    #expect(history.operations.count { if case .answered(_, .mismatched) = $0.outcome { true } else { false } } > 300)
    #expect(HistoryJudge().judge(history).verdict == .held)
    for place in history.operations.indices.dropFirst(2_500) {
      guard case .read = history.operations[place].input, case .answered(let end, _) = history.operations[place].outcome else { continue }
      history.operations[place].outcome = .answered(atNanoseconds: end, .held("v0"))
      break
    }
    #expect(HistoryJudge().judge(history).verdict == .violated)
  }
}
