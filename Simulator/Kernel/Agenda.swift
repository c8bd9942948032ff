// The agenda: what happens next in virtual time. A binary heap of small keys over a slab of occurrences.
//
// Ties in time are broken by numbers that whoever schedules draws from a sequence of its own (`TieSequence`), so that
// different seeds explore different interleavings, and who comes or goes changes nobody else's. Where these are equal
// too, which one pair in 2³² is, a slot's number decides. Limits: fewer than 2³² occurrences pending at once; time in
// nanoseconds from the run's start.

import Vocabulary

/// Numbers that break ties: a Weyl sequence through a multiplicative mix, one multiplication a draw.
@frozen public struct TieSequence: Sendable {
  @usableFromInline var state: UInt64

  /// The sequence of a seed.
  @inlinable public init(seed: UInt64) { state = seed }

  /// The next number.
  @inlinable public mutating func draw() -> UInt32 {
    state &+= 0x9E37_79B9_7F4A_7C15
    let mixed = (state ^ (state >> 32)) &* 0xD6E8_FEB8_6659_FD93
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }
}

/// A priority queue of `Occurrence`s in virtual time.
@frozen public struct Agenda<Occurrence> {
  /// What the heap orders; the occurrence itself stays in its slot.
  @usableFromInline @frozen struct Key {
    @usableFromInline var time: Int64
    @usableFromInline var tie: UInt32
    @usableFromInline var slot: UInt32

    @inlinable init(time: Int64, tie: UInt32, slot: UInt32) {
      self.time = time
      self.tie = tie
      self.slot = slot
    }

    @inlinable static func precedes(_ left: Key, _ right: Key) -> Bool {
      left.time != right.time ? left.time < right.time : left.tie != right.tie ? left.tie < right.tie : left.slot < right.slot
    }
  }

  @usableFromInline var heap: [Key] = []
  @usableFromInline var slots: [Occurrence?] = []
  @usableFromInline var free: [UInt32] = []

  /// An empty agenda.
  @inlinable public init() {}

  /// How many occurrences are pending.
  @inlinable public var count: Int { heap.count }
  /// When the next one is due, in nanoseconds; nil if there is none.
  @inlinable public var nextTime: Int64? { heap.first?.time }

  /// Puts `occurrence` down for `time`; of those of one time the one of the least `tie` comes first.
  @inlinable public mutating func schedule(_ occurrence: consuming Occurrence, at time: Int64, tie: UInt32) {
    let slot: UInt32
    if let reused = free.popLast() {
      slot = reused
      slots[Int(reused)] = consume occurrence
    } else {
      slot = UInt32(truncatingIfNeeded: slots.count)
      slots.append(consume occurrence)
    }
    let key = Key(time: time, tie: tie, slot: slot)
    heap.append(key)
    heap.withUnsafeMutableBufferPointer { keys in
      // Sift up: the hole moves, the key is written once.
      var hole = keys.count - 1
      while hole > 0 {
        let parent = (hole - 1) >> 1
        if !Key.precedes(key, keys[parent]) { break }
        keys[hole] = keys[parent]
        hole = parent
      }
      keys[hole] = key
    }
  }

  /// Takes the next occurrence and its time, or nil if none is pending.
  @inlinable public mutating func next() -> (time: Int64, occurrence: Occurrence)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    let count = heap.count
    if count > 0 {
      heap.withUnsafeMutableBufferPointer { keys in
        // The hole sinks to the bottom along the smaller children, then the last key rises: fewer comparisons than
        // sinking the key.
        var hole = 0
        var child = 1
        while child + 1 < count {
          if Key.precedes(keys[child + 1], keys[child]) { child += 1 }
          keys[hole] = keys[child]
          hole = child
          child = 2 * hole + 1
        }
        if child < count {
          keys[hole] = keys[child]
          hole = child
        }
        while hole > 0 {
          let parent = (hole - 1) >> 1
          if !Key.precedes(last, keys[parent]) { break }
          keys[hole] = keys[parent]
          hole = parent
        }
        keys[hole] = last
      }
    }
    let index = Int(first.slot)
    var taken: Occurrence?
    swap(&taken, &slots[index])
    free.append(first.slot)
    // Without figures: what an invariant says is compiled into the hot path, and keeps this from being inlined.
    invariant(heap.count + free.count == slots.count, "the agenda's keys and free slots are not all its slots")
    guard let occurrence = taken else { breakInvariant("a slot of the agenda is empty: a key was left behind") }
    return (first.time, occurrence)
  }
}
