// The table of calls in the simulated world: time-outs, retries, deadlines, breaker, bulkhead, late replies; each call
// ends exactly once.

import Kernel
import Resilience
import TestBench
import Testing
import Vocabulary
import World

/// What a test's calls came to.
private final class Outcomes {
  var ended: [(call: Int, at: Int64, outcome: CallOutcome)] = []
  var left = -1

  func outcome(_ call: Int) -> CallOutcome? { ended.first { $0.call == call }?.outcome }
}

/// Makes calls at given milliseconds of its life.
private struct Caller: Machine {
  let outcomes: Outcomes
  let plan: [(atMilliseconds: Int64, policy: CallPolicy, withinMilliseconds: Int64?)]
  var calls = Calls<Int>()
  var wakes: [TimerID: Int] = [:]

  init(_ outcomes: Outcomes, _ plan: [(atMilliseconds: Int64, policy: CallPolicy, withinMilliseconds: Int64?)]) {
    self.outcomes = outcomes
    self.plan = plan
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for (index, call) in plan.enumerated() { wakes[turn.wake(after: .milliseconds(call.atMilliseconds))] = index }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions { outcomes.ended.append((completion.next, turn.now.nanoseconds / 1_000_000, completion.outcome)) }
      outcomes.left = calls.count
      return
    }
    guard case .timer(let timer) = event, let index = wakes.removeValue(forKey: timer) else { return }
    let deadline = plan[index].withinMilliseconds.map { Deadline(turn.now + .milliseconds($0)) } ?? .never
    let before = outcomes.ended.count
    calls.call(Endpoint(1), Request(.get, "/\(index)"), policy: plan[index].policy, deadline: deadline, then: index, &turn)
    #expect(outcomes.ended.count == before, "a call ended within `call`")
  }
}

private func policy(
  attempts: Int = 3, retry: CallPolicy.Retry = .always, breaker: CircuitBreaker.Policy? = nil, concurrent: Int = 8, waiting: Int = 8
) -> CallPolicy {
  CallPolicy(
    attemptTimeout: .milliseconds(100), attempts: attempts, retry: retry,
    backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(40)), breaker: breaker,
    bulkhead: Bulkhead.Policy(concurrent: concurrent, waiting: waiting))
}

/// Flies a caller against a server that answers by `answer` (the number of the request before it is given).
private func fly(
  _ plan: [(atMilliseconds: Int64, policy: CallPolicy, withinMilliseconds: Int64?)], seed: UInt64 = 1, for span: TimeSpan = .seconds(5),
  faults: [PlannedFault] = [], answer: @escaping (Int, Request) -> Response?
) -> (outcomes: Outcomes, requests: Int) {
  let outcomes = Outcomes()
  final class Count { var value = 0 }
  let count = Count()
  let bench = TestBench(
    seed: seed,
    [
      NodePlan("caller", cost: .client) { Caller(outcomes, plan) },
      NodePlan("server", cost: .client) {
        Responder { request, _ in
          defer { count.value += 1 }
          return answer(count.value, request)
        }
      },
    ])
  bench.host.plan(faults)
  bench.run(for: span)
  return (outcomes, count.value)
}

extension CallOutcome {
  fileprivate var status: Int? { if case .success(let response) = self { response.status } else { nil } }
  fileprivate var failure: CallFailure? { if case .failure(let failure) = self { failure } else { nil } }
}

@Suite struct CallsTests {
  @Test func anAnswerEndsTheCall() {
    let (outcomes, requests) = fly([(0, policy(), nil)]) { _, _ in Response(status: 404) }
    #expect(outcomes.outcome(0)?.status == 404)
    #expect(requests == 1 && outcomes.ended.count == 1 && outcomes.left == 0)
  }

  @Test func whatFailsIsTriedAgainWithinTheBounds() {
    let (outcomes, requests) = fly([(0, policy(), nil)]) { index, _ in Response(status: index < 2 ? 503 : 200) }
    #expect(outcomes.outcome(0)?.status == 200)
    #expect(requests == 3)
    let (failed, tried) = fly([(0, policy(), nil)]) { _, _ in Response(status: 503) }
    #expect(failed.outcome(0)?.failure == .status(Response(status: 503)))
    #expect(tried == 3)
  }

  @Test func onlyWhatMayBeRepeatedIsRepeated() {
    #expect(fly([(0, policy(retry: .never), nil)]) { _, _ in Response(status: 503) }.requests == 1)
    #expect(fly([(0, policy(retry: .whenNotCarriedOut), nil)]) { _, _ in Response(status: 503) }.requests == 3)
    #expect(fly([(0, policy(retry: .whenNotCarriedOut), nil)]) { _, _ in Response(status: 504) }.requests == 1)
    #expect(fly([(0, policy(retry: .whenNotCarriedOut), nil)]) { _, _ in nil }.requests == 1)
    #expect(fly([(0, policy(), nil)]) { _, _ in Response(status: 500) }.requests == 1)
    #expect(fly([(0, policy(), nil)]) { _, _ in nil }.requests == 3)
  }

  @Test func theDeadlineBoundsAllAttempts() {
    let (outcomes, requests) = fly([(0, policy(attempts: 50), 250)]) { _, _ in nil }
    #expect(outcomes.outcome(0)?.failure == .timedOut)
    #expect(outcomes.ended.first.map { (100...251).contains($0.at) } == true)
    #expect((2...3).contains(requests))
  }

  @Test func retryAfterIsKept() {
    let (outcomes, _) = fly([(0, policy(), nil)]) { index, _ in
      index == 0 ? Response(status: 429, headers: ["retry-after": "2"]) : Response(status: 200)
    }
    #expect(outcomes.ended.first.map { $0.at >= 2_000 } == true)
  }

  @Test func theBreakerStopsCallsAndLetsAProbeThrough() {
    let breaker = CircuitBreaker.Policy(failuresThatOpen: 2, openFor: .milliseconds(500))
    let one = policy(attempts: 1, breaker: breaker)
    let (outcomes, requests) = fly([(0, one, nil), (10, one, nil), (20, one, nil), (100, one, nil), (700, one, nil), (720, one, nil)]) {
      index, _ in Response(status: index < 2 ? 500 : 200)
    }
    #expect(outcomes.outcome(2)?.failure == .circuitOpen)
    #expect(outcomes.outcome(3)?.failure == .circuitOpen)
    #expect(outcomes.outcome(4)?.status == 200)
    #expect(outcomes.outcome(5)?.status == 200)
    #expect(requests == 4)
  }

  @Test func theBulkheadQueuesAndRefuses() {
    let narrow = policy(attempts: 1, concurrent: 1, waiting: 2)
    let (outcomes, requests) = fly([(0, narrow, nil), (1, narrow, nil), (2, narrow, 20), (3, narrow, nil)]) { index, _ in
      index == 0 ? nil : Response(status: 200)
    }
    #expect(outcomes.outcome(0)?.failure == .timedOut)
    #expect(outcomes.outcome(1)?.status == 200)
    #expect(outcomes.outcome(2)?.failure == .timedOut)
    #expect(outcomes.outcome(3)?.failure == .bulkheadFull)
    #expect(requests == 2)
    #expect(outcomes.left == 0)
  }

  @Test func whatWaitedPastItsDeadlineIsNotSent() {
    // The place becomes free at the very instant at which the second call's time is over.
    let one = policy(attempts: 1, concurrent: 1)
    let flight = fly([(0, one, nil), (1, one, 99), (2, one, nil)]) { number, _ in number == 0 ? nil : Response(status: 200) }
    #expect(flight.outcomes.outcome(0) == .failure(.timedOut))
    #expect(flight.outcomes.outcome(1) == .failure(.timedOut))
    #expect(flight.outcomes.outcome(2) == .success(Response(status: 200)))
    #expect(flight.requests == 2)
    #expect(flight.outcomes.left == 0)
  }

  @Test func everyCallEndsExactlyOnceWhateverTheNetworkDoes() {
    for seed in UInt64(1)...40 {
      var random = RandomStream(seed: seed, name: "plan")
      let breaker = random.chance(0.5) ? CircuitBreaker.Policy(failuresThatOpen: 3, openFor: .milliseconds(50)) : nil
      let shared = policy(breaker: breaker, concurrent: Int(1 + random.below(4)), waiting: Int(random.below(6)))
      let plan = (0..<60).map { _ in
        (random.integer(in: 0...2_000), shared, random.chance(0.5) ? random.integer(in: 1...300) : nil)
      }
      let links = Links(from: [NodeID(0)], to: [NodeID(1)])
      let faults = [
        PlannedFault(at: .milliseconds(300), for: .milliseconds(200), ProcessCrash(of: NodeID(1))),
        PlannedFault(at: .milliseconds(800), for: .milliseconds(300), Partition(links)),
        PlannedFault(at: .milliseconds(1_300), for: .milliseconds(400), LinkImpairment(.loss, links, probability: 0.3)),
      ]
      let chance = random
      let (outcomes, _) = fly(plan, seed: seed, for: .seconds(10), faults: faults) { index, _ in
        var random = RandomStream(seed: chance.seedLike, name: "server", number: UInt64(index))
        return random.chance(0.2) ? nil : Response(status: [200, 200, 404, 500, 503][Int(random.below(5))])
      }
      #expect(outcomes.ended.map(\.call).sorted() == Array(0..<60), "seed \(seed)")
      #expect(outcomes.left == 0, "seed \(seed)")
    }
  }

  @Test func anAnswerThatTheEndpointLivesByDoesNotOpenItsBreaker() {
    let breaker = CircuitBreaker.Policy(failuresThatOpen: 3, openFor: .seconds(60), probes: 1)
    func sent(_ answer: Response) -> Int {
      let plan = (0..<10).map { (Int64($0) * 10, policy(attempts: 1, breaker: breaker), Int64?.none) }
      return fly(plan) { _, _ in answer }.requests
    }
    #expect(sent(Response(status: 429)) == 10)
    #expect(sent(Response(status: 501)) == 10)
    #expect(sent(Response(status: 404)) == 10)
    for status in [500, 502, 503, 504] { #expect(sent(Response(status: status)) == 3, "\(status)") }
  }

  @Test func aServerIsNotAskedSoonerThanItSays() {
    for (header, sooner, later) in [
      ("2", Int64(2_000), Int64(2_200)), ("0", 0, 200), ("soon", 0, 200), ("-5", 0, 200), ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 200),
    ] {
      let (outcomes, requests) = fly([(0, policy(attempts: 2), nil)]) { index, _ in
        index == 0 ? Response(status: 503, headers: ["retry-after": header]) : Response(status: 200)
      }
      #expect(requests == 2 && outcomes.outcome(0)?.status == 200)
      #expect(outcomes.ended.first.map { ($0.at >= sooner && $0.at <= later) } == true, "\(header): \(outcomes.ended)")
    }
    // Not before the call's deadline is not at all.
    let (outcomes, requests) = fly([(0, policy(), 1_000)]) { _, _ in Response(status: 503, headers: ["retry-after": "30"]) }
    #expect(requests == 1 && outcomes.outcome(0)?.failure.map { if case .status = $0 { true } else { false } } == true)
  }
}

extension RandomStream {
  /// A number that is this stream's next, without taking it.
  fileprivate var seedLike: UInt64 {
    var copy = self
    return copy.next()
  }
}
