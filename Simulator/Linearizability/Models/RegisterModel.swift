// A register: it holds one value or none, and can be written, read, and swapped if it holds what is expected.
//
// Foresight: how many operations that are not placed yet saw each value, and how many could still bring it. If somebody
// saw a value that nobody can bring any more and that is not there now, no order is left. And a write whose value
// nobody will see, over a value that nobody will see, can go first: only another write can follow here, and that one
// hides it. So with distinct values there is next to no search; with few values that are written again and again there
// is one, bounded by the counts of each value among the operations under way.
//
// A swap that was refused without saying what the register held sees one thing only: that it was not what the swap
// expected (nothing counts as a value). So such a swap asks for *some other* value, and a write that nobody reads may
// be what it needs: the shortcut for unseen writes is taken only where no open swap of that kind can depend on it
// (`isMoot`).

/// What can be asked of a register.
public enum RegisterInput: Hashable, Sendable {
  /// Hold this value.
  case write(HistoryValue)
  /// What do you hold?
  case read
  /// Hold `new` if you hold `expected` (nil: nothing) now.
  case compareAndSwap(expected: HistoryValue?, new: HistoryValue)
}

/// What a register can answer.
public enum RegisterOutput: Hashable, Sendable {
  /// Written, or swapped.
  case done
  /// What it held: to a read, or to a swap that was refused as it held something else. Nil: nothing.
  case held(HistoryValue?)
  /// To a swap that was refused as it held something else than expected, without saying what.
  case mismatched
}

/// A register.
public struct RegisterModel: SequentialModel {
  /// What it holds; nil: nothing.
  public typealias State = HistoryValue?
  /// What can be asked.
  public typealias Input = RegisterInput
  /// What can be answered.
  public typealias Output = RegisterOutput

  /// What operations that are not placed yet have to do with one value.
  private struct Prospect {
    /// Required ones that saw it.
    var observers = 0
    /// Others whose effect depends on it.
    var possibleObservers = 0
    /// Those that could bring it.
    var sources = 0
    /// Required swaps that saw another one, whatever it was.
    var refused = 0

    var isMissed: Bool { observers > 0 && sources == 0 }
    var isUnseen: Bool { observers == 0 && possibleObservers == 0 }
    /// Whether it may come again while a swap waits for another one.
    var isInTheWay: Bool { refused > 0 && sources > 0 }
  }

  private var prospects: [HistoryValue?: Prospect] = [:]
  /// How many values are missed: seen by somebody, and brought by nobody any more.
  private var missedCount = 0
  /// How many values may come again while a swap waits for another one.
  private var inTheWayCount = 0

  /// A register that holds nothing.
  public init() {}

  /// Nothing.
  public var initial: HistoryValue? { nil }

  /// The value behind an operation.
  public mutating func step(_ state: HistoryValue?, _ input: RegisterInput, _ output: RegisterOutput?) -> HistoryValue?? {
    switch (input, output) {
    case (.write(let value), .done), (.write(let value), nil): .some(value)
    case (.write, .held), (.write, .mismatched): nil
    case (.read, .held(let value)): value == state ? .some(state) : nil
    case (.read, .done), (.read, .mismatched): nil
    case (.read, nil): .some(state)
    case (.compareAndSwap(let expected, let new), .done): expected == state ? .some(new) : nil
    case (.compareAndSwap(let expected, _), .held(let value)): value == state && expected != state ? .some(state) : nil
    case (.compareAndSwap(let expected, _), .mismatched): expected != state ? .some(state) : nil
    case (.compareAndSwap(let expected, let new), nil): .some(expected == state ? new : state)
    }
  }

  /// Reads, and swaps that were refused.
  public func isReadOnly(_ input: RegisterInput, _ output: RegisterOutput?) -> Bool {
    switch (input, output) {
    case (.read, _), (.compareAndSwap, .held), (.compareAndSwap, .mismatched): true
    case (.write, _), (.compareAndSwap, .done), (.compareAndSwap, nil): false
    }
  }

  // MARK: foresight

  /// Counts observers and sources.
  public mutating func foresee(_ operations: [Expected], from start: HistoryValue?) {
    prospects = [:]
    missedCount = 0
    inTheWayCount = 0
    for operation in operations { change(operation, by: 1) }
  }

  /// One observer or source less.
  public mutating func place(_ operation: Expected) { change(operation, by: -1) }

  /// One observer or source more.
  public mutating func takeBack(_ operation: Expected) { change(operation, by: 1) }

  /// Whether somebody saw a value that is not here and that nobody can bring any more.
  public func isHopeless(_ state: HistoryValue?, after operation: Expected?) -> Bool {
    missedCount > 1 || (missedCount == 1 && prospects[state]?.isMissed != true)
  }

  /// Whether nobody will see what this operation brings, nor what it hides.
  ///
  /// With swaps that only saw that something else was held: an operation that need not be placed is left out unless
  /// such a swap is refused by what is there now, since what is there now stays in its place. A required write goes
  /// first only where no value can come again that such a swap waits out: in another order the write might have been
  /// what ended that value.
  public func isMoot(_ operation: Expected, in state: HistoryValue?) -> Bool {
    switch operation.input {
    case .write(let value):
      isUnseen(value) && (operation.isRequired ? isUnseen(state) && inTheWayCount == 0 : !isRefusing(state))
    case .compareAndSwap(_, let new): !operation.isRequired && isUnseen(new) && !isRefusing(state)
    case .read: false
    }
  }

  private func isRefusing(_ value: HistoryValue?) -> Bool { (prospects[value]?.refused ?? 0) > 0 }

  private func isUnseen(_ value: HistoryValue?) -> Bool { prospects[value]?.isUnseen ?? true }

  private mutating func change(_ operation: Expected, by difference: Int) {
    switch (operation.input, operation.output) {
    case (.write(let value), _):
      update(value) { $0.sources += difference }
    case (.read, .held(let value)), (.compareAndSwap, .held(let value)):
      if operation.isRequired { update(value) { $0.observers += difference } }
    case (.compareAndSwap(let expected, _), .mismatched):
      if operation.isRequired { update(expected) { $0.refused += difference } }
    case (.compareAndSwap(let expected, let new), .done), (.compareAndSwap(let expected, let new), nil):
      update(new) { $0.sources += difference }
      update(expected) { prospect in
        if operation.isRequired { prospect.observers += difference } else { prospect.possibleObservers += difference }
      }
    case (.read, .done), (.read, .mismatched), (.read, nil): break
    }
  }

  private mutating func update(_ value: HistoryValue?, _ body: (inout Prospect) -> Void) {
    var prospect = prospects[value] ?? Prospect()
    let wasMissed = prospect.isMissed
    let wasInTheWay = prospect.isInTheWay
    body(&prospect)
    prospects[value] = prospect
    if prospect.isMissed != wasMissed { missedCount += prospect.isMissed ? 1 : -1 }
    if prospect.isInTheWay != wasInTheWay { inTheWayCount += prospect.isInTheWay ? 1 : -1 }
  }
}
