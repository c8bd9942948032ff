// A cache of two levels by scripts, and over random ones beside the outer level that it stands before.

import Resilience
import Testing
import Vocabulary

@Suite struct TieredCacheTests {
  private typealias Cache = TieredCache<Int, String>

  private func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  /// What a look finds, in a form that can be compared.
  private enum Found: Equatable {
    case hit(Int)
    case failed(String)
    case load, joined
  }

  private func look(_ cache: inout Cache, _ key: String, _ waiter: String, _ milliseconds: Int64) -> (Found, Cache.Load?) {
    switch cache.look(key, for: waiter, at: instant(milliseconds)) {
    case .hit(let value): (.hit(value), nil)
    case .failed(let reason): (.failed(reason), nil)
    case .load(let load): (.load, load)
    case .joined: (.joined, nil)
    }
  }

  @Test func manyWhoWantOneThingLoadItOnce() throws {
    var cache = Cache()
    let (first, load) = look(&cache, "a", "one", 0)
    #expect(first == .load)
    #expect(look(&cache, "a", "two", 1).0 == .joined && look(&cache, "b", "three", 1).0 == .load)
    #expect(cache.loaded(try #require(load), 7, timeLeft: .seconds(5), at: instant(2)) == ["one", "two"])
    #expect(look(&cache, "a", "four", 3).0 == .hit(7))
    #expect(cache.loaded(try #require(load), 8, timeLeft: .seconds(5), at: instant(4)).isEmpty, "an answer that comes twice")
    #expect(look(&cache, "a", "five", 5).0 == .hit(7))
    #expect(cache.hits == 2 && cache.looks == 5)
  }

  @Test func nothingOutlivesWhatItHadLeft() throws {
    var cache = Cache(.init(timeToLive: .seconds(10)))
    let load = try #require(look(&cache, "short", "x", 0).1)
    _ = cache.loaded(load, 1, timeLeft: .milliseconds(500), at: instant(100))
    #expect(look(&cache, "short", "x", 599).0 == .hit(1))
    #expect(look(&cache, "short", "x", 600).0 == .load, "half a second was left when it came")
    let long = try #require(look(&cache, "long", "x", 0).1)
    _ = cache.loaded(long, 2, timeLeft: .seconds(3_600), at: instant(0))
    #expect(look(&cache, "long", "x", 9_999).0 == .hit(2) && look(&cache, "long", "x", 10_000).0 == .load)
    let over = try #require(look(&cache, "over", "x", 0).1)
    #expect(cache.loaded(over, 3, timeLeft: .zero, at: instant(1)) == ["x"], "who waited gets it")
    #expect(look(&cache, "over", "x", 1).0 == .load, "nobody else")
  }

  @Test func aFailureIsNotKeptForEver() throws {
    var cache = Cache(.init(failureTime: .seconds(1)))
    let load = try #require(look(&cache, "a", "x", 0).1)
    #expect(cache.failed(load, "out of order", at: instant(10)) == ["x"])
    #expect(look(&cache, "a", "y", 1_009).0 == .failed("out of order"))
    let again = look(&cache, "a", "z", 1_010)
    #expect(again.0 == .load)
    _ = cache.loaded(try #require(again.1), 5, timeLeft: .seconds(1), at: instant(1_020))
    #expect(look(&cache, "a", "z", 1_030).0 == .hit(5))
  }

  @Test func anInvalidationBeatsAnOlderLoad() throws {
    for isPattern in [false, true] {
      var cache = Cache()
      let old = try #require(look(&cache, "user:1", "before", 0).1)
      if isPattern { cache.invalidate(matching: KeyPattern("user:*")) } else { cache.invalidate("user:1") }
      // Who asks now must not get what was read before.
      let new = try #require(look(&cache, "user:1", "after", 1).1)
      #expect(cache.loaded(old, 1, timeLeft: .seconds(9), at: instant(2)) == ["before"])
      #expect(look(&cache, "user:1", "later", 3).0 == .joined, "the old value is not kept")
      #expect(cache.loaded(new, 2, timeLeft: .seconds(9), at: instant(4)) == ["after", "later"])
      #expect(look(&cache, "user:1", "x", 5).0 == .hit(2))
      // An older load that fails after the newer one landed spoils nothing.
      let late = try #require(look(&cache, "user:2", "x", 5).1)
      cache.put("user:2", 9, timeLeft: .seconds(9), at: instant(6))
      #expect(cache.failed(late, "no", at: instant(7)) == ["x"])
      #expect(look(&cache, "user:2", "x", 8).0 == .hit(9))
    }
  }

  @Test func theOldestGoesWhereThereIsNoRoom() throws {
    var cache = Cache(.init(entries: 100))
    for number in 0..<100 { cache.put("k\(number)", number, timeLeft: .seconds(9), at: instant(0)) }
    for number in 0..<50 { #expect(look(&cache, "k\(number)", "x", 1).0 == .hit(number)) }
    cache.put("more", 1, timeLeft: .seconds(9), at: instant(2))
    #expect(cache.count <= 100)
    for number in 0..<50 { #expect(look(&cache, "k\(number)", "x", 3).0 == .hit(number), "it was used lately") }
    #expect(look(&cache, "more", "x", 3).0 == .hit(1) && look(&cache, "k50", "x", 3).0 == .load)
  }

  @Test(arguments: [
    ("a*c", "abc", true), ("a*c", "ac", true), ("a*c", "acd", false), ("*", "", true), ("", "", true), ("", "a", false),
    ("a", "a", true), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXcYb", false), ("a*a", "a", false), ("*é", "caf\u{E9}", true),
    ("*é", "cafe\u{301}", false), ("**x", "x", true), ("user:*", "user:1", true), ("user:*", "users:1", false),
  ]) func patternsAreOfBytes(_ pattern: String, _ key: String, _ matches: Bool) {
    #expect(KeyPattern(pattern).matches(key) == matches)
  }

  /// Beside an outer level that changes: a value that is given out was there at some moment since its reader asked, or no
  /// longer before than it had to live and its load took; and never before the last invalidation that its reader knew of.
  @Test(arguments: UInt64(1)...20) func whatIsGivenOutWasTrueOfLate(_ seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    var cache = TieredCache<Int, Int64>(.init(entries: 4, timeToLive: .milliseconds(50), failureTime: .milliseconds(20)))
    // The outer level: when each key got each of its values.
    var outer: [String: [(from: Int64, value: Int)]] = [:]
    var underWay: [(load: TieredCache<Int, Int64>.Load, readAt: Int64, value: Int, lands: Int64)] = []
    var given = 0
    var invalidatedAt: [String: [Int64]] = [:]
    func knownInvalidation(_ key: String, at asked: Int64) -> Int64 { invalidatedAt[key]?.last { $0 <= asked } ?? 0 }
    func wasTrue(_ key: String, _ value: Int, since: Int64, until: Int64) -> Bool {
      guard let values = outer[key] else { return false }
      return values.indices.contains { place in
        let end = place + 1 < values.count ? values[place + 1].from : .max
        return values[place].value == value && values[place].from <= until && end > since
      }
    }
    for now in Int64(0)..<2_000 {
      let key = "k\(random.below(6))"
      if outer[key] == nil || random.chance(0.1) {
        outer[key, default: []].append((now, Int(now)))
        if random.chance(0.5) {
          if random.chance(0.5) { cache.invalidate(key) } else { cache.invalidate(matching: KeyPattern("*\(key.dropFirst())")) }
          invalidatedAt[key, default: []].append(now)
        }
      }
      for (place, flight) in underWay.enumerated().reversed() where flight.lands <= now {
        underWay.remove(at: place)
        for asked in cache.loaded(flight.load, flight.value, timeLeft: .milliseconds(30), at: instant(now)) {
          given += 1
          #expect(
            wasTrue(
              flight.load.key, flight.value, since: max(asked - 10, knownInvalidation(flight.load.key, at: asked)), until: now),
            "seed \(seed), at \(now)")
        }
      }
      switch cache.look(key, for: now, at: instant(now)) {
      case .hit(let value):
        given += 1
        // Read at most a load's time before it was kept for thirty.
        #expect(wasTrue(key, value, since: max(now - 30 - 10, knownInvalidation(key, at: now)), until: now), "seed \(seed), at \(now)")
      case .load(let load):
        let value = outer[key]?.last?.value ?? -1
        underWay.append((load, now, value, now + Int64(random.below(10))))
      case .joined, .failed: break
      }
    }
    #expect(given > 300)
  }
}
