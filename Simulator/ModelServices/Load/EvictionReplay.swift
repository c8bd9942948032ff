// Which share of looks for keys finds them in a memory of a certain size, by what it puts out where it is full: the memory
// that the context manager has, beside three others on the same keys: exact least recently used, S3-FIFO (Yang and
// others, 2023: a tenth for newcomers), and the furthest next use (Belady, 1966), which knows what comes and which none that
// takes each key in can surpass.
//
// Limits: nothing ends by time here, no load fails, each key takes one place, and each look is over before the next.

import DequeModule
import HeapModule
import Resilience
import Vocabulary

/// Keys that are looked for one after the other.
public struct EvictionReplay: Sendable {
  /// How a memory decides what goes.
  public enum Policy: String, Sendable, CaseIterable {
    /// The context manager's own.
    case ours
    /// What was used longest ago.
    case leastRecentlyUsed
    /// S3-FIFO.
    case simpleQueues
    /// What is wanted last of all, or never.
    case furthestNextUse
  }

  /// The keys, as numbers from 0.
  private let places: [Int]
  /// What each is called in the memory that is ours.
  private let names: [String]
  /// How many different keys there are.
  public let distinct: Int

  /// Keys in the order in which they are looked for.
  public init(_ keys: [Int64]) {
    var known: [Int64: Int] = [:]
    places = keys.map { key in
      if let place = known[key] { return place }
      known[key] = known.count
      return known.count - 1
    }
    distinct = known.count
    names = (0..<distinct).map { "block-\($0)" }
  }

  /// How many looks there are.
  public var looks: Int { places.count }

  /// How many of them find their key in a memory of `capacity` entries, at least one.
  public func hits(_ policy: Policy, capacity: Int) -> Int {
    switch policy {
    case .ours: ours(max(1, capacity))
    case .leastRecentlyUsed: leastRecentlyUsed(max(1, capacity))
    case .simpleQueues: simpleQueues(max(1, capacity))
    case .furthestNextUse: furthestNextUse(max(1, capacity))
    }
  }

  private func ours(_ capacity: Int) -> Int {
    var memory = TieredCache<Int, Int>(.init(entries: capacity, timeToLive: .seconds(3_600)))
    let now = Instant(nanoseconds: 0)
    for place in places {
      switch memory.look(names[place], for: place, at: now) {
      case .load(let load): _ = memory.loaded(load, place, timeLeft: .seconds(3_600), at: now)
      case .hit, .joined, .failed: break
      }
    }
    return Int(memory.hits)
  }

  private func leastRecentlyUsed(_ capacity: Int) -> Int {
    // A ring through all keys that are in memory; the place behind the last is its beginning.
    var (newer, older) = ([Int](repeating: -1, count: distinct + 1), [Int](repeating: -1, count: distinct + 1))
    let start = distinct
    (newer[start], older[start]) = (start, start)
    var (count, hits) = (0, 0)
    func unlink(_ place: Int) {
      newer[older[place]] = newer[place]
      older[newer[place]] = older[place]
      newer[place] = -1
    }
    for place in places {
      if newer[place] >= 0 {
        hits += 1
        unlink(place)
      } else if count == capacity {
        unlink(newer[start])
      } else {
        count += 1
      }
      let newest = older[start]
      (newer[place], older[place]) = (start, newest)
      newer[newest] = place
      older[start] = place
    }
    return hits
  }

  private func simpleQueues(_ capacity: Int) -> Int {
    let mostSmall = max(1, capacity / 10)
    var (small, main, ghosts) = (Deque<Int>(), Deque<Int>(), Deque<(place: Int, stamp: Int)>())
    // How often each was found since it came into its queue; nil where it is in none. When each became a ghost.
    var found = [Int?](repeating: nil, count: distinct)
    var ghostSince = [Int](repeating: -1, count: distinct)
    var (ghostCount, stamp, hits) = (0, 0, 0)
    func becomeGhost(_ place: Int) {
      stamp += 1
      ghostSince[place] = stamp
      ghosts.append((place, stamp))
      ghostCount += 1
      while ghostCount > capacity, let oldest = ghosts.popFirst() {
        guard ghostSince[oldest.place] == oldest.stamp else { continue }
        ghostSince[oldest.place] = -1
        ghostCount -= 1
      }
    }
    func makeRoom() {
      while small.count + main.count >= capacity {
        if small.count >= mostSmall || main.isEmpty, let place = small.popFirst() {
          if let count = found[place], count > 0 {
            found[place] = 0
            main.append(place)
          } else {
            found[place] = nil
            becomeGhost(place)
          }
        } else if let place = main.popFirst() {
          if let count = found[place], count > 0 {
            found[place] = count - 1
            main.append(place)
          } else {
            found[place] = nil
          }
        }
      }
    }
    for place in places {
      if let count = found[place] {
        hits += 1
        found[place] = min(3, count + 1)
        continue
      }
      makeRoom()
      found[place] = 0
      if ghostSince[place] >= 0 {
        ghostSince[place] = -1
        ghostCount -= 1
        main.append(place)
      } else {
        small.append(place)
      }
    }
    return hits
  }

  private struct NextUse: Comparable {
    var at: Int
    var place: Int

    static func < (left: NextUse, right: NextUse) -> Bool { (left.at, left.place) < (right.at, right.place) }
  }

  private func furthestNextUse(_ capacity: Int) -> Int {
    var next = [Int](repeating: .max, count: places.count)
    var last = [Int](repeating: .max, count: distinct)
    for index in places.indices.reversed() {
      next[index] = last[places[index]]
      last[places[index]] = index
    }
    // When each that is in memory is wanted next; -1 where it is not there. What the heap says of it may be over.
    var wanted = [Int](repeating: -1, count: distinct)
    var order = Heap<NextUse>()
    var (count, hits) = (0, 0)
    for (index, place) in places.enumerated() {
      if wanted[place] >= 0 {
        hits += 1
      } else if count < capacity {
        count += 1
      } else {
        while let furthest = order.popMax() {
          guard wanted[furthest.place] == furthest.at else { continue }
          wanted[furthest.place] = -1
          break
        }
      }
      wanted[place] = next[index]
      order.insert(NextUse(at: next[index], place: place))
    }
    return hits
  }
}
