// Health by events: what tasks, probes and reports tell makes a service healthy, degraded or unhealthy, and each change is told
// at once to whoever listens. A hung model tells nothing by itself: so instances that did no task for a while are probed, by
// a task.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ServiceRegistry {
  // MARK: what tasks and probes tell

  mutating func noteSuccess(_ attempt: Attempt, _ turn: inout Turn) {
    let now = turn.now
    let probeEvery = probeSpan(attempt.service)
    services[attempt.service]?.change(attempt.version) { version in
      version.ejection.succeeded(attempt.host, at: now)
      version.change(attempt.host) {
        $0.succeededAt = now
        $0.probeDue = now + probeEvery
      }
    }
  }

  /// Notes that an instance failed. Returns whether that tells anything of it.
  @discardableResult
  mutating func noteFailure(_ attempt: Attempt, _ failure: TaskFailure, _ turn: inout Turn) -> Bool {
    switch failure {
    case .busy: return false
    case .timedOut: if !attempt.isTelling { return false }
    case .unreachable: break
    case .broken: figures.contractBreaches += 1
    }
    var isEjected = false
    let countsItself = !turn.planted.contains(.registryEjectsBeyondTheCap)
    services[attempt.service]?.change(attempt.version) { version in
      isEjected = version.ejection.failed(attempt.host, at: turn.now, countsItself: countsItself)
    }
    if isEjected { figures.ejections += 1 }
    tellHealth(attempt.service, &turn)
    return true
  }

  // MARK: probes

  private func probeSpan(_ name: ExactName) -> TimeSpan {
    let costs = services[name]?.versions.first?.registration.type == .language
    return costs ? configuration.probeEvery * 120 : configuration.probeEvery
  }

  mutating func probe(_ name: ExactName, _ turn: inout Turn) {
    guard let service = services[name] else { return }
    for version in service.versions {
      let registration = version.registration
      for replica in version.replicas {
        guard case .ready(let instance) = replica.state, !replica.isProbed, replica.probeDue <= turn.now, isAlive(replica.host, turn.now)
        else { continue }
        let attempt = Attempt(
          service: name, version: registration.version, host: replica.host, instance: instance, number: turn.random.next(),
          beganAt: turn.now, isTelling: true)
        take(attempt)
        services[name]?.change(registration.version) { $0.change(replica.host) { $0.isProbed = true } }
        figures.probes += 1
        let isPing = turn.planted.contains(.registryProbesByPing)
        let timeout = registration.type == .language ? registration.type.usualTimeout : configuration.probeTimeout
        let request =
          isPing
          ? Request(.get, "/health")
          : HostAPI.task(
            name.text, registration.version, task: attempt.number, input: registration.type.probeInput, context: nil, isProbe: true)
        calls.call(
          hosts[replica.host].endpoint, request, policy: Self.hostPolicy(timeout), deadline: Deadline(turn.now + timeout),
          release: .immediately, then: .probe(attempt), &turn)
      }
    }
  }

  mutating func probeEnded(_ attempt: Attempt, _ outcome: CallOutcome, _ turn: inout Turn) {
    release(attempt)
    let now = turn.now
    // One that never did anything is asked again soon, also where that costs money: a swap waits for it.
    let replica = services[attempt.service]?.version(attempt.version)?.replicas.first { $0.host == attempt.host }
    let again = now + (replica?.succeededAt == nil ? configuration.probeEvery : probeSpan(attempt.service))
    services[attempt.service]?.change(attempt.version) {
      $0.change(attempt.host) {
        $0.isProbed = false
        $0.probeDue = again
      }
    }
    let judged: Judged
    if turn.planted.contains(.registryProbesByPing), case .success(let response) = outcome, response.status == 200 {
      judged = .output([:], instance: attempt.instance)
    } else {
      judged = judge(attempt, outcome, turn.planted)
    }
    switch judged {
    case .output, .refused:
      noteSuccess(attempt, &turn)
      services[attempt.service]?.change(attempt.version) { _ = $0.ejection.readmit(attempt.host, at: now) }
      tellHealth(attempt.service, &turn)
    case .gone: lost(attempt, &turn)
    case .failed(let failure):
      figures.failedProbes += 1
      noteFailure(attempt, failure, &turn)
    }
  }

  // MARK: how a service stands

  func standing(_ service: Service, _ now: Instant) -> ServiceHealth {
    guard let version = service.version(service.active) else { return .idle }
    switch version.phase {
    case .idle: return .idle
    case .initializing: return .initializing
    case .failed: return .unhealthy
    case .ready:
      let well = version.readyReplicas.count {
        isAlive($0.host, now) && !version.ejection.isAway($0.host) && !version.ejection.isFailing($0.host)
      }
      return well == 0 ? .unhealthy : well < version.registration.replicas ? .degraded : .healthy
    }
  }

  /// Tells whoever listens how a service stands, where that is another way than before.
  mutating func tellHealth(_ name: ExactName, _ turn: inout Turn) {
    guard let service = services[name] else { return }
    let now = standing(service, turn.now)
    guard now != service.toldHealth else { return }
    services[name]?.toldHealth = now
    tell(&turn) { writer in
      writer.member("service", name.text)
      writer.member("from", service.toldHealth.rawValue)
      writer.member("to", now.rawValue)
    }
  }

  mutating func tell(_ turn: inout Turn, _ write: (inout JSONWriter) -> Void) {
    eventNumber += 1
    guard listeners.count > 0 else { return }
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("number", Int64(clamping: eventNumber))
    write(&writer)
    writer.member("at_ms", turn.wallClock.milliseconds)
    writer.endObject()
    guard let bytes = try? writer.finish() else { return }
    let event = EventStreamWriter.event(type: ServicesAPI.healthEvent, String(decoding: bytes, as: UTF8.self))
    listeners.tell(event, &turn) { _ in true }
  }

  /// Opens the stream of events; it begins with how all services stand now.
  mutating func listen(_ exchange: ExchangeID, _ turn: inout Turn) throws(RequestProblem) {
    guard listeners.add(exchange, ()) else { throw RequestProblem(503, code: "TOO_MANY_LISTENERS", message: "as many listen as may") }
    turn.accept(
      exchange, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType, "cache-control": "no-store"]),
      .immediately)
    for name in services.keys.sorted() {
      guard let service = services[name] else { continue }
      var writer = JSONWriter()
      writer.beginObject()
      writer.member("number", Int64(clamping: eventNumber))
      writer.member("service", name.text)
      writer.member("to", service.toldHealth.rawValue)
      writer.member("at_ms", turn.wallClock.milliseconds)
      writer.endObject()
      guard let bytes = try? writer.finish() else { continue }
      listeners.tell(exchange, EventStreamWriter.event(type: ServicesAPI.healthEvent, String(decoding: bytes, as: UTF8.self)), &turn)
    }
  }

  func health(_ now: Instant, _ disk: any Disk) -> Response {
    var reasons = [disk.shortage].compactMap { $0 }
    if !hosts.indices.contains(where: { isAlive($0, now) }) { reasons.append("no host of models is heard of") }
    for host in hosts where host.isToldSilent { reasons.append("the host \(host.name) is silent") }
    for (name, service) in services.sorted(by: { $0.key < $1.key }) {
      switch standing(service, now) {
      case .degraded: reasons.append("the service \(name) has fewer instances that do their work than it should")
      case .unhealthy: reasons.append("the service \(name) does not serve")
      case .idle, .initializing, .healthy: break
      }
    }
    let count = services.count
    return .up(degraded: reasons) { $0.member("services", count) }
  }

  func metrics(_ now: Instant) -> Response {
    var text = MetricsText()
    let sorted = services.sorted { $0.key < $1.key }
    text.family("service_health", .gauge, help: "1 for the way in which a service stands.")
    for (name, service) in sorted { text.count(1, [("service", name.text), ("health", standing(service, now).rawValue)]) }
    text.family("service_memory_bytes", .gauge, unit: "bytes", help: "What the instances of a service take, on all hosts.")
    for (name, _) in sorted {
      let bytes = hosts.reduce(0) { sum, host in
        sum + host.instances.reduce(0) { $0 + (sameBytes($1.service, name.text) ? $1.memoryBytes : 0) }
      }
      text.count(UInt64(bytes), [("service", name.text)])
    }
    text.histograms("service_task_seconds", unit: "seconds", help: "How long tasks took from their request to their answer.")
    for (name, service) in sorted { service.figures.times.write(&text, [("service", name.text)]) }
    text.family("service_tasks", .counter, help: "Tasks, by how they ended.")
    for (name, service) in sorted {
      text.count(service.figures.served, [("service", name.text), ("result", "served")])
      text.count(service.figures.failed, [("service", name.text), ("result", "failed")])
    }
    text.family("task_errors", .counter, help: "Tasks that failed, by the code of the error.")
    for (code, count) in figures.errors.sorted(by: { $0.key < $1.key }) { text.count(count, [("code", code.text)]) }
    for (name, help, times) in [
      ("task_context_seconds", "How long the context of tasks took.", figures.contextTimes),
      ("task_route_seconds", "From a task's request until it was on its way to an instance, with its context.", figures.routeTimes),
      ("task_end_to_end_seconds", "From a task's request to its answer.", figures.endToEnd),
      ("service_initialize_seconds", "How long services took to be ready.", figures.initializeTimes),
    ] as [(StaticString, StaticString, TimeHistogram)] {
      text.histograms(name, unit: "seconds", help: help)
      times.write(&text)
    }
    text.counters([
      ("task_retries", "Tasks that another instance was asked for.", figures.retries),
      ("instance_ejections", "Instances that were given nothing for a while, since they failed.", figures.ejections),
      ("instance_probes", "Probes.", figures.probes), ("instance_failed_probes", "Probes that failed.", figures.failedProbes),
      ("contract_breaches", "Answers of models that broke their contract, and failures of models.", figures.contractBreaches),
      ("service_swaps", "Swaps that came to an end.", figures.swaps),
      ("service_failed_swaps", "Swaps that were undone.", figures.failedSwaps),
    ])
    text.family("model_host_alive", .gauge, help: "Whether a host was heard of lately.")
    for host in hosts.indices { text.count(isAlive(host, now) ? 1 : 0, [("host", hosts[host].name)]) }
    return Response(status: 200, headers: ["content-type": MetricsText.contentType], body: text.finish())
  }
}
