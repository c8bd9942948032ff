// The wakes of one life that are armed: a set that is asked three times for each wake, on the simulator's hot path.
//
// Open addressing with linear probing; what is removed is closed up behind, so that no marks stay. A `Set` spends a
// hundred instructions on each operation, for a hash that nobody can aim at; raw ids are counters that the node itself
// drew, so one multiplication spreads them. Nothing goes through it in its order.

import Vocabulary

/// The wakes that are armed.
struct ArmedTimers {
  /// Raw ids, which are never 0 (`IdentitySource`); 0 for a free place. A power of two of places, half of them free.
  private var places: [UInt64]
  private var shift: UInt64
  /// How many are armed.
  private(set) var count = 0

  /// None.
  init() {
    places = [0, 0, 0, 0, 0, 0, 0, 0]
    shift = 61
  }

  /// Where the search for a raw id begins.
  @inline(__always) private func home(_ raw: UInt64) -> Int { Int(truncatingIfNeeded: (raw &* 0x9E37_79B9_7F4A_7C15) >> shift) }

  /// Arms one that is not armed.
  mutating func insert(_ timer: TimerID) {
    invariant(timer.value != 0, "a wake without an id")
    if 2 * (count + 1) > places.count { grow() }
    let mask = places.count - 1
    var place = home(timer.value)
    while places[place] != 0 {
      if places[place] == timer.value { return }
      place = (place + 1) & mask
    }
    places[place] = timer.value
    count += 1
  }

  /// Takes one away; whether it was armed.
  @discardableResult
  mutating func remove(_ timer: TimerID) -> Bool {
    let mask = places.count - 1
    var place = home(timer.value)
    while places[place] != timer.value {
      if places[place] == 0 { return false }
      place = (place + 1) & mask
    }
    // Those behind it move up where that leaves them at or behind their homes.
    var next = (place + 1) & mask
    while places[next] != 0 {
      if (next - home(places[next])) & mask >= (next - place) & mask {
        places[place] = places[next]
        place = next
      }
      next = (next + 1) & mask
    }
    places[place] = 0
    count -= 1
    return true
  }

  private mutating func grow() {
    let old = places
    places = [UInt64](repeating: 0, count: old.count * 2)
    shift -= 1
    count = 0
    for raw in old where raw != 0 { insert(TimerID(raw)) }
  }
}
