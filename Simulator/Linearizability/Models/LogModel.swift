// A log, such as one partition of a queue: values are appended at dense offsets from 0 and read from any offset. A
// model with one choice: whether an append that carries a producer's name and number, and was carried out before, is
// only answered with its first offset.
//
// A read gives what is there, at most as many values as were asked for, and the offset behind the last; fewer mean the
// end of the log at that time, unless the answer is marked as partial (cut by a bound on its bytes). Past the end it
// gives no values and the same offset. Not modelled: retention (a log that forgets its beginning), and reads that wait.
//
// Foresight (LogForesight): appends of unknown outcome are tried only where what others saw leaves a place for them.
// Appends with known offsets leave no choice at all.

/// What can be asked of a log.
public enum LogInput: Hashable, Sendable {
  /// Append these values in a row.
  case append([HistoryValue], identity: AppendIdentity? = nil)
  /// Give at most `count` values from `offset` on.
  case read(offset: Int64, count: Int64)
}

/// What a log can answer.
public enum LogOutput: Hashable, Sendable {
  /// Where the first of the appended values lies.
  case offset(Int64)
  /// Values, the offset behind them, and whether the answer was cut before the end.
  case values([HistoryValue], next: Int64, isPartial: Bool = false)
}

/// Which appends a log recognises.
public protocol LogKind: Sendable {
  /// Whether an append under an identity that it has seen changes nothing and is answered with the first offset.
  static var recognisesRepeats: Bool { get }
}

/// A log that takes every append for a new one.
public enum PlainLog: LogKind {
  /// It does not.
  public static var recognisesRepeats: Bool { false }
}

/// A log that knows repeated appends.
public enum IdempotentLog: LogKind {
  /// It does.
  public static var recognisesRepeats: Bool { true }
}

/// A log that takes every append for a new one.
public typealias LogModel = AppendOnlyLog<PlainLog>
/// A log that knows repeated appends.
public typealias IdempotentLogModel = AppendOnlyLog<IdempotentLog>

/// A log.
public struct AppendOnlyLog<Kind: LogKind>: SequentialModel {
  /// A log of the tree.
  public typealias State = LogState
  /// What can be asked.
  public typealias Input = LogInput
  /// What can be answered.
  public typealias Output = LogOutput

  private var tree = LogTree()
  private var foresight = LogForesight<Kind>()

  /// An empty log.
  public init() {}

  /// The empty log.
  public var initial: LogState { tree.empty }

  /// How many values a log has.
  func length(_ state: LogState) -> Int { tree.length(state) }

  /// The last values of a log, at most so many.
  func lastValues(of state: LogState, count: Int) -> [HistoryValue] { tree.lastValues(of: state, count: count) }

  /// The log behind an operation.
  public mutating func step(_ state: LogState, _ input: LogInput, _ output: LogOutput?) -> LogState? {
    switch (input, output) {
    case (.append, .values), (.read, .offset): return nil
    case (.read, nil): return state
    case (.append(let values, let identity), nil):
      return stored(identity, in: state) == nil ? appending(values, identity, to: state) : state
    case (.append(let values, let identity), .offset(let offset)):
      if let first = stored(identity, in: state) { return offset == Int64(first) ? state : nil }
      return offset == Int64(tree.length(state)) ? appending(values, identity, to: state) : nil
    case (.read(let offset, let count), .values(let values, let next, let isPartial)):
      guard offset >= 0 else { return nil }
      let length = Int64(tree.length(state))
      guard offset <= length else { return values.isEmpty && next == offset ? state : nil }
      let available = min(max(0, count), length - offset)
      let found = Int64(values.count)
      guard found == available || (isPartial && found < available), next == offset + found else { return nil }
      return tree.holds(values, at: Int(offset), in: state) ? state : nil
    }
  }

  /// Reads.
  public func isReadOnly(_ input: LogInput, _ output: LogOutput?) -> Bool {
    switch input {
    case .read: true
    case .append: false
    }
  }

  private mutating func appending(_ values: [HistoryValue], _ identity: AppendIdentity?, to state: LogState) -> LogState {
    var log = state
    var name = Kind.recognisesRepeats ? identity : nil
    for value in values {
      log = tree.appending(value, name, to: log)
      name = nil
    }
    return log
  }

  /// Where the append of this identity lies already.
  private func stored(_ identity: AppendIdentity?, in state: LogState) -> Int? {
    guard Kind.recognisesRepeats, let identity else { return nil }
    return tree.offset(of: identity, in: state)
  }

  // MARK: foresight

  /// Reads off what lies where.
  public mutating func foresee(_ operations: [Expected], from start: LogState) {
    foresight = LogForesight(operations, startLength: tree.length(start))
  }

  /// Whether the append that led here lies where something else belongs.
  public func isHopeless(_ state: LogState, after operation: Expected?) -> Bool {
    guard let operation, case .append(let values, _) = operation.input else { return false }
    return foresight.isOutOfPlace(operation, at: tree.length(state) - values.count)
  }

  /// Whether it is a repetition, which changes nothing now or later; or need not be here, as nobody knows of anything
  /// behind the end, or must not, as something else belongs here.
  public func isMoot(_ operation: Expected, in state: LogState) -> Bool {
    guard case .append(_, let identity) = operation.input else { return false }
    if stored(identity, in: state) != nil { return true }
    let length = tree.length(state)
    return !operation.isRequired && (length >= foresight.demandedLength || foresight.isOutOfPlace(operation, at: length))
  }

  /// Appends of unknown outcome whose values nobody saw are alike where they are equally long.
  public func likeness(of operation: Expected) -> Int? { foresight.likeness(of: operation) }
}
