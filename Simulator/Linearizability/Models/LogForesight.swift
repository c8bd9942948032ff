// What the operations on a log say about it as a whole, read off before a search: a log never changes what it holds, so
// what one read saw at an offset is there for ever.
//
// From it follow: what lies at each offset; which append, that told its offset, owns it; how long the log must get; and
// of appends whose outcome nobody knows, where they must lie if anywhere (their value was seen, and nobody else brings
// it), or that nobody ever saw them, so that one of them is as good as another to fill a gap. Where operations
// contradict each other there is no order anyhow, so any may be believed.

/// What is known of a log beforehand.
struct LogForesight<Kind: LogKind>: Sendable {
  /// An operation as a search sees it.
  typealias Expected = ExpectedOperation<LogInput, LogOutput>

  /// An append that certainly had its effect, and said where it lies.
  private struct Owner {
    var identity: AppendIdentity?
  }

  /// What such operations say lies at an offset.
  private var contents: [Int: HistoryValue] = [:]
  /// Such appends by their first offsets.
  private var owners: [Int: Owner] = [:]
  /// Where appends of unknown outcome must lie if anywhere.
  private var pins: [LogInput: Int] = [:]
  /// The appends of unknown outcome that nobody saw, and that share their identity with no other.
  private var unseen: Set<LogInput> = []
  /// How long the log must get for them.
  private(set) var demandedLength = 0

  /// Nothing is known.
  init() {}

  /// What these operations say of a log that had `startLength` values before them.
  init(_ operations: [Expected], startLength: Int) {
    for operation in operations where operation.isCertain { note(operation) }
    findPlacesOfUnknown(operations, startLength)
  }

  private mutating func note(_ operation: Expected) {
    switch (operation.input, operation.output) {
    case (.append(let values, let identity), .offset(let offset)):
      // A repetition may carry other values than those that lie there, so one that may be a repetition says nothing
      // about them.
      let isCertain = !Kind.recognisesRepeats || identity == nil
      guard let first = note(isCertain ? values : [], at: offset) else { return }
      owners[first] = Owner(identity: identity)
      demandedLength = max(demandedLength, first)
    case (.read(let offset, _), .values(let values, _, _)):
      guard !values.isEmpty, let first = note(values, at: offset) else { return }
      demandedLength = max(demandedLength, first + values.count)
    case (.append, _), (.read, _): break
    }
  }

  /// Notes what lies at `offset`, and gives it as a number to count with; nil where no log gets that long.
  private mutating func note(_ values: [HistoryValue], at offset: Int64) -> Int? {
    guard (0...(1 << 48)).contains(offset) else { return nil }
    for (index, value) in values.enumerated() { contents[Int(offset) + index] = value }
    return Int(offset)
  }

  private mutating func findPlacesOfUnknown(_ operations: [Expected], _ startLength: Int) {
    // All of these are asked only, never gone through, but for what is put into others of their kind.
    var seenAt: [HistoryValue: Int] = [:]
    for (offset, value) in contents { seenAt[value] = min(seenAt[value] ?? .max, offset) }
    var bringers: [HistoryValue: Int] = [:]
    var namesakes: [AppendIdentity: Int] = [:]
    for operation in operations {
      guard case .append(let values, let identity) = operation.input else { continue }
      for value in values { bringers[value, default: 0] += 1 }
      if Kind.recognisesRepeats, let identity { namesakes[identity, default: 0] += 1 }
    }
    var ownedAt: [AppendIdentity: Int] = [:]
    if Kind.recognisesRepeats {
      for (offset, owner) in owners {
        if let identity = owner.identity { ownedAt[identity] = min(ownedAt[identity] ?? .max, offset) }
      }
    }
    for operation in operations where operation.output == nil {
      guard case .append(let values, let identity) = operation.input else { continue }
      if let identity, let offset = ownedAt[identity] { pins[operation.input] = offset }
      for (index, value) in values.enumerated() where bringers[value] == 1 {
        // What lay there from the start may have been brought by others.
        if let offset = seenAt[value], offset >= startLength { pins[operation.input] = offset - index }
      }
      let isAlone = !Kind.recognisesRepeats || identity.map { namesakes[$0] == 1 } ?? true
      if isAlone, values.allSatisfy({ seenAt[$0] == nil }) { unseen.insert(operation.input) }
    }
  }

  /// Whether an append certainly does not begin at this offset. Only asked about one that is no repetition.
  func isOutOfPlace(_ operation: Expected, at first: Int) -> Bool {
    guard case .append(let values, let identity) = operation.input else { return false }
    for (index, value) in values.enumerated() {
      if let content = contents[first + index], content != value { return true }
    }
    if operation.output != nil { return false }
    if let pin = pins[operation.input], pin != first { return true }
    for index in values.indices {
      guard let owner = owners[first + index] else { continue }
      // The owner may be a repetition of this very append; nothing else may lie on its place.
      let isSame = Kind.recognisesRepeats && index == 0 && identity != nil && owner.identity == identity
      if !isSame { return true }
    }
    return false
  }

  /// What appends that nobody can tell apart have in common; nil for all others.
  func likeness(of operation: Expected) -> Int? {
    guard operation.output == nil, case .append(let values, _) = operation.input, unseen.contains(operation.input) else { return nil }
    return values.count
  }
}
