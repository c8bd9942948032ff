// What a judge of linearizability says: of each object whether its history held, and where it did not, the stretch that
// shows it.

/// A judgement. Never `held` where a search was given up.
public enum LinearizabilityVerdict: String, Hashable, Sendable, CaseIterable {
  /// There is an order.
  case held
  /// There is none.
  case violated
  /// The search was given up before it came to an end.
  case unknown
  /// No operation was answered, so nothing could be wrong. Only of a whole history.
  case nothingJudged = "nothing judged"
}

/// One operation of a window, in words.
public struct WindowOperation: Hashable, Sendable {
  /// Who asked.
  public var client: Int64
  /// What was asked: `write "x"`.
  public var input: String
  /// What was answered: `"x"`, `offset 5`, `unknown`.
  public var output: String
  /// When it was asked.
  public var callNanoseconds: Int64
  /// When it was answered; nil where it never was.
  public var returnNanoseconds: Int64?
  /// Whether it is the first operation that cannot be placed.
  public var isMisplaced: Bool
}

/// The shortest stretch found that shows a violation by itself.
public struct ViolationWindow: Hashable, Sendable {
  /// The state at the beginning, in words: `it held "2"`. It is where the longest prefix that has an order leads to in
  /// one such order.
  public var stateBefore: String
  /// The operations that were judged of those under way in the stretch, by their calls. Those called before it may have
  /// had their effect before it, in it, or never.
  public var operations: [WindowOperation]
  /// When it begins.
  public var startNanoseconds: Int64
  /// When it ends: the return of the operation that cannot be placed.
  public var endNanoseconds: Int64
  /// How many events it has, of how many of the object's.
  public var eventCount: Int
  /// How many events the object has.
  public var totalEventCount: Int
  /// Whether every search for it came to an end; else an earlier operation may be the first that cannot be placed.
  public var isExact: Bool
  /// The first operation that cannot be placed.
  public var misplaced: WindowOperation

  /// One sentence that names the first operation which cannot be placed.
  public var sentence: String { sentence(client: { "client \($0)" }, moment: { "\($0)" }) }

  /// The same, with clients and moments (in nanoseconds) in the words of whoever tells it.
  public func sentence(client: (Int64) -> String, moment: (Int64) -> String) -> String {
    "The first operation \(isExact ? "" : "found ")that cannot be placed is \(client(misplaced.client))'s \(misplaced.input), called at "
      + "\(moment(misplaced.callNanoseconds)) and answered at \(moment(endNanoseconds)) with \(misplaced.output): no order of what was under way "
      + "until then explains it from where \(stateBefore)."
  }
}

/// The judgement of one object.
public struct PartitionJudgement: Hashable, Sendable {
  /// The object's name.
  public var key: HistoryValue
  /// The verdict.
  public var verdict: LinearizabilityVerdict
  /// How many operations it has.
  public var operationCount: Int
  /// How many of them were answered: these are what a judgement is about.
  public var answeredCount: Int
  /// How many of them have an unknown outcome.
  public var unknownCount: Int
  /// How many times the search placed an operation.
  public var visitedCount: Int
  /// What shows the violation; nil where there is none.
  public var window: ViolationWindow?
}

/// The judgement of a history.
public struct HistoryJudgement: Hashable, Sendable {
  /// The model's name: `register`.
  public var model: String
  /// The judgements of its objects, by their names.
  public var partitions: [PartitionJudgement]

  /// `violated` if any object's history is, else `unknown` if any is, else `held`; `nothingJudged` where no operation
  /// was answered.
  public var verdict: LinearizabilityVerdict {
    if answeredCount == 0 { return .nothingJudged }
    if partitions.contains(where: { $0.verdict == .violated }) { return .violated }
    return partitions.contains { $0.verdict == .unknown } ? .unknown : .held
  }

  /// How many operations it has.
  public var operationCount: Int { partitions.reduce(0) { $0 + $1.operationCount } }
  /// How many of them were answered.
  public var answeredCount: Int { partitions.reduce(0) { $0 + $1.answeredCount } }
}
