// What memories find, beside models that look at everything at each step.

import ModelServicesLoad
import Testing
import Vocabulary

@Suite struct EvictionReplayTests {
  private func keys(_ seed: UInt64) -> [Int64] {
    var random = RandomStream(seed: seed, name: "evictions")
    return (0..<600).map { _ in Int64(min(random.below(60), random.below(60))) * 1_000 }
  }

  private func leastRecentlyUsed(_ keys: [Int64], _ capacity: Int) -> Int {
    var (memory, hits) = ([Int64](), 0)
    for key in keys {
      if let place = memory.firstIndex(of: key) {
        hits += 1
        memory.remove(at: place)
      } else if memory.count == capacity {
        memory.removeFirst()
      }
      memory.append(key)
    }
    return hits
  }

  private func furthestNextUse(_ keys: [Int64], _ capacity: Int) -> Int {
    var (memory, hits) = ([Int64](), 0)
    for (index, key) in keys.enumerated() {
      if memory.contains(key) {
        hits += 1
        continue
      }
      if memory.count == capacity {
        let next = { (key: Int64) in keys[(index + 1)...].firstIndex(of: key) ?? .max }
        if let place = memory.indices.max(by: { next(memory[$0]) < next(memory[$1]) }) { memory.remove(at: place) }
      }
      memory.append(key)
    }
    return hits
  }

  private func simpleQueues(_ keys: [Int64], _ capacity: Int) -> Int {
    var (small, main, ghosts, found, hits) = ([Int64](), [Int64](), [Int64](), [Int64: Int](), 0)
    for key in keys {
      if let count = found[key] {
        hits += 1
        found[key] = min(3, count + 1)
        continue
      }
      while found.count == capacity {
        if small.count >= max(1, capacity / 10) || main.isEmpty {
          let key = small.removeFirst()
          if found[key, default: 0] > 0 {
            found[key] = 0
            main.append(key)
          } else {
            found[key] = nil
            ghosts = Array((ghosts + [key]).suffix(capacity))
          }
        } else {
          let key = main.removeFirst()
          if let count = found[key], count > 0 {
            found[key] = count - 1
            main.append(key)
          } else {
            found[key] = nil
          }
        }
      }
      found[key] = 0
      if ghosts.contains(key) {
        ghosts.removeAll { $0 == key }
        main.append(key)
      } else {
        small.append(key)
      }
    }
    return hits
  }

  @Test(arguments: UInt64(1)...10) func findWhatModelsFind(_ seed: UInt64) {
    let keys = keys(seed)
    let replay = EvictionReplay(keys)
    #expect(replay.looks == 600 && replay.distinct == Set(keys).count)
    for capacity in [1, 2, 3, 7, 20, 45, 1_000] {
      let best = furthestNextUse(keys, capacity)
      #expect(replay.hits(.leastRecentlyUsed, capacity: capacity) == leastRecentlyUsed(keys, capacity), "seed \(seed), \(capacity) entries")
      #expect(replay.hits(.furthestNextUse, capacity: capacity) == best, "seed \(seed), \(capacity) entries")
      #expect(replay.hits(.simpleQueues, capacity: capacity) == simpleQueues(keys, capacity), "seed \(seed), \(capacity) entries")
      for policy in EvictionReplay.Policy.allCases { #expect(replay.hits(policy, capacity: capacity) <= best, "\(policy), seed \(seed)") }
    }
    for policy in EvictionReplay.Policy.allCases {
      #expect(replay.hits(policy, capacity: 1_000) == 600 - replay.distinct, "\(policy): what was asked for once is there")
    }
  }

  @Test func asMuchRoomAsKeysPutsNothingOut() {
    let keys = (0..<5).flatMap { _ in Int64(0)..<100 }
    for policy in EvictionReplay.Policy.allCases { #expect(EvictionReplay(keys).hits(policy, capacity: 100) == 400, "\(policy)") }
    // A round that is longer than the memory: least recently used finds nothing at all.
    #expect(EvictionReplay(keys).hits(.leastRecentlyUsed, capacity: 90) == 0)
    #expect(EvictionReplay(keys).hits(.ours, capacity: 90) > 100, "what returned stays")
  }
}
