// Shrinks a violated history to a short stretch that shows the violation by itself.
//
// The end first: prefixes of a linearizable history are linearizable, so the shortest violated prefix is found by
// halving. It ends with the return of an operation which is the first that cannot be placed. Then the beginning: the
// longest prefix that has an order, and one such order, give a state for every moment. The latest moment, not after
// that operation's call, from whose state the rest has no order is the window's beginning. What was under way then may
// have had its effect already, or have it within the window, or never: so the window's table contradicts itself, given
// the state.
//
// Limits: another order may give another state. That changes the window, not the verdict, which is about the whole. The
// beginning is looked for event by event over `nearEvents`, and by doubling and halving beyond; a window that starts
// later may be missed there. Where a search reaches its bound the window is longer than need be, and says so.

/// The search for a window of one object's history, which is violated.
struct WindowSearch<Model: RecordedModel> {
  private let partition: PartitionHistory<Model>

  /// How far back every event is tried as a beginning.
  static var nearEvents: Int { 64 }
  /// How many times the bound all searches for the end may take together.
  static var halvings: Int { 2 }
  /// The share of the bound that each search for a beginning gets, as a divisor; all together get the bound once.
  static var beginnings: Int { 32 }

  init(_ partition: PartitionHistory<Model>) { self.partition = partition }

  /// The window; nil only where no prefix is violated, which its caller excludes.
  func window(_ model: inout Model) -> ViolationWindow? {
    guard let (misplaced, end, isEndExact) = firstMisplaced(&model) else { return nil }
    let witness = witness(before: end, &model)
    let (start, isStartExact) = beginning(misplaced, end, witness, &model)
    return describe(start..<end, misplaced, witness.state(at: start, in: partition), model, isExact: isEndExact && isStartExact)
  }

  // MARK: the end

  /// The operation whose return ends the shortest violated prefix, and that prefix's length in events.
  private func firstMisplaced(_ model: inout Model) -> (operation: Int, end: Int, isExact: Bool)? {
    let required = partition.operations.indices.filter { partition.isRequired($0, in: 0..<partition.eventCount) }
    let ends = required.compactMap { operation in partition.returns[operation].map { (operation: operation, end: $0 + 1) } }
      .sorted { $0.end < $1.end }
    var low = 0
    var high = ends.count - 1
    var isExact = true
    guard high >= 0 else { return nil }
    var budget = Self.halvings * partition.maximumStates
    while low < high, budget > 0 {
      let middle = (low + high) / 2
      let (result, visitedCount) = partition.search(
        0..<ends[middle].end, from: model.initial, maximumStates: min(budget, partition.maximumStates), &model)
      budget -= visitedCount
      switch result {
      case .impossible: high = middle
      case .found: low = middle + 1
      case .exhausted:
        isExact = false
        low = middle + 1
      }
    }
    return (ends[high].operation, ends[high].end, isExact && low == high)
  }

  // MARK: the beginning

  /// An order of the longest prefix that has one.
  private struct Witness {
    /// The step in which each operation was placed.
    var steps: [Int: Int]
    /// The state before each step, and the last.
    var states: [Model.State]

    /// The state once everything that returned before an event was placed.
    func state(at event: Int, in partition: PartitionHistory<Model>) -> Model.State {
      var count = 0
      for operation in partition.operations.indices where (partition.returns[operation] ?? .max) < event {
        count = max(count, (steps[operation] ?? -1) + 1)
      }
      return states[count]
    }
  }

  private func witness(before end: Int, _ model: inout Model) -> Witness {
    var witness = Witness(steps: [:], states: [model.initial])
    // Without an order (a search that gave up) only the beginning of everything is known.
    if case .found(let order, let states) = partition.search(0..<(end - 1), from: model.initial, &model).result {
      for (step, operation) in order.enumerated() { witness.steps[operation] = step }
      witness.states += states
    }
    return witness
  }

  private func beginning(_ misplaced: Int, _ end: Int, _ witness: Witness, _ model: inout Model) -> (start: Int, isExact: Bool) {
    guard witness.states.count > 1 else { return (0, partition.calls[misplaced] == 0) }
    let latest = partition.calls[misplaced]
    var isExact = true
    var budget = partition.maximumStates
    func isViolated(from start: Int) -> Bool {
      if start <= 0 { return true }
      let state = witness.state(at: start, in: partition)
      let share = min(budget, partition.maximumStates / Self.beginnings + 1)
      let (result, visitedCount) = partition.search(start..<end, from: state, maximumStates: share, &model)
      budget -= visitedCount
      switch result {
      case .impossible: return true
      case .found: return false
      case .exhausted:
        isExact = false
        return false
      }
    }
    for start in stride(from: latest, through: max(0, latest - Self.nearEvents), by: -1) where isViolated(from: start) {
      return (start, isExact)
    }
    var distance = Self.nearEvents
    while latest - distance > 0, !isViolated(from: latest - 2 * distance) { distance *= 2 }
    var violated = max(0, latest - 2 * distance)
    var held = latest - distance
    while held - violated > 1 {
      let middle = (held + violated) / 2
      if isViolated(from: middle) { violated = middle } else { held = middle }
    }
    return (violated, isExact)
  }

  // MARK: words

  private func describe(
    _ stretch: Range<Int>, _ misplaced: Int, _ state: Model.State, _ model: Model, isExact: Bool
  ) -> ViolationWindow {
    // Without those that play no part: reads that may be left out.
    let rows = partition.underWay(in: stretch).filter { operation in
      partition.isRequired(operation, in: stretch) || partition.isFailed(operation)
        || !model.isReadOnly(partition.operations[operation].input, partition.output(operation))
    }.map { windowOperation($0, isMisplaced: $0 == misplaced) }
    let first = partition.operations[misplaced]
    let returned = first.returnNanoseconds ?? first.callNanoseconds
    let stateText = model.text(state)
    let beginning = partition.calls.firstIndex(of: stretch.lowerBound) ?? partition.returns.firstIndex(of: stretch.lowerBound)
    let startNanoseconds = beginning.map { index in
      partition.calls[index] == stretch.lowerBound
        ? partition.operations[index].callNanoseconds : partition.operations[index].returnNanoseconds ?? first.callNanoseconds
    }
    return ViolationWindow(
      stateBefore: stateText, operations: rows, startNanoseconds: startNanoseconds ?? first.callNanoseconds, endNanoseconds: returned,
      eventCount: stretch.count, totalEventCount: partition.eventCount, isExact: isExact,
      misplaced: windowOperation(misplaced, isMisplaced: true))
  }

  private func windowOperation(_ index: Int, isMisplaced: Bool) -> WindowOperation {
    let recorded = partition.operations[index]
    return WindowOperation(
      client: recorded.client, input: Model.text(recorded.input), output: Self.text(recorded.outcome),
      callNanoseconds: recorded.callNanoseconds, returnNanoseconds: recorded.returnNanoseconds, isMisplaced: isMisplaced)
  }

  private static func text(_ outcome: OperationOutcome<Model.Output>) -> String {
    switch outcome {
    case .answered(_, let output): Model.text(output)
    case .failed: "failed"
    case .unknown: "unknown"
    }
  }
}
