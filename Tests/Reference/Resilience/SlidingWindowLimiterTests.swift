// The limiter against its definition: a request passes if fewer than `limit` of its key passed within the window before
// it. MONITORING-2.

import Resilience
import Testing
import Vocabulary

private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 0) + .milliseconds(milliseconds) }

@Suite struct SlidingWindowLimiterTests {
  @Test func namesThatLookAlikeAreDifferentKeys() {
    var limiter = SlidingWindowLimiter(limit: 1, window: .seconds(1), maximumKeys: 4)
    #expect(limiter.decide("caf\u{E9}", at: at(0)) == .allowed)
    #expect(limiter.decide("cafe\u{301}", at: at(0)) == .allowed)
    #expect(limiter.decide("caf\u{E9}", at: at(0)) != .allowed)
    #expect(limiter.keyCount == 2)
  }

  @Test func theBoundaryIsExact() {
    var limiter = SlidingWindowLimiter(limit: 2, window: .seconds(1), maximumKeys: 4)
    #expect(limiter.decide("a", at: at(0)) == .allowed)
    #expect(limiter.decide("a", at: at(400)) == .allowed)
    #expect(limiter.decide("a", at: at(600)) == .refused(retryAfter: .milliseconds(400)))
    #expect(limiter.decide("a", at: Instant(nanoseconds: 999_999_999)) == .refused(retryAfter: .nanoseconds(1)))
    #expect(limiter.decide("b", at: at(999)) == .allowed)
    #expect(limiter.decide("a", at: at(1_000)) == .allowed)
    #expect(limiter.decide("a", at: at(1_399)) == .refused(retryAfter: .milliseconds(1)))
    #expect(limiter.decide("a", at: at(1_400)) == .allowed)
  }

  @Test func itAgreesWithTheNaiveModel() {
    for seed in UInt64(1)...60 {
      var random = RandomStream(seed: seed)
      let limit = Int(1 + random.below(5))
      var limiter = SlidingWindowLimiter(limit: limit, window: .milliseconds(100), maximumKeys: 1_000)
      var passed: [String: [Int64]] = [:]
      var now: Int64 = 0
      for _ in 0..<500 {
        now += random.integer(in: 0...15)
        let key = "k\(random.below(6))"
        let recent = (passed[key] ?? []).filter { $0 > now - 100 }
        let decision = limiter.decide(key, at: at(now))
        if recent.count < limit {
          #expect(decision == .allowed)
          passed[key] = recent + [now]
        } else {
          #expect(decision == .refused(retryAfter: .milliseconds(recent[recent.count - limit] + 100 - now)))
        }
      }
    }
  }

  @Test func memoryIsBoundedAndKeysInUseAreNotForgotten() {
    var limiter = SlidingWindowLimiter(limit: 1, window: .milliseconds(100), maximumKeys: 10)
    for key in 0..<10 { #expect(limiter.decide("k\(key)", at: at(Int64(key))) == .allowed) }
    #expect(limiter.decide("new", at: at(50)) == .noRoom(retryAfter: .milliseconds(50)))
    #expect(limiter.decide("k0", at: at(99)) == .refused(retryAfter: .milliseconds(1)))
    // The first two are idle now and make room.
    #expect(limiter.decide("new", at: at(101)) == .allowed)
    #expect(limiter.keyCount <= 10)
    for key in 0..<1_000 { _ = limiter.decide("x\(key)", at: at(200 + Int64(key) * 50)) }
    #expect(limiter.keyCount <= 10)
  }
}
