// How rules are evaluated: each on its own timer, spread over its interval, a bounded number at once, and at the wish
// of a client. The time of an evaluation is this node's wall clock when the query engine is asked. Serves
// MONITORING-23, 24.

import Durable
import HeapModule
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

extension Alerting {
  // MARK: when

  /// How long it is until the wall clock shows the rule's phase of its interval. Phases of different rules are spread
  /// over the interval.
  private func untilPhase(of number: UInt64, _ every: TimeSpan, _ wallClock: WallTime) -> TimeSpan {
    guard every > .zero else { return .zero }
    var random = RandomStream(seed: installation, name: "phase", number: number)
    let phase = Int64(random.below(UInt64(every.nanoseconds)))
    let passed = (wallClock.nanoseconds - phase) % every.nanoseconds
    return TimeSpan(nanoseconds: passed < 0 ? -passed : every.nanoseconds - passed)
  }

  /// Puts down when the rule is evaluated next: after its interval, or (`aligned`) when its own phase of the wall clock
  /// comes. The phase is the same in every life where both clocks run at one speed (a replay's do not, and there a
  /// phase is as good as drawn): drawn anew, it would let a service that restarts more often than it evaluates miss a
  /// breach altogether.
  mutating func schedule(_ number: UInt64, aligned: Bool, _ turn: inout Turn) {
    guard let entry = rules[number] else { return }
    let every = entry.rule.every ?? configuration.every
    let due = turn.now + (aligned ? untilPhase(of: number, every, turn.wallClock) : every)
    invariant(due >= turn.now, "rule \(number) is due at \(due), before now, \(turn.now)")
    rules[number]?.due = due
    dues.insert(Due(instant: due, rule: number))
    if dues.count > 2 * rules.count + 64 { dues = Heap(dues.unordered.filter { rules[$0.rule]?.due == $0.instant }) }
    armEvaluations(&turn)
  }

  private mutating func armEvaluations(_ turn: inout Turn) {
    guard let first = dues.min else { return }
    if let wake = evaluationWake {
      if wake.at <= first.instant { return }
      turn.cancelWake(wake.timer)
      wakes[wake.timer] = nil
    }
    invariant(
      evaluationWake.map { $0.at > first.instant } ?? true,
      "a wake at \(first.instant) beside one at \(String(describing: evaluationWake?.at))")
    let timer = turn.wake(at: first.instant)
    wakes[timer] = .evaluations
    evaluationWake = (timer, first.instant)
  }

  mutating func takeDue(_ turn: inout Turn) {
    while let first = dues.min, first.instant <= turn.now {
      dues.removeMin()
      guard rules[first.rule]?.due == first.instant else { continue }
      schedule(first.rule, aligned: false, &turn)
      makeReady(first.rule)
    }
    armEvaluations(&turn)
    beginEvaluations(&turn)
  }

  private mutating func makeReady(_ number: UInt64) {
    guard let phase = rules[number]?.phase else { return }
    switch phase {
    case .idle:
      rules[number]?.phase = .ready
      ready.append(number)
    case .ready, .underWay: break
    }
  }

  private mutating func beginEvaluations(_ turn: inout Turn) {
    while evaluationsUnderWay < configuration.concurrentEvaluations, let number = ready.popFirst() {
      guard let entry = rules[number] else { continue }
      guard case .ready = entry.phase else { breakInvariant("rule \(number) is evaluated and was \(entry.phase)") }
      evaluationsUnderWay += 1
      invariant(
        entry.served.isEmpty && evaluationsUnderWay <= configuration.concurrentEvaluations,
        "evaluation \(evaluationsUnderWay) of \(configuration.concurrentEvaluations), with \(entry.served.count) of rule \(number) not answered"
      )
      rules[number]?.phase = .underWay
      rules[number]?.served = entry.waiting
      rules[number]?.waiting = []
      let policy = CallPolicy(
        attemptTimeout: configuration.evaluateWithin, attempts: 1, retry: .never, breaker: nil,
        bulkhead: Bulkhead.Policy(concurrent: configuration.concurrentEvaluations, waiting: configuration.concurrentEvaluations))
      calls.call(
        configuration.queryEngine, entry.rule.engineQuery(now: turn.wallClock).request(), policy: policy,
        then: .evaluated(rule: number, revision: entry.revision, at: turn.wallClock), &turn)
    }
  }

  // MARK: at a client's wish

  mutating func evaluate(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let body = try request.decoded(EvaluateRequest.init(_:))
    guard let number = numberOfName[ExactName(body.rule)] else {
      throw RequestProblem(404, code: "UNKNOWN_RULE", message: "there is no rule of this name", field: "rule")
    }
    guard let waiting = rules[number]?.waiting.count, waiting < 1_024 else {
      throw RequestProblem(503, code: "OVERLOADED", message: "too many wait for this rule's evaluation")
    }
    rules[number]?.waiting.append(exchange)
    makeReady(number)
    beginEvaluations(&turn)
  }

  // MARK: the engine's answer

  mutating func evaluated(_ number: UInt64, revision: UInt64, at time: WallTime, _ outcome: CallOutcome, _ turn: inout Turn) {
    evaluationsUnderWay -= 1
    invariant(evaluationsUnderWay >= 0, "\(evaluationsUnderWay) evaluations are under way")
    if let phase = rules[number]?.phase {
      guard case .underWay = phase else { breakInvariant("an evaluation of rule \(number) ended, which was \(phase)") }
    }
    rules[number]?.phase = .idle
    if let entry = rules[number] {
      let served = entry.served
      rules[number]?.served = []
      if entry.revision == revision {
        let failure = read(number, at: time, outcome, &turn)
        for exchange in served { turn.reply(exchange, evaluationAnswer(number, at: time, failure)) }
      } else {
        // The rule was changed meanwhile: those who asked want the rule as it is now.
        rules[number]?.waiting.insert(contentsOf: served, at: 0)
      }
      if rules[number]?.waiting.isEmpty == false { makeReady(number) }
    }
    beginEvaluations(&turn)
  }

  private func evaluationAnswer(_ number: UInt64, at time: WallTime, _ failure: String?) -> Response {
    if let failure {
      return .failure(503, code: "NOT_EVALUATED", message: failure, retryAfter: .seconds(1))
    }
    guard let entry = rules[number] else { return .failure(404, code: "UNKNOWN_RULE", message: "the rule was deleted", field: "rule") }
    return .json(200) { writer in
      writer.beginObject()
      Self.view(entry).writeMembers(to: &writer)
      writer.member("evaluated_at", time.milliseconds)
      if let missing = entry.missing { writer.member("why", missing.reason) }
      writer.endObject()
    }
  }

  /// Takes a reading out of the engine's answer and lets the alert go on. Returns why that was not possible, if so.
  private mutating func read(_ number: UInt64, at time: WallTime, _ outcome: CallOutcome, _ turn: inout Turn) -> String? {
    let value: Double?
    let hasPoints: Bool
    switch outcome {
    case .success(let response) where response.status == 200:
      guard let document = try? response.document(limits: JSONLimits(maximumBytes: 1 << 20)),
        let answer = try? EngineQueryResponse(document), answer.rows.count <= 1
      else {
        turn.observe(.contractViolated, subject: UInt64(configuration.queryEngine.index), value: UInt64(response.status))
        return fail(number, "the query engine's answer is not what its contract says")
      }
      value = answer.rows.first.flatMap { rules[number]?.rule.comparand($0) }
      hasPoints = !answer.rows.isEmpty
    case .success(let response):
      turn.observe(.contractViolated, subject: UInt64(configuration.queryEngine.index), value: UInt64(response.status))
      return fail(number, "the query engine answered \(response.status): \(ErrorAnswer(response).message)")
    case .failure(.status(let response)):
      return fail(number, "the query engine answered \(response.status): \(ErrorAnswer(response).message)")
    case .failure(.timedOut): return fail(number, "the query engine did not answer in time")
    case .failure(.transport), .failure(.redirected), .failure(.circuitOpen), .failure(.bulkheadFull):
      return fail(number, "the query engine cannot be reached")
    }
    let missing = value == nil ? missingData(number, at: time, hasPoints: hasPoints) : nil
    rules[number]?.missing = missing
    return advance(number, value, at: time, &turn)
  }

  private func missingData(_ number: UInt64, at time: WallTime, hasPoints: Bool) -> MissingData? {
    guard let entry = rules[number] else { return nil }
    return MissingData(since: entry.missing?.since ?? time, reason: entry.rule.reasonOfMissing(hasPoints: hasPoints))
  }

  private mutating func fail(_ number: UInt64, _ failure: String) -> String? {
    rules[number]?.failure = failure
    return failure
  }

  /// The alert's next state by the value to compare, which may be infinite. Returns why it could not be kept, if so:
  /// then the alert stays what it was, and the next evaluation tries again.
  private mutating func advance(_ number: UInt64, _ value: Double?, at time: WallTime, _ turn: inout Turn) -> String? {
    guard var entry = rules[number] else { return nil }
    let before = entry.state
    let expression = entry.rule.expression
    var reading = value.map { expression.comparator.holds($0, expression.threshold) ? Reading.holds : .fails } ?? .missing
    if reading == .missing, turn.planted.contains(.alertingResolvesMissing) { reading = .fails }
    entry.state = before.next(reading, at: time, policy(entry.rule, turn))
    if before.word == .pending, entry.state == .inactive, turn.planted.contains(.alertingIgnoresFlapping) { entry.state = before }
    invariant(
      before.leads(to: entry.state), "rule \(number) goes from \(before) to \(entry.state) by the reading that it \(reading)")
    // JSON has no infinity.
    let shown = value.flatMap { $0.isFinite ? $0 : nil }
    entry.value = shown
    entry.failure = nil
    if before != entry.state, isWorthKeeping(before, entry.state) {
      var told = before.notification(of: entry.state)
      if told == .resolved, turn.planted.contains(.alertingHidesResolved) { told = nil }
      var changes: [AlertingChange] = []
      if let told { changes = notifications(&entry, told: told, reason: reading == .missing ? .missingData : .condition, turn) }
      changes.insert(.state(rule: number, entry.state, value: shown, transitions: entry.transitions), at: 0)
      if turn.planted.contains(.alertingForgetsStates) { changes.removeFirst() }
      do throws(JournalError) {
        if !changes.isEmpty { try append(changes, turn) }
      } catch {
        return fail(number, "alerting's journal cannot be written: \(error)")
      }
      invariant(
        rules[number].map { $0.transitions <= entry.transitions } ?? false,
        "rule \(number) was told of \(rules[number]?.transitions ?? 0) times, and now \(entry.transitions)")
      rules[number] = entry
      if before.word != entry.state.word { observe(entry, &turn) }
      enqueue(changes, &turn)
    } else {
      // A pending alert's last reading is kept in memory between the times at which it is journalled.
      rules[number] = entry
    }
    return nil
  }

  private func policy(_ rule: Rule, _ turn: borrowing Turn) -> AlertPolicy {
    let every = rule.every ?? configuration.every
    return AlertPolicy(
      duration: turn.planted.contains(.alertingFiresAtOnce) ? .zero : rule.duration, missingData: rule.missingData,
      longestGap: max(configuration.longestGap, every * 4))
  }

  /// Whether a change of state is worth a record. That a pending alert was seen again is so only every quarter of the
  /// longest gap: after a restart its last reading is then at most so much older than it was.
  private func isWorthKeeping(_ before: AlertState, _ after: AlertState) -> Bool {
    guard case .pending(let since, let seenBefore) = before, case .pending(since, let seen) = after else { return true }
    let quarter = max(1, configuration.longestGap.nanoseconds / 4)
    return (seen - since).nanoseconds / quarter != (seenBefore - since).nanoseconds / quarter
  }

  func observe(_ entry: RuleEntry, _ turn: inout Turn) {
    turn.observe(.alertChanged, subject: entry.number, value: UInt64(entry.state.number))
  }
}
