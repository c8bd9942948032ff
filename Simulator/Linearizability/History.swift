// A history: what clients asked, when, and what they were answered when. It is all that a judge of linearizability
// reads.
//
// Times are nanoseconds on one clock that all clients share (the host's, in the simulator). One operation comes before
// another only if it returned strictly before the other was called; operations that touch in one nanosecond are
// concurrent, so a coarse clock can hide a violation but never make one up.

/// How an operation ended for its client.
public enum OperationOutcome<Output: Hashable & Sendable>: Hashable, Sendable {
  /// It was answered.
  case answered(atNanoseconds: Int64, Output)
  /// It was refused, and certainly had no effect and never will.
  case failed(atNanoseconds: Int64)
  /// Nobody knows: it may take effect at any time after its call, or never.
  case unknown

  /// Whether it was answered.
  var isAnswered: Bool {
    switch self {
    case .answered: true
    case .failed, .unknown: false
    }
  }
}

/// One operation of one client.
public struct RecordedOperation<Input: Hashable & Sendable, Output: Hashable & Sendable>: Hashable, Sendable {
  /// Who asked.
  public var client: Int64
  /// The object that was asked: a register's key, a log's partition.
  public var key: HistoryValue
  /// When it was asked.
  public var callNanoseconds: Int64
  /// What was asked.
  public var input: Input
  /// How it ended.
  public var outcome: OperationOutcome<Output>

  /// An operation. A return before the call is taken as one at the call, as no clock that all clients share can show
  /// it.
  public init(client: Int64, key: HistoryValue, callNanoseconds: Int64, input: Input, outcome: OperationOutcome<Output>) {
    self.client = client
    self.key = key
    self.callNanoseconds = callNanoseconds
    self.input = input
    self.outcome = outcome
  }

  /// When it ended; nil where nobody knows.
  public var returnNanoseconds: Int64? {
    switch outcome {
    case .answered(let time, _), .failed(let time): max(time, callNanoseconds)
    case .unknown: nil
    }
  }
}

/// Operations on objects of one kind, in any order.
public struct History<Model: SequentialModel>: Sendable {
  /// An operation of such a history.
  public typealias Operation = RecordedOperation<Model.Input, Model.Output>

  /// The operations.
  public var operations: [Operation]

  /// A history.
  public init(_ operations: [Operation] = []) { self.operations = operations }

  /// The operations of each object, by its name; each in the order in which they were recorded.
  func partitions() -> [(key: HistoryValue, operations: [Operation])] {
    var partitions: [HistoryValue: [Operation]] = [:]
    for operation in operations { partitions[Model.partition(of: operation), default: []].append(operation) }
    return partitions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

/// A history of any of the known models.
public enum AnyHistory: Sendable {
  /// Registers by key.
  case register(History<RegisterModel>)
  /// Logs by partition.
  case log(History<LogModel>)
  /// Logs by partition which know a repeated append.
  case idempotentLog(History<IdempotentLogModel>)
  /// Texts by key, which can be appended to.
  case keyValue(History<KeyValueModel>)
}
