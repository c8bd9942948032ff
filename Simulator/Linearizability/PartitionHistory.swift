// The operations of one object with the row of their calls and returns, and searches over stretches of that row.
//
// What is judged of a stretch: an operation that returned within it is required; one that was called and did not return
// within it may be placed or left out, with the answer that it got later. So a prefix of a linearizable history is
// linearizable.

/// One object's operations.
struct PartitionHistory<Model: SequentialModel> {
  typealias Operation = RecordedOperation<Model.Input, Model.Output>

  /// All operations, by their calls.
  let operations: [Operation]
  /// Where each operation's call stands in the row of events.
  let calls: [Int]
  /// Where each operation's return stands; nil where nobody knows how it ended.
  let returns: [Int?]
  /// How many events there are.
  let eventCount: Int
  /// The longest search.
  let maximumStates: Int

  /// Operations in any order.
  init(_ operations: [Operation], maximumStates: Int) {
    // Sorted stably: equal calls stay as they were recorded.
    let sorted = operations.enumerated().sorted { ($0.element.callNanoseconds, $0.offset) < ($1.element.callNanoseconds, $1.offset) }
      .map(\.element)
    var events: [(time: Int64, isReturn: Int, operation: Int)] = []
    for (index, operation) in sorted.enumerated() {
      events.append((operation.callNanoseconds, 0, index))
      if let time = operation.returnNanoseconds { events.append((time, 1, index)) }
    }
    // Of events in one nanosecond the calls come first, so that operations which touch are concurrent.
    events.sort { ($0.time, $0.isReturn, $0.operation) < ($1.time, $1.isReturn, $1.operation) }
    var calls = Array(repeating: 0, count: sorted.count)
    var returns = [Int?](repeating: nil, count: sorted.count)
    for (position, event) in events.enumerated() {
      if event.isReturn == 1 { returns[event.operation] = position } else { calls[event.operation] = position }
    }
    self.operations = sorted
    self.calls = calls
    self.returns = returns
    self.maximumStates = maximumStates
    eventCount = events.count
  }

  /// The answer of an operation; nil where nobody knows it.
  func output(_ operation: Int) -> Model.Output? {
    switch operations[operation].outcome {
    case .answered(_, let output): output
    case .failed, .unknown: nil
    }
  }

  /// Whether an operation certainly had no effect.
  func isFailed(_ operation: Int) -> Bool {
    switch operations[operation].outcome {
    case .failed: true
    case .answered, .unknown: false
    }
  }

  /// The operations that are required in a stretch: answered, called and returned within it. Those that were called
  /// before it had their effect before it or within it, and are not.
  func isRequired(_ operation: Int, in stretch: Range<Int>) -> Bool {
    guard let position = returns[operation], output(operation) != nil else { return false }
    return calls[operation] >= stretch.lowerBound && position < stretch.upperBound
  }

  /// The operations that were under way at any time of a stretch.
  func underWay(in stretch: Range<Int>) -> [Int] {
    operations.indices.filter { calls[$0] < stretch.upperBound && (returns[$0] ?? .max) >= stretch.lowerBound }
  }

  /// Searches an order for a stretch of events from a state on, within this history's bound unless another is given.
  /// Places in the result's order are those in `operations`.
  func search(_ stretch: Range<Int>, from start: Model.State, maximumStates: Int? = nil, _ model: inout Model) -> (
    result: SearchResult<Model.State>, visitedCount: Int
  ) {
    var chosen: [Int] = []
    var searched: [SearchedOperation<Model.Input, Model.Output>] = []
    for operation in underWay(in: stretch) where !isFailed(operation) {
      let isRequired = isRequired(operation, in: stretch)
      let input = operations[operation].input
      let output = output(operation)
      if !isRequired && model.isReadOnly(input, output) { continue }
      chosen.append(operation)
      searched.append(
        SearchedOperation(
          expected: ExpectedOperation(
            input: input, output: output, isRequired: isRequired,
            isCertain: output != nil && (returns[operation] ?? .max) < stretch.upperBound),
          call: calls[operation], return: isRequired ? returns[operation] : nil))
    }
    var search = LinearizationSearch<Model>(searched, maximumStates: maximumStates ?? self.maximumStates)
    switch search.run(&model, from: start) {
    case .found(let order, let states): return (.found(order: order.map { chosen[$0] }, states: states), search.visitedCount)
    case .impossible: return (.impossible, search.visitedCount)
    case .exhausted: return (.exhausted, search.visitedCount)
    }
  }
}
