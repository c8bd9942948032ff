// The search for a linearization: an order of operations, each placed between its call and its return, that the model
// allows.
//
// Wing and Gong's search with Lowe's improvements (Testing for linearizability, 2017): depth first over the calls
// before the first return; an operation that is placed is lifted out of the list of events, and put back on the way
// back; configurations (what is placed, and the state) that were visited are remembered, and not entered again; of a
// state, what the model says matters. Beyond it:
//
// - What changes no state now or ever is placed as soon as it can be, without an alternative: where an order exists in
//   which it comes later, one exists in which it comes now. So is what the model's foresight calls moot.
// - Of operations with equal inputs and outputs (or that the model cannot tell apart otherwise) that can be placed now,
//   only the one that must return first is tried: in any order that places another one first the two can change places.
// - Of what may be left out, as little as possible is placed: what must be placed is tried first, and a configuration
//   is not entered if one with the same state was, in which the same is placed of what must be, and of the rest no
//   more. Whatever is possible here was possible there.
//
// Limits: deciding linearizability is NP-complete (Gibbons and Korach, 1997), and the worst case is exponential in the
// operations that are under way at one time, and in those of unknown outcome. The search gives up, with `exhausted` and
// never with a verdict, once it placed operations `maximumStates` times; only configurations with an alternative are
// remembered, a few hundred bytes each.

/// What a search is over: an operation with the places of its call and return in the row of all events.
struct SearchedOperation<Input: Hashable & Sendable, Output: Hashable & Sendable> {
  var expected: ExpectedOperation<Input, Output>
  /// Where its call stands.
  var call: Int
  /// Where its return stands; nil where it is not required, and bound to no end.
  var `return`: Int?
}

/// What a search came to.
enum SearchResult<State> {
  /// An order: places in the array of operations, and the state behind each.
  case found(order: [Int], states: [State])
  /// There is none.
  case impossible
  /// The bound was reached.
  case exhausted
}

/// One search.
struct LinearizationSearch<Model: SequentialModel> {
  typealias Operation = SearchedOperation<Model.Input, Model.Output>

  /// An operation that was placed.
  private struct Step {
    var operation: Int
    var before: Model.State
    /// Whether nothing else needs to be tried instead.
    var isForced: Bool
  }

  /// What operations of one class have in common.
  private enum Kind: Hashable {
    /// Input and output.
    case equal(Model.Input, Model.Output?)
    /// That nobody can tell them apart.
    case alike(Int)
  }

  private let operations: [Operation]
  private let maximumStates: Int
  /// The class of those that can change places; nil where an operation is alone in it.
  private var classes: [Int?] = []
  private var list: EventList
  private var placed: PlacedSet
  private var steps: [Step] = []
  private var visited = VisitedConfigurations<Model.State>()
  private var openCount: Int
  /// How many times an operation was placed.
  private(set) var visitedCount = 0

  /// A search over operations in the order of their calls.
  init(_ operations: [Operation], maximumStates: Int) {
    self.operations = operations
    self.maximumStates = maximumStates
    list = EventList(calls: operations.map(\.call), returns: operations.map(\.return))
    placed = PlacedSet(isRequired: operations.map(\.expected.isRequired))
    openCount = operations.count { $0.expected.isRequired }
  }

  /// Classes, as the model sees them once it foresaw the operations.
  private func findClasses(_ model: Model) -> [Int?] {
    // Asked only, never gone through.
    var members: [Kind: (number: Int, count: Int)] = [:]
    var numbers: [Int] = []
    let kinds = operations.map { operation in
      if let likeness = model.likeness(of: operation.expected) { return Kind.alike(likeness) }
      return Kind.equal(operation.expected.input, operation.expected.output)
    }
    for kind in kinds {
      let entry = members[kind] ?? (members.count, 0)
      members[kind] = (entry.number, entry.count + 1)
      numbers.append(entry.number)
    }
    return zip(kinds, numbers).map { kind, number in (members[kind]?.count ?? 0) > 1 ? number : nil }
  }

  /// Searches from a state on. The model foresees these operations afterwards, and holds whatever states it came by.
  mutating func run(_ model: inout Model, from start: Model.State) -> SearchResult<Model.State> {
    model.foresee(operations.map(\.expected), from: start)
    classes = findClasses(model)
    var state = start
    if openCount > 0, model.isHopeless(state, after: nil) { return .impossible }
    var entry = list.first
    var isNew = true
    // What need not be placed comes behind what must be.
    var isTurnOfOthers = false
    while openCount > 0 {
      if visitedCount >= maximumStates { return .exhausted }
      if isNew {
        isNew = false
        isTurnOfOthers = false
        entry = list.first
        if let (operation, next) = forced(&model, state) {
          place(operation, &model, from: state, isForced: true)
          state = next
          isNew = true
          continue
        }
      }
      guard let operation = list.called(by: entry) else {
        if !isTurnOfOthers {
          isTurnOfOthers = true
          entry = list.first
          continue
        }
        // The first return, whose operation could not be placed before it: back to the last choice.
        guard let step = backtrack(&model) else { return .impossible }
        state = step.before
        isTurnOfOthers = !operations[step.operation].expected.isRequired
        entry = list.entry(behind: list.call(of: step.operation))
        continue
      }
      if operations[operation].expected.isRequired != isTurnOfOthers, isWorthTrying(operation, model, state),
        let next = model.step(state, operations[operation].expected.input, operations[operation].expected.output)
      {
        place(operation, &model, from: state, isForced: false)
        if !model.isHopeless(next, after: operations[operation].expected),
          visited.enter(placed.configuration(model.remembered(next)), placed.others)
        {
          state = next
          isNew = true
          continue
        }
        takeBackLast(&model)
      }
      entry = list.entry(behind: entry)
    }
    var states = steps.dropFirst().map(\.before)
    if !steps.isEmpty { states.append(state) }
    return .found(order: steps.map(\.operation), states: states)
  }

  /// An operation that can be placed now and needs no alternative, with the state behind it.
  private func forced(_ model: inout Model, _ state: Model.State) -> (Int, Model.State)? {
    var entry = list.first
    while let operation = list.called(by: entry) {
      let expected = operations[operation].expected
      if expected.isRequired, model.isReadOnly(expected.input, expected.output) || model.isMoot(expected, in: state),
        let next = model.step(state, expected.input, expected.output)
      {
        return (operation, next)
      }
      entry = list.entry(behind: entry)
    }
    return nil
  }

  private func isWorthTrying(_ operation: Int, _ model: Model, _ state: Model.State) -> Bool {
    let expected = operations[operation].expected
    if !expected.isRequired, model.isReadOnly(expected.input, expected.output) || model.isMoot(expected, in: state) { return false }
    guard let ownClass = classes[operation] else { return true }
    var entry = list.first
    while let other = list.called(by: entry) {
      if other != operation, classes[other] == ownClass, end(other) < end(operation) { return false }
      entry = list.entry(behind: entry)
    }
    return true
  }

  /// By which operations of one class are ordered: their returns; those without one by their calls, behind all.
  private func end(_ operation: Int) -> (Int, Int) { (operations[operation].return ?? .max, operation) }

  private mutating func place(_ operation: Int, _ model: inout Model, from state: Model.State, isForced: Bool) {
    visitedCount += 1
    steps.append(Step(operation: operation, before: state, isForced: isForced))
    list.lift(operation)
    placed.insert(operation)
    model.place(operations[operation].expected)
    if operations[operation].expected.isRequired { openCount -= 1 }
  }

  @discardableResult
  private mutating func takeBackLast(_ model: inout Model) -> Step? {
    guard let step = steps.popLast() else { return nil }
    list.unlift(step.operation)
    placed.remove(step.operation)
    model.takeBack(operations[step.operation].expected)
    if operations[step.operation].expected.isRequired { openCount += 1 }
    return step
  }

  /// Takes back everything down to, and with, the last step that had an alternative; nil where there is none.
  private mutating func backtrack(_ model: inout Model) -> Step? {
    while let step = takeBackLast(&model) {
      if !step.isForced { return step }
    }
    return nil
  }
}
