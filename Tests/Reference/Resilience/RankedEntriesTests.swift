// Which entries of a cache stay where there is no room, by scripts and beside a model that looks at everything each time.

import Resilience
import Testing
import Vocabulary

/// The same decisions, made over lists: the first is the one that was used longest ago.
private struct ListedRanks {
  var most: Int
  var newcomers: [String] = []
  var returned: [String] = []
  var remembered: [String] = []
  var expires: [String: Int64] = [:]

  var count: Int { newcomers.count + returned.count }

  mutating func find(_ key: String, _ now: Int64) -> Bool {
    guard newcomers.contains(key) || returned.contains(key) else { return false }
    guard now < expires[key, default: 0] else {
      remove(key)
      return false
    }
    if let place = newcomers.firstIndex(of: key) { newcomers.append(newcomers.remove(at: place)) }
    if let place = returned.firstIndex(of: key) { returned.append(returned.remove(at: place)) }
    return true
  }

  mutating func remove(_ key: String) {
    newcomers.removeAll { $0 == key }
    guard returned.contains(key) else { return }
    returned.removeAll { $0 == key }
    remember(key)
  }

  mutating func remember(_ key: String) {
    remembered.append(key)
    if remembered.count > most { remembered.removeFirst() }
  }

  mutating func keep(_ key: String, until: Int64, _ now: Int64) {
    let isReturning = remembered.contains(key)
    remembered.removeAll { $0 == key }
    expires[key] = until
    if count == most {
      if let oldest = returned.first, now >= expires[oldest, default: 0] {
        returned.removeFirst()
      } else if let oldest = newcomers.first, now >= expires[oldest, default: 0] {
        newcomers.removeFirst()
        remember(oldest)
      } else if returned.isEmpty || newcomers.count + (isReturning ? 0 : 1) > max(1, most / 2) {
        remember(newcomers.removeFirst())
      } else {
        returned.removeFirst()
      }
    }
    if isReturning { returned.append(key) } else { newcomers.append(key) }
  }
}

@Suite struct RankedEntriesTests {
  private func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  /// Looks for a key, and has it loaded at once where it is not there. Whether it was.
  private func finds(_ cache: inout TieredCache<Int, Int>, _ key: String, left: Int64 = 1_000_000, at now: Int64) -> Bool {
    switch cache.look(key, for: 0, at: instant(now)) {
    case .hit: return true
    case .load(let load):
      _ = cache.loaded(load, 1, timeLeft: .milliseconds(left), at: instant(now))
      return false
    case .failed, .joined:
      Issue.record("nothing fails or waits here")
      return false
    }
  }

  @Test(arguments: UInt64(1)...40) func decidesAsAModelThatLooksAtEverything(_ seed: UInt64) {
    var random = RandomStream(seed: seed, name: "ranked-entries")
    let most = 1 + Int(random.below(12))
    let keys = UInt64(most) + 1 + random.below(UInt64(most) * 3)
    var cache = TieredCache<Int, Int>(.init(entries: most, timeToLive: .seconds(1_000)))
    var model = ListedRanks(most: most)
    var found = 0
    for now in Int64(0)..<3_000 {
      // The lower the more often: some keys return, and many do not.
      let key = "k\(min(random.below(keys), random.below(keys)))"
      switch random.below(20) {
      case 0:
        cache.invalidate(key)
        model.remove(key)
      case 1:
        cache.invalidate(matching: KeyPattern("*\(key.suffix(1))"))
        for name in model.newcomers + model.returned where name.hasSuffix(key.suffix(1)) { model.remove(name) }
      default:
        let left = random.chance(0.2) ? 1 + Int64(random.below(40)) : 100_000
        let isThere = model.find(key, now)
        if !isThere { model.keep(key, until: now + left, now) }
        #expect(finds(&cache, key, left: left, at: now) == isThere, "seed \(seed), at \(now): \(key)")
        if isThere { found += 1 }
      }
      #expect(cache.count == model.count && cache.count <= most, "seed \(seed), at \(now)")
    }
    #expect(found > 100, "seed \(seed)")
  }

  @Test func whatIsAskedForOnceDoesNotPutOutWhatReturns() {
    var cache = TieredCache<Int, Int>(.init(entries: 10, timeToLive: .seconds(1_000)))
    // Four keys are put out by others, and asked for again: from then on they have returned.
    for key in 0..<4 { _ = finds(&cache, "wanted-\(key)", at: 0) }
    for key in 0..<10 { _ = finds(&cache, "passing-\(key)", at: 1) }
    for key in 0..<4 { #expect(!finds(&cache, "wanted-\(key)", at: 2)) }
    for key in 10..<1_000 { _ = finds(&cache, "passing-\(key)", at: 3) }
    for key in 0..<4 { #expect(finds(&cache, "wanted-\(key)", at: 4), "a thousand keys that nobody asks for again have passed") }
  }

  @Test func whatIsForgottenWhileItIsWrittenKeepsItsRank() {
    var cache = TieredCache<Int, Int>(.init(entries: 10, timeToLive: .seconds(1_000)))
    _ = finds(&cache, "wanted", at: 0)
    for key in 0..<10 { _ = finds(&cache, "passing-\(key)", at: 1) }
    #expect(!finds(&cache, "wanted", at: 2))
    cache.invalidate("wanted")
    cache.invalidate("wanted")
    #expect(!finds(&cache, "wanted", at: 3))
    for key in 10..<100 { _ = finds(&cache, "passing-\(key)", at: 4) }
    #expect(finds(&cache, "wanted", at: 5))
  }
}
