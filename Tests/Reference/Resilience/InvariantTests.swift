// The invariants of this room end the process.

import Resilience
import Testing
import Vocabulary

@Suite struct InvariantTests {
  @Test func nobodyLeavesAnEmptyBulkhead() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var bulkhead = Bulkhead(Bulkhead.Policy(concurrent: 2, waiting: 1))
      _ = bulkhead.enter()
      _ = bulkhead.leave()
      _ = bulkhead.leave()
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: a call leaves a bulkhead for 2 with 0 under way"))
  }

  @Test func aProbeEndsOnce() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var breaker = CircuitBreaker(CircuitBreaker.Policy(failuresThatOpen: 1, openFor: .seconds(1), probes: 3))
      let now = Instant(nanoseconds: 0)
      if let permit = breaker.permit(at: now) { breaker.failed(permit, at: now) }
      guard let probe = breaker.permit(at: now + .seconds(2)) else { return }
      breaker.succeeded(probe)
      breaker.succeeded(probe)
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: a probe succeeded, and 0 are under way"))
  }

  @Test func aLimitersClockRunsForwards() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var limiter = SlidingWindowLimiter(limit: 2, window: .seconds(1), maximumKeys: 4)
      _ = limiter.decide("one", at: Instant(nanoseconds: 10))
      _ = limiter.decide("one", at: Instant(nanoseconds: 5))
    }
    #expect(String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: a request at "))
  }
}
