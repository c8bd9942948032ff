// Initialising: a service's instances are loaded when the first task asks, once however many ask, and again with growing
// pauses where that failed. What a host refuses is asked of another; where all refuse, whoever waits is told why.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ServiceRegistry {
  /// For all calls to hosts; their time-outs differ. Places on a host are counted here, not by the bulkhead.
  static func hostPolicy(_ timeout: TimeSpan, attempts: Int = 1) -> CallPolicy {
    CallPolicy(
      attemptTimeout: timeout, attempts: attempts, retry: attempts == 1 ? .never : .whenNotCarriedOut,
      backoff: Backoff(base: .milliseconds(50), cap: .milliseconds(500)), breaker: nil,
      bulkhead: .init(concurrent: 4_096, waiting: 0))
  }

  mutating func initialize(
    _ exchange: ExchangeID, _ name: ExactName, _ deadline: Deadline, _ turn: inout Turn
  ) throws(RequestProblem) {
    guard let service = services[name], let version = service.version(service.active) else { return }
    switch version.phase {
    case .ready: turn.reply(exchange, .json(200) { write(name, &$0) }, .immediately)
    case .failed(let reason, let until) where turn.now < until:
      turn.reply(exchange, Self.initializationFailed(reason, until - turn.now), .immediately)
    case .idle, .failed, .initializing:
      let until = min(deadline, Deadline(turn.now + configuration.initializeWithin))
      services[name]?.change(service.active) { $0.waiting.append(.initialize(exchange, deadline: until)) }
      begin(name, service.active, &turn)
    }
  }

  static func initializationFailed(_ reason: String, _ pause: TimeSpan) -> Response {
    .failure(503, code: "INITIALIZATION_FAILED", message: reason, retryAfter: pause)
  }

  /// Has a version initialised, unless it is or was a moment ago.
  mutating func begin(_ name: ExactName, _ number: Int64, _ turn: inout Turn) {
    guard let version = services[name]?.version(number) else { return }
    switch version.phase {
    case .initializing where turn.planted.contains(.registryInitializesForEachCaller): return ask(name, number, &turn)
    case .ready, .initializing: return
    case .failed(_, let until) where turn.now < until: return
    case .idle, .failed: break
    }
    services[name]?.change(number) {
      $0.phase = .initializing(since: turn.now)
      $0.refusals = []
    }
    ask(name, number, &turn)
  }

  /// Asks hosts for the instances that are missing.
  mutating func ask(_ name: ExactName, _ number: Int64, _ turn: inout Turn) {
    while let version = services[name]?.version(number),
      version.replicas.count < version.registration.replicas
        + (turn.planted.contains(.registryInitializesForEachCaller) ? version.waiting.count : 0),
      let host = freeHost(for: version, name, turn.now)
    {
      services[name]?.change(number) { $0.replicas.append(Replica(host: host, state: .loading)) }
      calls.call(
        hosts[host].endpoint, HostAPI.load(version.registration), policy: Self.hostPolicy(configuration.initializeWithin, attempts: 5),
        deadline: Deadline(turn.now + configuration.initializeWithin), release: .immediately, then: .loaded(name, number, host: host),
        &turn)
    }
  }

  /// The host that has the fewest instances, of those that are alive, have none of this version and did not refuse it.
  private func freeHost(for version: Version, _ name: ExactName, _ now: Instant) -> Int? {
    let bytes = version.registration.settings.weightsBytes
    let free = hosts.indices.filter { host in
      isAlive(host, now) && !version.replicas.contains { $0.host == host } && !version.refusals.contains { $0.host == host }
    }
    var load = hosts.map { _ in 0 }
    for service in services.values {
      for version in service.versions { for replica in version.replicas { load[replica.host] += 1 } }
    }
    // Equal ones begin with another host for each service, so that not all begin with the first.
    let turned = Int(NameDigest.of(name.text) % UInt64(max(1, hosts.count)))
    return free.min { left, right in
      let rank = { (host: Int) in
        (
          hosts[host].memoryLimitBytes - hosts[host].memoryBytes < bytes ? 1 : 0, load[host],
          (host + hosts.count - turned) % hosts.count
        )
      }
      return rank(left) < rank(right)
    }
  }

  mutating func loaded(_ name: ExactName, _ number: Int64, _ host: Int, _ outcome: CallOutcome, _ turn: inout Turn) {
    guard let version = services[name]?.version(number), let replica = version.replicas.first(where: { $0.host == host }),
      !replica.isReady
    else { return }
    if case .success(let response) = outcome, (200...201).contains(response.status), let document = try? response.document(),
      let instance = try? document.member("instance").string(maximumBytes: 64, minimumBytes: 1)
    {
      return ready(name, number, host, instance, &turn)
    }
    let reason = "\(hosts[host].name): \(Self.reason(outcome))"
    services[name]?.change(number) {
      $0.remove(host)
      $0.refusals.append((host, reason))
    }
    ask(name, number, &turn)
    if case .initializing = version.phase, services[name]?.version(number)?.replicas.isEmpty == true {
      initializationFailed(name, number, &turn)
    }
  }

  /// An instance is ready.
  mutating func ready(_ name: ExactName, _ number: Int64, _ host: Int, _ instance: String, _ turn: inout Turn) {
    var waiting: [Waiting] = []
    var took: TimeSpan?
    services[name]?.change(number) { version in
      if !version.replicas.contains(where: { $0.host == host }) { version.replicas.append(Replica(host: host, state: .loading)) }
      version.change(host) {
        $0.state = .ready(instance: instance)
        $0.readyAt = turn.now
        $0.probeDue = turn.now
        $0.succeededAt = nil
      }
      version.ejection.remove(host)
      version.ejection.add(host)
      if case .initializing(let since) = version.phase { took = turn.now - since }
      version.phase = .ready
      version.failures = 0
      (waiting, version.waiting) = (version.waiting, [])
    }
    if let took { figures.initializeTimes.add(took) }
    tellHealth(name, &turn)
    for waiting in waiting {
      switch waiting {
      case .initialize(let exchange, _): turn.reply(exchange, .json(200) { write(name, &$0) }, .immediately)
      case .task(let job): admit(job, &turn)
      }
    }
  }

  /// No host has an instance of it: whoever waits is told.
  private mutating func initializationFailed(_ name: ExactName, _ number: Int64, _ turn: inout Turn) {
    guard let version = services[name]?.version(number) else { return }
    let failures = version.failures + 1
    var until =
      configuration.initializeBackoff.nextAttempt(failures, now: turn.now, deadline: .never, &turn.random)
      ?? turn.now + configuration.initializeBackoff.cap
    if turn.planted.contains(.registryGivesUp) { until = .never }
    let reasons = version.refusals.map(\.reason)
    let reason = reasons.isEmpty ? "no host of models is heard of" : reasons.joined(separator: "; ")
    services[name]?.change(number) {
      $0.failures = failures
      $0.phase = .failed(reason, until: until)
      $0.waiting = []
    }
    for waiting in version.waiting {
      refuse(waiting, 503, "INITIALIZATION_FAILED", reason, &turn, retryAfter: until == .never ? .seconds(1) : until - turn.now)
      if case .task(let job) = waiting { count(failed: job, "INITIALIZATION_FAILED") }
    }
    tellHealth(name, &turn)
  }

  /// What became of those that are being initialised, or have lost instances.
  mutating func lookAfterInitialization(_ name: ExactName, _ turn: inout Turn) {
    guard let service = services[name] else { return }
    for version in service.versions {
      let number = version.registration.version
      let isWanted = number == service.active || number == service.swap?.target
      switch version.phase {
      case .initializing(let since):
        if turn.now - since >= configuration.initializeWithin {
          services[name]?.change(number) { $0.replicas.removeAll { !$0.isReady } }
          initializationFailed(name, number, &turn)
        } else if version.replicas.isEmpty {
          // No host was heard of yet, or none is left.
          ask(name, number, &turn)
          if services[name]?.version(number)?.replicas.isEmpty == true, !version.refusals.isEmpty {
            initializationFailed(name, number, &turn)
          }
        }
      case .ready:
        if version.replicas.isEmpty {
          services[name]?.change(number) { $0.phase = .idle }
        } else if isWanted, version.replicas.count < version.registration.replicas, turn.now >= version.toppedUpAt + .seconds(1) {
          services[name]?.change(number) {
            $0.toppedUpAt = turn.now
            $0.refusals = []
          }
          ask(name, number, &turn)
        }
      case .idle, .failed: break
      }
    }
  }

  /// Answers those whose time is over.
  mutating func expireWaiting(_ name: ExactName, _ turn: inout Turn) {
    guard let service = services[name] else { return }
    for version in service.versions where version.waiting.contains(where: { $0.deadline.hasPassed(at: turn.now) }) {
      services[name]?.change(version.registration.version) { $0.waiting.removeAll { $0.deadline.hasPassed(at: turn.now) } }
      for waiting in version.waiting where waiting.deadline.hasPassed(at: turn.now) {
        switch waiting {
        case .initialize: refuse(waiting, 504, "INITIALIZATION_TIMEOUT", "the service was not ready in time", &turn)
        case .task(let job):
          finish(job, .failure(504, code: "TASK_TIMEOUT", message: "the service was not ready in time"), "TASK_TIMEOUT", &turn)
        }
      }
    }
  }

  /// What an outcome of a host tells.
  static func reason(_ outcome: CallOutcome) -> String {
    switch outcome {
    case .success(let response), .failure(.status(let response)):
      let error = ErrorAnswer(response)
      return error.message.isEmpty ? "answered \(response.status)" : "\(error.code): \(error.message)"
    case .failure(.timedOut): return "did not answer in time"
    case .failure(.transport), .failure(.redirected): return "cannot be reached"
    case .failure(.circuitOpen), .failure(.bulkheadFull): return "too many calls are under way"
    }
  }
}
