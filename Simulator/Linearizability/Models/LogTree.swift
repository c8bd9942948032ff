// All the logs that a search has come by, as one tree: a node is a log, its parent the log without the last value.
// Equal logs are one node, so a state is a number, compared exactly and at once (no hash that could collide), and
// appending shares the whole prefix.
//
// Any prefix of a log is found in logarithmic steps, by one jump pointer for each node (Myers: An applicative
// random-access stack, 1983). Nodes lie in an array rather than behind references, whose release would recurse as deep
// as the log is long. They are never freed before the tree is: a search that tries many orders of unknown appends pays
// a node for each.

/// The name by which a repeated append is known.
public struct AppendIdentity: Hashable, Sendable {
  /// Who appends.
  public var producer: HistoryValue
  /// Its number for the append.
  public var sequence: Int64

  /// An identity.
  public init(producer: HistoryValue, sequence: Int64) {
    self.producer = producer
    self.sequence = sequence
  }
}

/// A log in a tree of logs.
public struct LogState: Hashable, Sendable {
  var node: Int
}

/// Logs that share their prefixes.
struct LogTree: Sendable {
  private struct Node {
    var parent: Int
    var jump: Int
    var length: Int
    var value: HistoryValue
  }

  private struct Child: Hashable {
    var parent: Int
    var value: HistoryValue
    var identity: AppendIdentity?
  }

  private var nodes = [Node(parent: 0, jump: 0, length: 0, value: "")]
  /// Asked only, never gone through.
  private var children: [Child: Int] = [:]
  /// The nodes of first values that were appended under an identity.
  private var places: [AppendIdentity: [Int]] = [:]

  /// The empty log.
  var empty: LogState { LogState(node: 0) }

  /// How many values a log has.
  func length(_ log: LogState) -> Int { nodes[log.node].length }

  /// The log with one more value; `identity` belongs to an append's first value.
  mutating func appending(_ value: HistoryValue, _ identity: AppendIdentity?, to log: LogState) -> LogState {
    let child = Child(parent: log.node, value: value, identity: identity)
    if let node = children[child] { return LogState(node: node) }
    let parent = nodes[log.node]
    let jumped = nodes[parent.jump]
    // Where the last two jumps were equally long, one over both: lengths of jumps are those of skew binary numbers.
    let isEven = parent.length - jumped.length == jumped.length - nodes[jumped.jump].length
    nodes.append(Node(parent: log.node, jump: isEven ? jumped.jump : log.node, length: parent.length + 1, value: value))
    let node = nodes.count - 1
    children[child] = node
    if let identity { places[identity, default: []].append(node) }
    return LogState(node: node)
  }

  /// The offset at which a log holds the append of this identity.
  func offset(of identity: AppendIdentity, in log: LogState) -> Int? {
    guard let candidates = places[identity] else { return nil }
    for node in candidates where prefix(of: log, length: nodes[node].length) == node { return nodes[node].length - 1 }
    return nil
  }

  /// Whether a log holds these values from `offset` on. False where it is too short.
  func holds(_ values: [HistoryValue], at offset: Int, in log: LogState) -> Bool {
    guard offset >= 0, offset <= length(log), values.count <= length(log) - offset else { return false }
    var node = prefix(of: log, length: offset + values.count)
    for value in values.reversed() {
      if nodes[node].value != value { return false }
      node = nodes[node].parent
    }
    return true
  }

  /// The last values of a log, at most so many.
  func lastValues(of log: LogState, count: Int) -> [HistoryValue] {
    var values: [HistoryValue] = []
    var node = log.node
    while values.count < count, nodes[node].length > 0 {
      values.append(nodes[node].value)
      node = nodes[node].parent
    }
    return values.reversed()
  }

  /// The node of a log's first `length` values; the log itself where it is no longer.
  private func prefix(of log: LogState, length: Int) -> Int {
    var node = log.node
    while nodes[node].length > length {
      node = nodes[nodes[node].jump].length >= length ? nodes[node].jump : nodes[node].parent
    }
    return node
  }
}
