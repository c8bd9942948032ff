// The circuit breaker, the backoff and the bulkhead: step by step, and their bounds over random histories.

import Resilience
import Testing
import Vocabulary

private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 0) + .milliseconds(milliseconds) }

@Suite struct CircuitBreakerTests {
  private static let policy = CircuitBreaker.Policy(failuresThatOpen: 3, openFor: .milliseconds(100), probes: 2)

  private func permit(_ breaker: inout CircuitBreaker, _ now: Instant) throws -> CircuitBreaker.Permit {
    let permit = breaker.permit(at: now)
    return try #require(permit)
  }

  private func isPermitted(_ breaker: inout CircuitBreaker, _ now: Instant) -> Bool { breaker.permit(at: now) != nil }

  private func opened() throws -> CircuitBreaker {
    var breaker = CircuitBreaker(Self.policy)
    for _ in 0..<3 { breaker.failed(try permit(&breaker, at(0)), at: at(0)) }
    return breaker
  }

  @Test func itOpensAfterFailuresInARow() throws {
    var breaker = CircuitBreaker(Self.policy)
    for _ in 0..<2 { breaker.failed(try permit(&breaker, at(0)), at: at(0)) }
    breaker.succeeded(try permit(&breaker, at(0)))
    #expect(breaker.state == .closed(failures: 0))
    breaker = try opened()
    #expect(breaker.state == .open(until: at(100)))
    let early = breaker.permit(at: at(99))
    #expect(early == nil)
  }

  @Test func aBoundedNumberOfProbesDecides() throws {
    var breaker = try opened()
    let first = try permit(&breaker, at(100))
    let second = try permit(&breaker, at(100))
    #expect(!isPermitted(&breaker, at(100)))
    breaker.succeeded(first)
    #expect(!isPermitted(&breaker, at(101)))
    breaker.succeeded(second)
    #expect(breaker.state == .closed(failures: 0))
  }

  @Test func aFailedProbeOpensAnewAndOldResultsDoNotCount() throws {
    var breaker = CircuitBreaker(Self.policy)
    let old = try permit(&breaker, at(0))
    breaker = try opened()
    breaker.succeeded(old)
    #expect(breaker.state == .open(until: at(100)))
    let first = try permit(&breaker, at(150))
    let second = try permit(&breaker, at(150))
    breaker.failed(first, at: at(160))
    #expect(breaker.state == .open(until: at(260)))
    breaker.succeeded(second)
    #expect(breaker.state == .open(until: at(260)))
  }

  @Test func anAbandonedProbeFreesItsPlace() throws {
    var breaker = try opened()
    let first = try permit(&breaker, at(100))
    _ = try permit(&breaker, at(100))
    breaker.abandoned(first)
    #expect(isPermitted(&breaker, at(100)))
    #expect(!isPermitted(&breaker, at(100)))
  }

  @Test func neverMoreProbesThanAllowedOverRandomHistories() {
    for seed in UInt64(1)...100 {
      var random = RandomStream(seed: seed)
      var breaker = CircuitBreaker(Self.policy)
      var open: [CircuitBreaker.Permit] = []
      var now: Int64 = 0
      var failures = 0
      for _ in 0..<200 {
        now += random.integer(in: 0...40)
        if case .halfOpen(let underWay, let succeeded) = breaker.state { #expect(underWay + succeeded <= 2 && underWay >= 0) }
        if open.isEmpty || random.chance(0.5) {
          let before = breaker.state
          if let permit = breaker.permit(at: at(now)) {
            if case .open(let until) = before { #expect(at(now) >= until) }
            open.append(permit)
          }
        } else {
          let permit = open.remove(at: Int(random.below(UInt64(open.count))))
          switch random.below(3) {
          case 0: breaker.succeeded(permit)
          case 1:
            breaker.failed(permit, at: at(now))
            failures += 1
          default: breaker.abandoned(permit)
          }
        }
      }
      #expect(failures > 0)
    }
  }
}

@Suite struct BackoffTests {
  @Test func theCeilingDoublesUpToTheCap() {
    let backoff = Backoff(base: .milliseconds(50), cap: .seconds(2))
    #expect([0, 1, 2, 3, 6, 7, 100].map { backoff.ceiling(beforeAttempt: $0).milliseconds } == [50, 50, 100, 200, 1_600, 2_000, 2_000])
    #expect(Backoff(base: .hours(1), cap: .forever).ceiling(beforeAttempt: 70) == .forever)
  }

  @Test func waitsSpreadOverTheWholeRangeAndKeepFloorAndDeadline() {
    let backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
    var random = RandomStream(seed: 3)
    var waits: [Int64] = []
    for _ in 0..<2_000 {
      guard let instant = backoff.nextAttempt(1, now: at(10), deadline: .never, &random) else { continue }
      waits.append((instant - at(10)).milliseconds)
    }
    #expect(waits.count == 2_000)
    #expect(waits.allSatisfy { (0...100).contains($0) })
    #expect(waits.contains { $0 < 5 } && waits.contains { $0 > 95 })
    let mean = waits.reduce(0, +) / Int64(waits.count)
    #expect((45...55).contains(mean))
    #expect(backoff.nextAttempt(1, now: at(0), deadline: .never, floor: .seconds(5), &random) == at(5_000))
    #expect(backoff.nextAttempt(1, now: at(0), deadline: Deadline(at(5_000)), floor: .seconds(5), &random) == nil)
  }
}

@Suite struct BulkheadTests {
  @Test func itAgreesWithCountersOverRandomHistories() {
    for seed in UInt64(1)...50 {
      var random = RandomStream(seed: seed)
      var bulkhead = Bulkhead(Bulkhead.Policy(concurrent: 3, waiting: 2))
      var (underWay, waiting) = (0, 0)
      for _ in 0..<300 {
        switch random.below(3) {
        case 0:
          let admission = bulkhead.enter()
          #expect(admission == (underWay < 3 ? .admitted : waiting < 2 ? .queued : .refused))
          if admission == .admitted { underWay += 1 }
          if admission == .queued { waiting += 1 }
        case 1 where underWay > 0:
          #expect(bulkhead.leave() == (waiting > 0))
          if waiting > 0 { waiting -= 1 } else { underWay -= 1 }
        case 2 where waiting > 0:
          bulkhead.leaveQueue()
          waiting -= 1
        default: continue
        }
        #expect(bulkhead.underWay == underWay && bulkhead.waiting == waiting)
      }
    }
  }
}
