// Judges histories: object by object, and where one is violated, looks for the shortest stretch that shows it.
//
// For checkers in the simulator: make a `History` of what the host recorded, and judge it.
//
// Limits: see `LinearizationSearch`. The bound counts for each search; shrinking a violation may take four times the
// bound more.

/// A judge.
public struct HistoryJudge: Sendable {
  /// How many times a search may place an operation before it gives up: seconds of time, and at most some hundred MB.
  public static let defaultMaximumStates = 2_000_000

  /// How many times one search may place an operation.
  public let maximumStates: Int

  /// A judge that gives up at a bound, which is at least 1 and at most 2⁴⁰: no machine has room for more.
  public init(maximumStates: Int = HistoryJudge.defaultMaximumStates) { self.maximumStates = min(max(1, maximumStates), 1 << 40) }

  /// Judges a history of any model.
  public func judge(_ history: AnyHistory) -> HistoryJudgement {
    switch history {
    case .register(let history): judge(history)
    case .log(let history): judge(history)
    case .idempotentLog(let history): judge(history)
    case .keyValue(let history): judge(history)
    }
  }

  /// Judges a history.
  public func judge<Model: RecordedModel>(_ history: History<Model>) -> HistoryJudgement {
    HistoryJudgement(model: Model.name, partitions: history.partitions().map { judge($0.key, $0.operations, Model.self) })
  }

  private func judge<Model: RecordedModel>(
    _ key: HistoryValue, _ operations: [RecordedOperation<Model.Input, Model.Output>], _ type: Model.Type
  ) -> PartitionJudgement {
    let partition = PartitionHistory<Model>(operations, maximumStates: maximumStates)
    var model = Model()
    let (result, visitedCount) = partition.search(0..<partition.eventCount, from: model.initial, &model)
    var judgement = PartitionJudgement(
      key: key, verdict: .held, operationCount: operations.count, answeredCount: operations.count { $0.outcome.isAnswered },
      unknownCount: operations.count { $0.outcome == .unknown }, visitedCount: visitedCount, window: nil)
    switch result {
    case .found: break
    case .exhausted: judgement.verdict = .unknown
    case .impossible:
      judgement.verdict = .violated
      judgement.window = WindowSearch(partition).window(&model)
    }
    return judgement
  }
}
