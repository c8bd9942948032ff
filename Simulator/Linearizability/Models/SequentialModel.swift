// What a service promises when it is used by one client at a time. Linearizability means: every concurrent history
// looks as if its operations had been carried out one after the other by such a model, each at one moment between its
// call and its return.
//
// A model must say how a step changes the state. It may also look ahead (`foresee` and what follows): what the
// operations that are not placed yet still demand. Looking ahead never changes a verdict, only the time to it: without
// it a search may visit exponentially many orders of operations that nobody can tell apart. The tests hold every model
// with its foresight against itself without.

/// One operation as a search sees it.
public struct ExpectedOperation<Input: Hashable & Sendable, Output: Hashable & Sendable>: Sendable {
  /// What was asked.
  public var input: Input
  /// What was answered; nil where nobody knows.
  public var output: Output?
  /// Whether it must be placed. One that had not returned at the end of what is judged may be placed or left out.
  public var isRequired: Bool
  /// Whether it certainly had its effect before the end of what is judged: here, or, where it is not required, before
  /// the beginning.
  public var isCertain: Bool

  /// An operation.
  public init(input: Input, output: Output?, isRequired: Bool, isCertain: Bool) {
    self.input = input
    self.output = output
    self.isRequired = isRequired
    self.isCertain = isCertain
  }
}

/// A service used by one client at a time.
public protocol SequentialModel: Sendable {
  /// All that earlier operations left behind.
  associatedtype State: Hashable & Sendable
  /// What can be asked.
  associatedtype Input: Hashable & Sendable
  /// What can be answered.
  associatedtype Output: Hashable & Sendable
  /// An operation as a search sees it.
  typealias Expected = ExpectedOperation<Input, Output>

  /// A model of one new object.
  init()

  /// The object to which an operation belongs: objects are judged one by one, since a history is linearizable exactly
  /// if the part of each object is (Herlihy and Wing, 1990, theorem 1).
  static func partition(of operation: RecordedOperation<Input, Output>) -> HistoryValue

  /// The state of a new object.
  var initial: State { get }

  /// The state behind an operation; nil where this state does not allow it. Without an output any answer is allowed.
  /// Mutating only so that a model can keep its states in a table of its own.
  mutating func step(_ state: State, _ input: Input, _ output: Output?) -> State?

  /// Whether an operation with this answer never changes any state. Such ones are placed as soon as they can be.
  func isReadOnly(_ input: Input, _ output: Output?) -> Bool

  /// Forgets what was foreseen before, and takes these operations for all that are to be placed from `start` on.
  mutating func foresee(_ operations: [Expected], from start: State)
  /// One of them is placed now.
  mutating func place(_ operation: Expected)
  /// It is not, after all.
  mutating func takeBack(_ operation: Expected)
  /// Whether the operations that are not placed yet can certainly not all follow from `state`, which `operation` (nil:
  /// nothing) led to.
  func isHopeless(_ state: State, after operation: Expected?) -> Bool
  /// Whether, if all the rest can be placed from `state` on at all, it can be with this operation at once (where it is
  /// required) or not at once (where it is not). Only asked about what can be placed now.
  func isMoot(_ operation: Expected, in state: State) -> Bool
  /// A number that operations share which may change places in any order of all, though their inputs differ; nil for
  /// all others. Those with equal inputs and outputs always may.
  func likeness(of operation: Expected) -> Int?
  /// What of a state matters to the operations that are not placed yet: where two states give the same, the rest can be
  /// placed from both of them or from neither.
  func remembered(_ state: State) -> State
}

extension SequentialModel {
  /// The recorded key.
  public static func partition(of operation: RecordedOperation<Input, Output>) -> HistoryValue { operation.key }
  /// Foresees nothing.
  public mutating func foresee(_ operations: [Expected], from start: State) {}
  /// Foresees nothing.
  public mutating func place(_ operation: Expected) {}
  /// Foresees nothing.
  public mutating func takeBack(_ operation: Expected) {}
  /// Foresees nothing.
  public func isHopeless(_ state: State, after operation: Expected?) -> Bool { false }
  /// Foresees nothing.
  public func isMoot(_ operation: Expected, in state: State) -> Bool { false }
  /// Foresees nothing.
  public func likeness(of operation: Expected) -> Int? { nil }
  /// All of it.
  public func remembered(_ state: State) -> State { state }
}
