// Names in the order in which they were last used: a list in two arrays, so that to use, add and take away one costs the same
// however many there are.

import Vocabulary

/// Names by when they were last used.
struct RecencyOrder {
  private struct Slot {
    var name: ExactName
    /// The slot that was used next after this one; -1 of the last.
    var later: Int
    /// The one before; -1 of the first.
    var earlier: Int
  }

  private var slots: [Slot] = []
  private var free: [Int] = []
  private var oldest = -1
  private var newest = -1

  /// The name that was used longest ago; nil where there is none.
  var first: ExactName? { oldest < 0 ? nil : slots[oldest].name }

  /// Adds a name as the one that was used last, and says where it stands.
  mutating func add(_ name: ExactName) -> Int {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = Slot(name: name, later: -1, earlier: -1)
    } else {
      slot = slots.count
      slots.append(Slot(name: name, later: -1, earlier: -1))
    }
    append(slot)
    return slot
  }

  /// The name that stands there is used.
  mutating func use(_ slot: Int) {
    guard slot != newest else { return }
    unlink(slot)
    append(slot)
  }

  /// Takes the name away that stands there.
  mutating func remove(_ slot: Int) {
    unlink(slot)
    slots[slot].name = ""
    free.append(slot)
  }

  private mutating func append(_ slot: Int) {
    slots[slot].earlier = newest
    slots[slot].later = -1
    if newest >= 0 { slots[newest].later = slot } else { oldest = slot }
    newest = slot
  }

  private mutating func unlink(_ slot: Int) {
    let (earlier, later) = (slots[slot].earlier, slots[slot].later)
    if earlier >= 0 { slots[earlier].later = later } else { oldest = later }
    if later >= 0 { slots[later].earlier = earlier } else { newest = earlier }
  }
}
