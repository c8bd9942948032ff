// The agenda: what happens next in virtual time. A binary heap of small keys over a slab of occurrences.
//
// Ties in time are broken by numbers that whoever schedules draws from a sequence of its own (`TieSequence`), so that
// different seeds explore different interleavings, and who comes or goes changes nobody else's. Where these are equal
// too, which one pair in 2³² is, a slot's number decides. Keys and slots lie in memory of its own, which it alone
// refers to: arrays would ask for each occurrence, eight times, whether they are shared. Limits: fewer than 2³² occurrences pending at once; time in
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
@frozen public struct Agenda<Occurrence>: ~Copyable {
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

  /// The heap: the first `keyCount` are set, and each one's slot holds an occurrence.
  @usableFromInline var keys: UnsafeMutablePointer<Key>
  @usableFromInline var slots: UnsafeMutablePointer<Occurrence>
  /// Slots that hold nothing: the first `freeCount` are set.
  @usableFromInline var free: UnsafeMutablePointer<UInt32>
  @usableFromInline var keyCount = 0
  @usableFromInline var freeCount = 0
  /// How many slots were ever used: `keyCount` and `freeCount` together.
  @usableFromInline var slotCount = 0
  @usableFromInline var capacity: Int

  /// An empty agenda.
  @inlinable public init() {
    capacity = 64
    keys = .allocate(capacity: capacity)
    slots = .allocate(capacity: capacity)
    free = .allocate(capacity: capacity)
  }

  deinit {
    for index in 0..<keyCount { (slots + Int(keys[index].slot)).deinitialize(count: 1) }
    keys.deallocate()
    slots.deallocate()
    free.deallocate()
  }

  /// How many occurrences are pending.
  @inlinable public var count: Int { keyCount }
  /// When the next one is due, in nanoseconds; nil if there is none.
  @inlinable public var nextTime: Int64? { keyCount > 0 ? keys[0].time : nil }

  /// Puts `occurrence` down for `time`; of those of one time the one of the least `tie` comes first.
  @inlinable public mutating func schedule(_ occurrence: consuming Occurrence, at time: Int64, tie: UInt32) {
    let slot: UInt32
    if freeCount > 0 {
      freeCount -= 1
      slot = free[freeCount]
    } else {
      if slotCount == capacity { grow() }
      slot = UInt32(truncatingIfNeeded: slotCount)
      slotCount += 1
    }
    (slots + Int(slot)).initialize(to: occurrence)
    let key = Key(time: time, tie: tie, slot: slot)
    keyCount += 1
    rise(key, from: keyCount - 1)
  }

  /// Writes a key where it belongs between the place of a hole and the root: the hole moves, the key is written once.
  @inline(__always) @inlinable mutating func rise(_ key: Key, from place: Int) {
    var hole = place
    while hole > 0 {
      let parent = (hole - 1) >> 1
      if !Key.precedes(key, keys[parent]) { break }
      keys[hole] = keys[parent]
      hole = parent
    }
    keys[hole] = key
  }

  /// Takes the next occurrence and its time, or nil if none is pending.
  @inlinable public mutating func next() -> (time: Int64, occurrence: Occurrence)? {
    guard keyCount > 0 else { return nil }
    let first = keys[0]
    keyCount -= 1
    if keyCount > 0 { sink(keys[keyCount]) }
    free[freeCount] = first.slot
    freeCount += 1
    // Without figures: what an invariant says is compiled into the hot path, and keeps this from being inlined.
    invariant(keyCount + freeCount == slotCount, "the agenda's keys and free slots are not all its slots")
    return (first.time, (slots + Int(first.slot)).move())
  }

  /// Puts the heap's last key where the first was, which is taken.
  @inlinable mutating func sink(_ last: Key) {
    // The hole sinks to the bottom along the smaller children, then the last key rises: fewer comparisons than sinking
    // the key.
    var hole = 0
    var child = 1
    while child + 1 < keyCount {
      if Key.precedes(keys[child + 1], keys[child]) { child += 1 }
      keys[hole] = keys[child]
      hole = child
      child = 2 * hole + 1
    }
    if child < keyCount {
      keys[hole] = keys[child]
      hole = child
    }
    rise(last, from: hole)
  }

  /// Makes room for twice as many.
  @inlinable mutating func grow() {
    invariant(keyCount == capacity && freeCount == 0, "the agenda grows and has \(freeCount) free slots of \(capacity)")
    keys = Self.moved(keys, keyCount, to: capacity * 2)
    slots = Self.moved(slots, slotCount, to: capacity * 2)
    free = Self.moved(free, 0, to: capacity * 2)
    capacity *= 2
  }

  @inlinable static func moved<Element>(
    _ old: UnsafeMutablePointer<Element>, _ count: Int, to capacity: Int
  ) -> UnsafeMutablePointer<Element> {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    larger.moveInitialize(from: old, count: count)
    old.deallocate()
    return larger
  }
}
