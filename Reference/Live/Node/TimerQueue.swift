// The wakes that one life of a node has armed: a binary heap with late deletion.
//
// Limits: a cancelled wake stays in the heap until its time or until cancelled ones outnumber the armed.

import Vocabulary

/// Armed wakes, earliest first; equal instants in the order of their ids.
struct TimerQueue {
  private struct Item {
    var at: Instant
    var id: TimerID
    func isBefore(_ other: Item) -> Bool { at == other.at ? id < other.id : at < other.at }
  }

  private var heap: [Item] = []
  private var armed: [TimerID: Instant] = [:]

  /// Arms, or arms anew.
  mutating func arm(_ id: TimerID, at instant: Instant) {
    armed[id] = instant
    push(Item(at: instant, id: id))
    if heap.count > 64 + 2 * armed.count { compact() }
  }

  /// Forgets a wake.
  mutating func cancel(_ id: TimerID) { armed[id] = nil }

  /// Whether `id` is still wanted; if so it is now spent.
  mutating func spend(_ id: TimerID) -> Bool { armed.removeValue(forKey: id) != nil }

  /// The earliest instant at which something is armed.
  mutating func earliest() -> Instant? {
    while let first = heap.first {
      if armed[first.id] == first.at { return first.at }
      removeFirst()
    }
    return nil
  }

  /// Takes one wake that is due at `now` out of the heap; it stays armed until it is spent, so that a turn before it
  /// can still cancel it.
  mutating func nextDue(at now: Instant) -> (id: TimerID, at: Instant)? {
    guard let instant = earliest(), instant <= now, let first = heap.first else { return nil }
    removeFirst()
    return (first.id, instant)
  }

  private mutating func compact() {
    let kept = heap.filter { armed[$0.id] == $0.at }
    heap.removeAll(keepingCapacity: true)
    for item in kept { push(item) }
  }

  private mutating func push(_ item: Item) {
    heap.append(item)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func removeFirst() {
    guard let last = heap.popLast(), !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var smallest = parent
      for child in (2 * parent + 1)..<(2 * parent + 3) where child < heap.count && heap[child].isBefore(heap[smallest]) {
        smallest = child
      }
      guard smallest != parent else { return }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
