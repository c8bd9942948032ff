// A key of a key-value store: it holds one text or nothing, and can be put (replaced), appended to, and got. An append
// to nothing is a put.
//
// A `get` that found nothing was answered with nothing; many stores answer with an empty text instead, so an empty text
// is right both where there is nothing and where an empty text was put. Nothing is right only where there is nothing.
//
// Foresight (KeyValueForesight): what is held must be the beginning of every text that no put can bring about any more,
// and the appends that are left must lead on to it; of what nobody will read again only that is remembered; and what
// would only lead there is not tried. So appends leave next to no choice where their texts are distinct: a later `get`
// tells their order.

/// What can be asked of a key.
public enum KeyValueInput: Hashable, Sendable {
  /// Hold this text.
  case put(HistoryValue)
  /// Hold what you hold, with this text behind it.
  case append(HistoryValue)
  /// What do you hold?
  case get
}

/// What a key can answer.
public enum KeyValueOutput: Hashable, Sendable {
  /// Put, or appended.
  case done
  /// What it held; nil: nothing.
  case value(HistoryValue?)
}

/// A key of a key-value store.
public struct KeyValueModel: SequentialModel {
  /// A text of the tree, or nothing.
  public typealias State = KeyValueState
  /// What can be asked.
  public typealias Input = KeyValueInput
  /// What can be answered.
  public typealias Output = KeyValueOutput

  private var tree = TextTree()
  private var foresight = KeyValueForesight()
  /// Of the nodes that this search came by, which of the texts that are read begin with them.
  private var spans: [Range<Int>?] = [0..<0]

  /// A key that holds nothing.
  public init() {}

  /// Nothing.
  public var initial: KeyValueState { TextTree.absent }

  /// The text of a state; nil: nothing.
  func heldText(_ state: KeyValueState) -> HistoryValue? {
    // Made of whole texts, so it is good UTF-8.
    state == TextTree.absent ? nil : HistoryValue(String(decoding: tree.bytes(state), as: UTF8.self))
  }

  /// What is held behind an operation.
  public mutating func step(_ state: KeyValueState, _ input: KeyValueInput, _ output: KeyValueOutput?) -> KeyValueState? {
    switch (input, output) {
    case (.put, .value), (.append, .value), (.get, .done): return nil
    case (.get, nil): return state
    case (.get, .value(let value)):
      guard let value else { return state == TextTree.absent ? state : nil }
      if value.text.utf8.isEmpty { return tree.length(state.node) == 0 ? state : nil }
      return tree.isText(state, value) ? state : nil
    case (.put(let value), .done), (.put(let value), nil): return reached(tree.appending(value, to: TextTree.absent))
    case (.append(let value), .done), (.append(let value), nil): return reached(tree.appending(value, to: state))
    }
  }

  /// Gets.
  public func isReadOnly(_ input: KeyValueInput, _ output: KeyValueOutput?) -> Bool {
    switch input {
    case .get: true
    case .put, .append: false
    }
  }

  // MARK: foresight

  /// Sorts what is read.
  public mutating func foresee(_ operations: [Expected], from start: KeyValueState) {
    foresight = KeyValueForesight(operations, from: tree.bytes(start))
    spans = [foresight.all]
    _ = reached(start)
  }

  /// One read or source less.
  public mutating func place(_ operation: Expected) { foresight.change(operation, by: -1) }

  /// One read or source more.
  public mutating func takeBack(_ operation: Expected) { foresight.change(operation, by: 1) }

  /// Whether somebody reads what cannot grow out of what is held, and what nobody can put any more.
  public func isHopeless(_ state: KeyValueState, after operation: Expected?) -> Bool {
    if foresight.absentReads > 0, state != TextTree.absent { return true }
    return span(of: state).map { foresight.isAnyRooted(notIn: $0, length: tree.length(state.node)) } ?? false
  }

  /// Whether nobody will read what this operation leads to, nor what it hides.
  ///
  /// What leads to what nobody reads is of no use unless it must be placed: without it no read before the next put
  /// changes. A put that must be placed goes first where nobody reads what is held either, as only appends can come
  /// before the next put then; and so does an append that no text has in it.
  public func isMoot(_ operation: Expected, in state: KeyValueState) -> Bool {
    switch operation.input {
    case .get: return false
    case .put(let value):
      return !foresight.isAnyUnread(begunBy: value) && (!operation.isRequired || isForgotten(state))
    case .append(let value):
      if operation.isRequired { return foresight.isAllRead || (isForgotten(state) && !foresight.isAnyUnread(with: value)) }
      guard let range = span(of: state) else { return false }
      return !foresight.isAnyUnread(in: foresight.narrowed(range, behind: tree.length(state.node), by: Array(value.text.utf8)))
    }
  }

  /// The text while anybody may read it, or what is appended to it.
  public func remembered(_ state: KeyValueState) -> KeyValueState { isForgotten(state) ? KeyValueState(node: -1) : state }

  /// Whether nobody will read this, whatever is appended to it.
  private func isForgotten(_ state: KeyValueState) -> Bool {
    if foresight.absentReads > 0, state == TextTree.absent { return false }
    return span(of: state).map { !foresight.isAnyUnread(in: $0) } ?? false
  }

  private func span(of state: KeyValueState) -> Range<Int>? { spans.indices.contains(state.node) ? spans[state.node] : nil }

  /// A state that the search came by: its span is found from its parent's.
  private mutating func reached(_ state: KeyValueState) -> KeyValueState {
    if span(of: state) != nil { return state }
    var path: [Int] = []
    var node = state.node
    // The root's is always known.
    while node != 0, span(of: KeyValueState(node: node)) == nil {
      path.append(node)
      node = tree.parent(node)
    }
    var range = span(of: KeyValueState(node: node)) ?? foresight.all
    for node in path.reversed() {
      range = foresight.narrowed(range, behind: tree.length(tree.parent(node)), by: tree.lastPiece(node))
      while spans.count <= node { spans.append(nil) }
      spans[node] = range
    }
    return state
  }
}
