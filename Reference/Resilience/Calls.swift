// Calls: the one table for all calls of a machine to other services. It owns attempts and their time-outs, retries with
// backoff, the circuit breaker and the bulkhead of each endpoint, and late or repeated replies.
//
// A continuation is a case of the room's own enum, never a closure. One wake is armed at a time, for the earliest
// instant at which something is due. A call that cannot go out (open breaker, full bulkhead) fails by a later event,
// never within `call`. A server that says when to come again (Retry-After, in seconds or as a date) is not asked
// sooner. The breaker counts what tells that the endpoint does not work; an answer that is within its contract, like
// 429, tells that it does. Limits: a retried request is sent again as it is, so only requests that may be carried out
// twice are retried after they may have been carried out (`Retry.always`).

import Vocabulary

/// How calls to an endpoint are made.
public struct CallPolicy: Sendable, Hashable {
  /// Which failures are worth another attempt.
  public enum Retry: Sendable, Hashable {
    /// None.
    case never
    /// Only those that tell that the request was not carried out.
    case whenNotCarriedOut
    /// Time-outs, lost connections, 429, 502, 503 and 504 too: for requests that may be carried out twice.
    case always
  }

  /// How long one attempt may take.
  public var attemptTimeout: TimeSpan
  /// Attempts in all; at least 1.
  public var attempts: Int
  /// Which failures are worth another attempt.
  public var retry: Retry
  /// Waits between attempts.
  public var backoff: Backoff
  /// The endpoint's breaker; nil for none.
  public var breaker: CircuitBreaker.Policy?
  /// The endpoint's bulkhead.
  public var bulkhead: Bulkhead.Policy
  /// Which redirects are followed. Each hop has attempts of its own.
  public var redirects: Redirects

  /// A policy. The endpoint's first call decides about its breaker and bulkhead.
  public init(
    attemptTimeout: TimeSpan = .seconds(1), attempts: Int = 3, retry: Retry = .always,
    backoff: Backoff = Backoff(base: .milliseconds(50), cap: .seconds(2)), breaker: CircuitBreaker.Policy? = CircuitBreaker.Policy(),
    bulkhead: Bulkhead.Policy = Bulkhead.Policy(), redirects: Redirects = .none
  ) {
    invariant(attempts >= 1 && attemptTimeout > .zero, "a policy of \(attempts) attempts of \(attemptTimeout)")
    self.attemptTimeout = attemptTimeout
    self.attempts = attempts
    self.retry = retry
    self.backoff = backoff
    self.breaker = breaker
    self.bulkhead = bulkhead
    self.redirects = redirects
  }
}

/// Why a call came to nothing, after all its attempts.
public enum CallFailure: Error, Hashable, Sendable {
  /// The last attempt got no answer in time: the request may have been carried out.
  case timedOut
  /// The last attempt got no response for this reason.
  case transport(TransportFailure)
  /// The last attempt was answered with a status that means failure (429 or 5xx).
  case status(Response)
  /// The last answer was a redirect that is not followed, for this reason.
  case redirected(RedirectMistake, Response)
  /// The endpoint's breaker is open: nothing was sent.
  case circuitOpen
  /// The endpoint's bulkhead is full: nothing was sent.
  case bulkheadFull

  /// Whether it is certain that the request was not carried out by the last attempt.
  public var wasNotCarriedOut: Bool {
    switch self {
    case .circuitOpen, .bulkheadFull: true
    case .transport(let failure): failure.wasNotCarriedOut
    case .status(let response): response.status == 429 || response.status == 503
    // A server that redirects says that what it was asked for is elsewhere.
    case .redirected: true
    case .timedOut: false
    }
  }
}

/// How a call ended: any status below 500 but 429 is a success of the call; what it means is for the caller to say.
public typealias CallOutcome = Result<Response, CallFailure>

/// The table of all calls of one machine.
public struct Calls<Continuation> {
  /// A call that ended.
  public struct Completion {
    /// What the caller wanted to do next.
    public var next: Continuation
    /// How the call ended.
    public var outcome: CallOutcome
  }

  /// Whose event it was.
  public enum Settlement {
    /// Not one of the table's.
    case notMine
    /// The table's; these calls ended with it (often one, sometimes none).
    case mine([Completion])
  }

  private struct Call {
    var callee: Callee
    var request: Request
    var policy: CallPolicy
    var deadline: Deadline
    var next: Continuation
    var release: Release
    var attemptsMade = 0
    /// Redirects that were followed.
    var hopsMade = 0
    /// Attempts that never ended before: the last failure, if any.
    var state: State
  }

  /// Where a call stands.
  private enum State {
    /// Waits for a place in the endpoint's bulkhead, until its deadline.
    case queued
    /// An attempt is under way until `until`.
    case underWay(ExchangeID, CircuitBreaker.Permit?, until: Instant)
    /// Waits for its next attempt at `at`; keeps its place in the bulkhead.
    case waiting(at: Instant, after: CallFailure)
    /// Fails with the next wake; never had a place in the bulkhead.
    case failing(CallFailure)
  }

  /// What the calls to one endpoint or destination share.
  private struct Lane {
    var breaker: CircuitBreaker?
    var bulkhead: Bulkhead
    /// Calls that wait for a place, oldest first.
    var queue: [UInt64] = []

    /// Whether a call is in it, or waits.
    var isInUse: Bool { bulkhead.underWay > 0 || !queue.isEmpty }

    mutating func takeFirst() -> UInt64? { queue.isEmpty ? nil : queue.removeFirst() }
  }

  private var calls: [UInt64: Call] = [:]
  private var callOfExchange: [ExchangeID: UInt64] = [:]
  private var lanes: [Callee: Lane] = [:]
  private var known = KnownDestinations()
  private var dues = DueWakes<UInt64>()
  private var nextCall: UInt64 = 0

  /// An empty table.
  public init() {}

  /// Calls that have not ended.
  public var count: Int { calls.count }

  /// The state of an endpoint's breaker; nil where it has none or was never called.
  public func breakerState(of endpoint: Endpoint) -> CircuitBreaker.State? { breakerState(of: .endpoint(endpoint)) }

  /// The state of a callee's breaker; nil where it has none, was never called, or is a destination that was forgotten.
  public func breakerState(of callee: Callee) -> CircuitBreaker.State? { lanes[callee]?.breaker?.state }

  /// Calls `endpoint`. The outcome comes with a later event; `deadline` bounds all attempts together. Each attempt
  /// leaves by `release`: `.immediately` is for requests that tell nothing of what this node has written, like a poll.
  public mutating func call(
    _ endpoint: Endpoint, _ request: Request, policy: CallPolicy, deadline: Deadline = .never, release: Release = .whenDurable,
    then next: Continuation, _ turn: inout Turn
  ) {
    call(.endpoint(endpoint), request, policy: policy, deadline: deadline, release: release, then: next, &turn)
  }

  /// Calls an endpoint or a destination, as above.
  public mutating func call(
    _ callee: Callee, _ request: Request, policy: CallPolicy, deadline: Deadline = .never, release: Release = .whenDurable,
    then next: Continuation, _ turn: inout Turn
  ) {
    nextCall += 1
    let key = nextCall
    invariant(calls[key] == nil, "call \(key) was made already")
    calls[key] = Call(
      callee: callee, request: request, policy: policy, deadline: deadline, next: next, release: release, state: .queued)
    enter(key, callee, policy, deadline, &turn)
    arm(&turn)
  }

  /// Has a call make its first attempt at a callee, or wait for a place there.
  private mutating func enter(_ key: UInt64, _ callee: Callee, _ policy: CallPolicy, _ deadline: Deadline, _ turn: inout Turn) {
    if lanes[callee] == nil {
      lanes[callee] = Lane(breaker: policy.breaker.map { CircuitBreaker($0) }, bulkhead: Bulkhead(policy.bulkhead))
    }
    switch lanes[callee]?.bulkhead.enter() {
    case .admitted: attempt(key, &turn)
    case .queued:
      lanes[callee]?.queue.append(key)
      dues.insert(key, at: deadline.instant)
    case .refused, nil:
      calls[key]?.state = .failing(.bulkheadFull)
      dues.insert(key, at: turn.now)
    }
    if case .destination(let destination) = callee {
      for destination in known.note(destination) where lanes[.destination(destination)]?.isInUse != true {
        lanes[.destination(destination)] = nil
        known.forget(destination)
      }
    }
  }

  /// Gives `event` to the table. Where it is the table's, the calls that ended with it are returned; the machine
  /// resumes them.
  public mutating func settle(_ event: Event, _ turn: inout Turn) -> Settlement {
    var completions: [Completion] = []
    switch event {
    case .response(let id, let response):
      guard let key = callOfExchange.removeValue(forKey: id) else { return .notMine }
      if response.status == 429 || response.status >= 500 {
        attemptFailed(key, .status(response), &completions, &turn)
      } else {
        attemptSucceeded(key, response, &completions, &turn)
      }
    case .failed(let id, let failure):
      guard let key = callOfExchange.removeValue(forKey: id) else { return .notMine }
      attemptFailed(key, .transport(failure), &completions, &turn)
    case .timer(let timer):
      guard dues.takes(timer) else { return .notMine }
      takeDue(&completions, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: return .notMine
    }
    arm(&turn)
    return .mine(completions)
  }

  // MARK: attempts

  private mutating func attempt(_ key: UInt64, _ turn: inout Turn) {
    guard var call = calls[key] else { breakInvariant("an attempt of call \(key), which has ended") }
    if case .underWay(let id, _, _) = call.state {
      breakInvariant("an attempt of call \(key), of which exchange \(id.value) is under way")
    }
    var permit: CircuitBreaker.Permit?
    if lanes[call.callee]?.breaker != nil {
      let before = lanes[call.callee]?.breaker?.state
      permit = lanes[call.callee]?.breaker?.permit(at: turn.now)
      noteBreaker(call.callee, before, &turn)
      if permit == nil {
        // Waits like after a failed attempt, but without having made one; the wake decides.
        calls[key]?.state = .waiting(at: turn.now, after: .circuitOpen)
        dues.insert(key, at: turn.now)
        return
      }
    }
    let until = min(turn.now + call.policy.attemptTimeout, call.deadline.instant)
    var request = call.request
    request.deadline = Deadline(until)
    let id = turn.call(call.callee, request, call.release)
    call.attemptsMade += 1
    invariant(
      call.attemptsMade <= call.policy.attempts, "attempt \(call.attemptsMade) of \(call.policy.attempts) of call \(key)")
    invariant(callOfExchange[id] == nil, "exchange \(id.value) is one of call \(callOfExchange[id] ?? 0) already")
    call.state = .underWay(id, permit, until: until)
    calls[key] = call
    callOfExchange[id] = key
    dues.insert(key, at: until)
  }

  private mutating func attemptSucceeded(
    _ key: UInt64, _ response: Response, _ completions: inout [Completion], _ turn: inout Turn
  ) {
    guard let call = calls[key], case .underWay(_, let permit, _) = call.state else {
      breakInvariant("an answer to call \(key), of which no attempt is under way")
    }
    if let permit {
      let before = lanes[call.callee]?.breaker?.state
      lanes[call.callee]?.breaker?.succeeded(permit)
      noteBreaker(call.callee, before, &turn)
    }
    switch call.policy.redirects.step(after: response, to: call.callee, call.request, hopsMade: call.hopsMade) {
    case .answer: end(key, .success(response), &completions, &turn)
    case .mistake(let mistake): end(key, .failure(.redirected(mistake, response)), &completions, &turn)
    case .next(let callee, let request): hop(key, call, to: callee, request, &completions, &turn)
    }
  }

  /// The call goes on elsewhere: it gives its place up here, and takes or awaits one there.
  private mutating func hop(
    _ key: UInt64, _ call: Call, to callee: Callee, _ request: Request, _ completions: inout [Completion], _ turn: inout Turn
  ) {
    calls[key] = nil
    passPlace(of: call.callee, &completions, &turn)
    var next = call
    (next.callee, next.request) = (callee, request)
    (next.attemptsMade, next.hopsMade) = (0, call.hopsMade + 1)
    next.state = .queued
    calls[key] = next
    enter(key, callee, call.policy, call.deadline, &turn)
  }

  private mutating func attemptFailed(
    _ key: UInt64, _ failure: CallFailure, _ completions: inout [Completion], _ turn: inout Turn
  ) {
    guard let call = calls[key], case .underWay(_, let allowed, _) = call.state else {
      breakInvariant("a failure of call \(key), of which no attempt is under way")
    }
    if let permit = allowed {
      let before = lanes[call.callee]?.breaker?.state
      if failure == .timedOut, case .halfOpen = before, turn.planted.contains(.callsForgetTimedOutProbes) {
        // The planted bug: the probe keeps its place.
      } else if Self.tellsOfDefect(failure) {
        lanes[call.callee]?.breaker?.failed(permit, at: turn.now)
      } else {
        lanes[call.callee]?.breaker?.succeeded(permit)
      }
      noteBreaker(call.callee, before, &turn)
    }
    var again = false
    switch call.policy.retry {
    case .never: again = false
    case .whenNotCarriedOut: again = failure.wasNotCarriedOut
    case .always: again = Self.isWorthRetrying(failure)
    }
    guard again, call.attemptsMade < call.policy.attempts,
      let at = call.policy.backoff.nextAttempt(
        max(1, call.attemptsMade), now: turn.now, deadline: call.deadline, floor: Self.retryAfter(failure, turn.wallClock),
        &turn.random)
    else { return end(key, .failure(failure), &completions, &turn) }
    calls[key]?.state = .waiting(at: at, after: failure)
    dues.insert(key, at: at)
  }

  private static func isWorthRetrying(_ failure: CallFailure) -> Bool {
    switch failure {
    case .timedOut, .transport(.refused), .transport(.connectionLost): true
    case .status(let response): [429, 502, 503, 504].contains(response.status)
    case .transport(.unresolvable), .transport(.responseTooLarge), .transport(.malformedResponse), .transport(.forbidden),
      .transport(.untrusted), .redirected, .circuitOpen, .bulkheadFull:
      false
    }
  }

  /// Whether a failed attempt tells that the endpoint does not work, for its breaker: too many requests of ours (429),
  /// a method or version that it does not have (501, 505) and an answer that is too long for this host do not.
  private static func tellsOfDefect(_ failure: CallFailure) -> Bool {
    switch failure {
    case .status(let response): ![429, 501, 505].contains(response.status)
    case .timedOut, .transport(.refused), .transport(.connectionLost), .transport(.unresolvable), .transport(.malformedResponse),
      .transport(.untrusted):
      true
    case .transport(.responseTooLarge), .transport(.forbidden), .redirected, .circuitOpen, .bulkheadFull: false
    }
  }

  /// How long the server asked to be left alone.
  private static func retryAfter(_ failure: CallFailure, _ now: WallTime) -> TimeSpan {
    guard case .status(let response) = failure else { return .zero }
    return RetryAfter.wait(response, now: now) ?? .zero
  }

  private mutating func end(
    _ key: UInt64, _ outcome: CallOutcome, _ completions: inout [Completion], _ turn: inout Turn
  ) {
    guard let call = calls.removeValue(forKey: key) else { breakInvariant("call \(key) ends twice") }
    completions.append(Completion(next: call.next, outcome: outcome))
    passPlace(of: call.callee, &completions, &turn)
  }

  /// A call leaves its place at a callee.
  private mutating func passPlace(of callee: Callee, _ completions: inout [Completion], _ turn: inout Turn) {
    // Its place goes to the oldest that waits and still has time: a request that comes too late is not sent, and is no
    // failure of the endpoint.
    while let first = lanes[callee]?.queue.first, let waiting = calls[first], waiting.deadline.instant <= turn.now {
      giveUpWaiting(first, waiting, &completions)
    }
    guard lanes[callee]?.bulkhead.leave() == true else { return }
    guard let first = lanes[callee]?.takeFirst() else { breakInvariant("a place at \(callee) goes to nobody") }
    checkQueue(callee)
    attempt(first, &turn)
  }

  /// Ends a call whose deadline passed while it waited for a place.
  private mutating func giveUpWaiting(_ key: UInt64, _ call: Call, _ completions: inout [Completion]) {
    lanes[call.callee]?.queue.removeAll { $0 == key }
    lanes[call.callee]?.bulkhead.leaveQueue()
    checkQueue(call.callee)
    calls[key] = nil
    completions.append(Completion(next: call.next, outcome: .failure(.timedOut)))
  }

  private func checkQueue(_ callee: Callee) {
    guard let lane = lanes[callee] else { return }
    invariant(
      lane.queue.count == lane.bulkhead.waiting,
      "\(lane.queue.count) calls wait for \(callee), and its bulkhead counts \(lane.bulkhead.waiting)")
  }

  // MARK: what is due

  private mutating func takeDue(_ completions: inout [Completion], _ turn: inout Turn) {
    while let key = dues.next(by: turn.now) {
      guard let call = calls[key] else { continue }
      switch call.state {
      case .queued:
        guard call.deadline.instant <= turn.now else { continue }
        giveUpWaiting(key, call, &completions)
      case .underWay(let id, _, let until):
        guard until <= turn.now else { continue }
        callOfExchange[id] = nil
        turn.cancelCall(id)
        attemptFailed(key, .timedOut, &completions, &turn)
      case .waiting(let at, let failure):
        guard at <= turn.now else { continue }
        if case .circuitOpen = failure { end(key, .failure(.circuitOpen), &completions, &turn) } else { attempt(key, &turn) }
      case .failing(let failure):
        calls[key] = nil
        completions.append(Completion(next: call.next, outcome: .failure(failure)))
      }
    }
  }

  private mutating func arm(_ turn: inout Turn) {
    let calls = calls
    dues.arm(&turn, most: 2 * calls.count + 64) { Self.isStillDue($0, among: calls) }
  }

  private static func isStillDue(_ due: DueWakes<UInt64>.Due, among calls: [UInt64: Call]) -> Bool {
    guard let call = calls[due.key] else { return false }
    switch call.state {
    case .queued: return call.deadline.instant == due.instant
    case .underWay(_, _, let until): return until == due.instant
    case .waiting(let at, _): return at == due.instant
    case .failing: return true
    }
  }

  private func noteBreaker(_ callee: Callee, _ before: CircuitBreaker.State?, _ turn: inout Turn) {
    guard let before, let after = lanes[callee]?.breaker?.state else { return }
    after.tell(after: before, of: callee, &turn)
  }
}
