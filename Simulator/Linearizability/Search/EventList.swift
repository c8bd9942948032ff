// The calls and returns that a search has not placed yet, in the order of time, as a doubly linked list in two arrays:
// an operation is lifted out and put back in constant time, and the calls before the first return are what can be
// placed next (Wing and Gong: Testing and verifying concurrent objects, 1993; the list by Lowe: Testing for
// linearizability, 2017).

/// A doubly linked list of calls and returns.
struct EventList {
  /// Behind the last entry.
  static let end = -1

  private var next: [Int]
  private var previous: [Int]
  /// In front of the first entry.
  private let head: Int
  private let hasReturn: [Bool]

  /// The events of operations, given by the positions of their calls and (nil: none) of their returns; positions are
  /// distinct.
  init(calls: [Int], returns: [Int?]) {
    head = 2 * calls.count
    next = Array(repeating: Self.end, count: head + 1)
    previous = Array(repeating: Self.end, count: head + 1)
    hasReturn = returns.map { $0 != nil }
    var events: [(position: Int, entry: Int)] = []
    for (operation, call) in calls.enumerated() {
      events.append((call, 2 * operation))
      if let position = returns[operation] { events.append((position, 2 * operation + 1)) }
    }
    events.sort { $0.position < $1.position }
    var last = head
    for event in events {
      next[last] = event.entry
      previous[event.entry] = last
      last = event.entry
    }
  }

  /// The first entry, or `end`.
  var first: Int { next[head] }

  /// The entry behind another, or `end`.
  func entry(behind entry: Int) -> Int { next[entry] }

  /// The entry of an operation's call.
  func call(of operation: Int) -> Int { 2 * operation }

  /// The operation that an entry calls; nil where the entry is a return or the end.
  func called(by entry: Int) -> Int? { entry == Self.end || entry & 1 == 1 ? nil : entry >> 1 }

  /// Takes an operation out.
  mutating func lift(_ operation: Int) {
    unlink(2 * operation)
    if hasReturn[operation] { unlink(2 * operation + 1) }
  }

  /// Puts the operation back that was lifted last of those that are out.
  mutating func unlift(_ operation: Int) {
    // In the reverse order of `lift`: each entry finds its neighbours as it left them.
    if hasReturn[operation] { relink(2 * operation + 1) }
    relink(2 * operation)
  }

  private mutating func unlink(_ entry: Int) {
    next[previous[entry]] = next[entry]
    if next[entry] != Self.end { previous[next[entry]] = previous[entry] }
  }

  private mutating func relink(_ entry: Int) {
    next[previous[entry]] = entry
    if next[entry] != Self.end { previous[next[entry]] = entry }
  }
}
