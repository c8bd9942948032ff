// The way of a task: its service, held against the contract; its version, ready or waited for; its context; an instance that
// is well and has a place; and, where that one fails, another. Each task is answered once.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ServiceRegistry {
  /// How many instances a task is tried on.
  private static let mostTried = 2
  /// Time within which any model should have answered: where a caller gave less, that it did not tells nothing.
  private static let tellingTimeout = TimeSpan.milliseconds(250)

  private static let contextPolicy = CallPolicy(
    attemptTimeout: .milliseconds(250), attempts: 2, retry: .always, backoff: Backoff(base: .milliseconds(5), cap: .milliseconds(50)),
    // No breaker: the deadline of an impatient caller, and a scope that is not in memory while the store is away, would close
    // the way for all others. Half a second and the bulkhead bound what is lost.
    breaker: nil, bulkhead: .init(concurrent: 60, waiting: 900))

  mutating func task(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let ask = try request.decoded(TaskRequest.init(_:))
    let name = try known(ask.service)
    guard let service = services[name], let version = service.version(service.active) else { return }
    let registration = version.registration
    do throws(FieldMistake) {
      let others = service.versions.flatMap(\.registration.contract.input)
      if !turn.planted.contains(.registryTakesAnyInput) {
        try TypedContract.check(ask.input, registration.contract.input, knownBeside: others)
      }
    } catch {
      throw RequestProblem(error)
    }
    let timeout = ask.timeout ?? registration.settings.timeout ?? registration.type.usualTimeout
    admit(
      TaskJob(
        exchange: exchange, service: name, input: ask.input.value, context: ask.context, isContextRequired: ask.isContextRequired,
        deadline: min(request.deadline, Deadline(turn.now + timeout)), askedAt: turn.now), &turn)
  }

  /// Sends a task on its way, or has it wait until its service is ready.
  mutating func admit(_ job: TaskJob, _ turn: inout Turn) {
    guard let service = services[job.service] else {
      return finish(job, .failure(404, code: "SERVICE_NOT_FOUND", message: "the service was deleted"), "SERVICE_NOT_FOUND", &turn)
    }
    var job = job
    let chosen = versionNow(of: service, &turn)
    if chosen != job.version {
      // Context in the form of one version is none for another.
      (job.hasContext, job.adapted, job.items, job.tried) = (false, nil, nil, [])
      job.version = chosen
    }
    guard let version = service.version(job.version) else { breakInvariant("no version \(job.version) of \(job.service)") }
    switch version.phase {
    case .ready: proceed(job, &turn)
    case .failed(let reason, let until) where turn.now < until:
      finish(
        job, Self.initializationFailed(reason, until == .never ? .seconds(1) : until - turn.now), "INITIALIZATION_FAILED", &turn)
    case .idle, .failed, .initializing:
      let isRefused = version.waiting.count >= configuration.waitingTasks
      guard !isRefused else {
        return finish(
          job, .failure(503, code: "OVERLOADED", message: "too many tasks wait until the service is ready", retryAfter: .seconds(1)),
          "OVERLOADED", &turn)
      }
      services[job.service]?.change(job.version) { $0.waiting.append(.task(job)) }
      begin(job.service, job.version, &turn)
    }
  }

  /// The version that the next task goes to.
  private func versionNow(of service: Service, _ turn: inout Turn) -> Int64 {
    guard let swap = service.swap, case .shifting(let since) = swap.phase, swap.gradual > .zero else { return service.active }
    let share = (turn.now - since).seconds / swap.gradual.seconds
    return turn.random.unit() < share ? swap.target : service.active
  }

  // MARK: context

  private mutating func proceed(_ job: TaskJob, _ turn: inout Turn) {
    guard let filter = job.context, !job.hasContext else { return route(job, &turn) }
    guard let registration = services[job.service]?.version(job.version)?.registration else { return admit(job, &turn) }
    var job = job
    job.contextBeganAt = turn.now
    calls.call(
      configuration.context, ContextAPI.adapted(registration.type, format: registration.format, filter), policy: Self.contextPolicy,
      deadline: min(job.deadline, Deadline(turn.now + configuration.contextWithin)), release: .immediately, then: .context(job), &turn)
  }

  mutating func contextCame(_ job: TaskJob, _ outcome: CallOutcome, _ turn: inout Turn) {
    var job = job
    job.hasContext = true
    job.contextNanoseconds += (turn.now - job.contextBeganAt).nanoseconds
    figures.contextTimes.add(turn.now - job.contextBeganAt)
    if case .success(let response) = outcome, response.status == 200, let document = try? response.document(),
      let context = try? document.member("context"), let list = try? document.member("items").elements(maximum: ContextAPI.maximumItems)
    {
      var items: [String] = []
      for element in list { if let id = try? element.string(maximumBytes: ContextAPI.maximumNameBytes) { items.append(id) } }
      (job.adapted, job.items) = (context.value, items)
    } else if job.isContextRequired && !turn.planted.contains(.registryDoesWithoutContext) {
      let reason =
        switch outcome {
        case .failure(.timedOut): "the context manager did not answer in time"
        case .success(let response), .failure(.status(let response)):
          "the context manager answered \(response.status): \(ErrorAnswer(response).message)"
        case .failure(.transport), .failure(.redirected), .failure(.circuitOpen), .failure(.bulkheadFull):
          "the context manager cannot be reached"
        }
      return finish(job, .failure(503, code: "CONTEXT_UNAVAILABLE", message: reason, retryAfter: .seconds(1)), "CONTEXT_UNAVAILABLE", &turn)
    }
    route(job, &turn)
  }

  // MARK: an instance

  private mutating func route(_ job: TaskJob, _ turn: inout Turn) {
    guard let version = services[job.service]?.version(job.version) else { return admit(job, &turn) }
    guard job.deadline.remaining(at: turn.now) > .zero else { return fail(job, &turn) }
    let ready = version.readyReplicas
    if ready.isEmpty, job.tried.count < Self.mostTried {
      // All are gone: the service is initialised again.
      if case .ready = version.phase, version.replicas.isEmpty { services[job.service]?.change(job.version) { $0.phase = .idle } }
      if case .ready = version.phase, !version.replicas.isEmpty {
        services[job.service]?.change(job.version) { $0.phase = .initializing(since: turn.now) }
      }
      return admit(job, &turn)
    }
    let well = ready.filter { replica in
      isAlive(replica.host, turn.now) && !version.ejection.isAway(replica.host) && !job.tried.contains(replica.host)
    }
    let isBlind = turn.planted.contains(.registryTriesTheFirst) && job.tried.isEmpty
    let all = turn.planted.contains(.registrySharesPlaces) ? outstanding.reduce(0, +) : nil
    let free = well.filter {
      (all ?? $0.outstanding) < configuration.tasksOfInstance && outstanding[$0.host] < configuration.tasksOfHost
    }
    let least = free.map(\.outstanding).min()
    let best = free.filter { $0.outstanding == least }
    guard let chosen = isBlind ? ready.first : best.isEmpty ? nil : best[Int(turn.random.below(UInt64(best.count)))] else {
      if job.lastFailure != nil { return fail(job, &turn) }
      guard well.isEmpty else {
        return finish(
          job, .failure(503, code: "OVERLOADED", message: "all instances have as many tasks as they may", retryAfter: .seconds(1)),
          "OVERLOADED", &turn)
      }
      return finish(
        job,
        .failure(
          503, code: "NO_HEALTHY_INSTANCE", message: "no instance of \(quoted(job.service.text)) does its work", retryAfter: .seconds(1)),
        "NO_HEALTHY_INSTANCE", &turn)
    }
    send(job, version.registration, chosen, isLast: well.count == 1 || !job.tried.isEmpty, &turn)
  }

  private mutating func send(
    _ job: TaskJob, _ registration: ServiceRegistration, _ replica: Replica, isLast: Bool, _ turn: inout Turn
  ) {
    guard case .ready(let instance) = replica.state else { breakInvariant("a task for an instance that is loading") }
    let own = registration.settings.timeout ?? registration.type.usualTimeout
    let left = job.deadline.remaining(at: turn.now)
    // Where there is another, half of the time is left for it.
    let limit = min(own, isLast ? left : max(TimeSpan(nanoseconds: left.nanoseconds / 2), min(left, .milliseconds(20))))
    var job = job
    if job.routedAt == nil {
      job.routedAt = turn.now
      figures.routeTimes.add(turn.now - job.askedAt)
    }
    let attempt = Attempt(
      service: job.service, version: job.version, host: replica.host, instance: instance, number: turn.random.next(), beganAt: turn.now,
      isTelling: limit >= min(own, Self.tellingTimeout))
    take(attempt)
    let known = registration.type.contract(format: registration.format).input
    let input = turn.planted.contains(.registryLeavesNothingOut) ? job.input : TypedContract.only(known, of: job.input)
    calls.call(
      hosts[replica.host].endpoint,
      HostAPI.task(job.service.text, job.version, task: attempt.number, input: input, context: job.adapted),
      policy: Self.hostPolicy(limit), deadline: job.deadline, release: .immediately, then: .task(job, attempt), &turn)
  }

  /// Notes that an attempt is under way.
  mutating func take(_ attempt: Attempt) {
    outstanding[attempt.host] += 1
    services[attempt.service]?.change(attempt.version) { $0.change(attempt.host) { $0.outstanding += 1 } }
  }

  /// Notes that it ended.
  mutating func release(_ attempt: Attempt) {
    outstanding[attempt.host] -= 1
    invariant(outstanding[attempt.host] >= 0, "more tasks of \(hosts[attempt.host].name) ended than began")
    services[attempt.service]?.change(attempt.version) { version in
      version.change(attempt.host) { replica in
        // One in its place has other tasks.
        if case .ready(let instance) = replica.state, sameBytes(instance, attempt.instance), replica.outstanding > 0 {
          replica.outstanding -= 1
        }
      }
    }
  }

  // MARK: the answer

  /// What an instance's answer is worth.
  enum Judged {
    case output(JSON, instance: String)
    /// It will not, and no other will: in words.
    case refused(String)
    /// It is not there any more.
    case gone
    case failed(TaskFailure)
  }

  /// Holds an answer against what was asked and what is promised.
  func judge(_ attempt: Attempt, _ outcome: CallOutcome, _ planted: PlantedBugs) -> Judged {
    switch outcome {
    case .success(let response) where response.status == 200:
      guard let registration = services[attempt.service]?.version(attempt.version)?.registration else { return .gone }
      do {
        let document = try response.document()
        if planted.contains(.registryTrustsAnswers) {
          return .output(document.value["output"] ?? [:], instance: attempt.instance)
        }
        guard sameBytes(try document.member("task").string(maximumBytes: 32), String(attempt.number, radix: 16)),
          sameBytes(try document.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes), attempt.service.text),
          try document.member("version").integer() == attempt.version
        else { return .failed(.broken("it answered another task")) }
        let output = try document.member("output")
        try TypedContract.check(
          output, registration.contract.output, knownBeside: registration.type.contract(format: registration.format).output)
        return .output(
          TypedContract.only(registration.contract.output, of: output.value),
          instance: try document.member("instance").string(maximumBytes: 64))
      } catch {
        return .failed(.broken("its answer breaks the contract: \(error)"))
      }
    case .success(let response) where response.status == 404: return .gone
    case .success(let response) where response.status == 422: return .refused(ErrorAnswer(response).message)
    case .success(let response):
      return .failed(.broken("it answered \(response.status): \(ErrorAnswer(response).message)"))
    case .failure(.status(let response)):
      return response.status == 429 ? .failed(.busy) : .failed(.broken("it answered \(response.status): \(ErrorAnswer(response).message)"))
    case .failure(.timedOut): return .failed(.timedOut)
    case .failure(.transport), .failure(.redirected), .failure(.circuitOpen), .failure(.bulkheadFull): return .failed(.unreachable)
    }
  }

  mutating func taskEnded(_ job: TaskJob, _ attempt: Attempt, _ outcome: CallOutcome, _ turn: inout Turn) {
    release(attempt)
    var job = job
    var tells = false
    switch judge(attempt, outcome, turn.planted) {
    case .output(let output, let instance):
      noteSuccess(attempt, &turn)
      if services[job.service]?.swap?.target == attempt.version { services[job.service]?.swap?.failures = 0 }
      return answer(job, attempt, output, instance, &turn)
    case .refused(let reason):
      noteSuccess(attempt, &turn)
      return finish(job, .failure(422, code: "MODEL_REFUSED", message: reason), "MODEL_REFUSED", &turn)
    case .gone: lost(attempt, &turn)
    case .failed(let failure):
      job.lastFailure = failure
      tells = noteFailure(attempt, failure, &turn)
    }
    job.tried.append(attempt.host)
    if let service = services[job.service], let swap = service.swap, swap.target == attempt.version, service.active != attempt.version {
      // The new version failed it: the old one does it.
      if tells { services[job.service]?.swap?.failures += 1 }
      (job.version, job.hasContext, job.adapted, job.items, job.tried) = (service.active, false, nil, nil, [])
      figures.retries += 1
      return proceed(job, &turn)
    }
    guard job.tried.count < Self.mostTried, job.deadline.remaining(at: turn.now) > .zero, !turn.planted.contains(.registryTriesOnce) else {
      return fail(job, &turn)
    }
    figures.retries += 1
    route(job, &turn)
  }

  private mutating func answer(_ job: TaskJob, _ attempt: Attempt, _ output: JSON, _ instance: String, _ turn: inout Turn) {
    let took = turn.now - job.askedAt
    services[job.service]?.figures.served += turn.planted.contains(.registryCountsTwice) ? 2 : 1
    services[job.service]?.figures.times.add(took)
    figures.endToEnd.add(took)
    let answer = TaskAnswer(
      service: job.service.text, version: attempt.version, instance: instance, host: hosts[attempt.host].name, output: output,
      context: job.items, contextNanoseconds: job.contextNanoseconds,
      routeNanoseconds: ((job.routedAt ?? job.askedAt) - job.askedAt).nanoseconds,
      taskNanoseconds: (turn.now - attempt.beganAt).nanoseconds)
    turn.reply(job.exchange, answer.response(), .immediately)
  }

  /// Answers a task that came to nothing, by its last failure.
  private mutating func fail(_ job: TaskJob, _ turn: inout Turn) {
    switch job.lastFailure {
    case .timedOut, nil:
      finish(job, .failure(504, code: "TASK_TIMEOUT", message: "the model did not answer in time"), "TASK_TIMEOUT", &turn)
    case .unreachable:
      finish(
        job, .failure(503, code: "NO_HEALTHY_INSTANCE", message: "the model's host cannot be reached", retryAfter: .seconds(1)),
        "NO_HEALTHY_INSTANCE", &turn)
    case .busy:
      finish(
        job, .failure(503, code: "OVERLOADED", message: "the model has as many tasks as it may", retryAfter: .seconds(1)), "OVERLOADED",
        &turn)
    case .broken(let reason): finish(job, .failure(502, code: "MODEL_FAILED", message: reason), "MODEL_FAILED", &turn)
    }
  }

  mutating func finish(_ job: TaskJob, _ response: Response, _ code: ExactName, _ turn: inout Turn) {
    count(failed: job, code)
    turn.reply(job.exchange, response, .immediately)
  }

  mutating func count(failed job: TaskJob, _ code: ExactName) {
    services[job.service]?.figures.failed += 1
    figures.errors[code, default: 0] += 1
  }
}
