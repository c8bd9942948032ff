// Which entries of a bounded memory stay. Two queues, each in the order of last use: newcomers, and those that returned,
// which were asked for again after they had been put out. What is put out of the newcomers is remembered for a while by
// its name alone. So what is asked for once, or a few times at one moment, passes through the newcomers' half and puts out
// nothing that is wanted again and again; and where nothing returns, the whole memory is the newcomers'. (2Q: Johnson and
// Shasha, 1994; here both queues are by last use, and half of the entries are the newcomers'.)
//
// Bounded: at most `most` entries, and as many remembered names. A look, a keep and a removal take the same time at any
// size. Nothing hangs on the order of a hash table.
//
// Limits: what is over is found where it is the next to go, or where it is asked for, and takes room until then.

import Vocabulary

/// A bounded memory of entries by name.
struct RankedEntries<Value: Sendable>: Sendable {
  /// The queues; each raw value is the slot at which its ring begins.
  private enum Rank: Int {
    case newcomer, returned, remembered
  }

  private struct Slot {
    var name: ExactName
    /// Nil where the name alone is remembered, where a ring begins, and where nothing stands.
    var value: Value?
    var rank: Rank
    /// The slot of its ring whose last use was the next after its own, and the one whose was the last before it. Where there
    /// is none, the ring's beginning; to that, its oldest is the newer one, and its newest the older.
    var newer: Int
    var older: Int
  }

  private let most: Int
  /// Most newcomers, as long as anything has returned.
  private let mostNewcomers: Int
  private var slots: [Slot]
  private var emptySlots: [Int] = []
  private var places: [ExactName: Int] = [:]
  /// How many stand in each ring.
  private var counts = [0, 0, 0]

  /// An empty memory of at most `most` entries.
  init(most: Int) {
    self.most = most
    mostNewcomers = max(1, most / 2)
    slots = [Rank.newcomer, .returned, .remembered].map { Slot(name: "", value: nil, rank: $0, newer: $0.rawValue, older: $0.rawValue) }
  }

  /// How many entries there are.
  var count: Int { counts[Rank.newcomer.rawValue] + counts[Rank.returned.rawValue] }

  /// The names of all entries, in an order that hangs on their uses alone.
  var names: [ExactName] { names(.newcomer) + names(.returned) }

  /// The entry of a name, which is used by this; nil where there is none.
  mutating func use(_ name: ExactName) -> Value? {
    guard let place = places[name], let value = slots[place].value else { return nil }
    if slots[place].newer != slots[place].rank.rawValue {
      unlink(place)
      link(place, slots[place].rank)
    }
    return value
  }

  /// Keeps an entry. Where there is no room another goes: one that `isOver`, where it would be the next of its queue.
  mutating func keep(_ name: ExactName, _ value: Value, isOver: (Value) -> Bool) {
    if let place = places[name] {
      let rank: Rank
      switch slots[place].rank {
      case .newcomer: rank = .newcomer
      case .returned, .remembered: rank = .returned
      }
      let isNew = slots[place].value == nil
      unlink(place)
      if isNew { makeRoom(for: rank, isOver) }
      slots[place].value = value
      return link(place, rank)
    }
    makeRoom(for: .newcomer, isOver)
    let slot = Slot(name: name, value: value, rank: .newcomer, newer: 0, older: 0)
    let place: Int
    if let empty = emptySlots.popLast() {
      place = empty
      slots[place] = slot
    } else {
      place = slots.count
      slots.append(slot)
    }
    places[name] = place
    link(place, .newcomer)
  }

  /// Takes an entry away, not for want of room: what had returned is remembered, so that it has its rank when it is kept
  /// anew.
  mutating func remove(_ name: ExactName) {
    guard let place = places[name] else { return }
    switch slots[place].rank {
    case .newcomer: forget(place)
    case .returned: remember(place)
    case .remembered: break
    }
  }

  private mutating func makeRoom(for rank: Rank, _ isOver: (Value) -> Bool) {
    guard count >= most else { return }
    let (newcomer, returned) = (slots[Rank.newcomer.rawValue].newer, slots[Rank.returned.rawValue].newer)
    if let value = slots[returned].value, isOver(value) { return forget(returned) }
    if let value = slots[newcomer].value, isOver(value) { return remember(newcomer) }
    let newcomers = counts[Rank.newcomer.rawValue] + (rank == .newcomer ? 1 : 0)
    let isNewcomerToGo = newcomers > mostNewcomers || counts[Rank.returned.rawValue] == 0
    if isNewcomerToGo, counts[Rank.newcomer.rawValue] > 0 { remember(newcomer) } else { forget(returned) }
  }

  /// Keeps no more of an entry than its name.
  private mutating func remember(_ place: Int) {
    unlink(place)
    slots[place].value = nil
    link(place, .remembered)
    if counts[Rank.remembered.rawValue] > most { forget(slots[Rank.remembered.rawValue].newer) }
  }

  private mutating func forget(_ place: Int) {
    unlink(place)
    places[slots[place].name] = nil
    slots[place].name = ""
    slots[place].value = nil
    emptySlots.append(place)
  }

  /// Puts a slot to the end of those that were used last.
  private mutating func link(_ place: Int, _ rank: Rank) {
    let start = rank.rawValue
    let newest = slots[start].older
    slots[place].rank = rank
    slots[place].newer = start
    slots[place].older = newest
    slots[newest].newer = place
    slots[start].older = place
    counts[start] += 1
  }

  private mutating func unlink(_ place: Int) {
    let (newer, older) = (slots[place].newer, slots[place].older)
    slots[newer].older = older
    slots[older].newer = newer
    counts[slots[place].rank.rawValue] -= 1
  }

  private func names(_ rank: Rank) -> [ExactName] {
    var (names, place) = ([ExactName](), slots[rank.rawValue].newer)
    while place != rank.rawValue {
      names.append(slots[place].name)
      place = slots[place].newer
    }
    return names
  }
}
