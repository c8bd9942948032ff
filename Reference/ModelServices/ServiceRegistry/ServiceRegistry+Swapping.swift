// Swaps: the new version is initialised beside the old one and probed; tasks go over to it, at once or bit by bit; the old one
// ends what it began, and goes. Where the new version cannot be had, fails its probes or fails tasks, the old one goes on as if
// nothing had been, and tasks that the new one failed are done by it.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ServiceRegistry {
  mutating func swap(_ exchange: ExchangeID, _ name: ExactName, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let (target, gradual) = try request.decoded { (field) throws(FieldMistake) in
      try field.onlyMembers(["version", "gradual_ms"])
      let gradual = try field.optionalMember("gradual_ms").map { (field) throws(FieldMistake) in
        TimeSpan.milliseconds(try field.integer(in: 0...ServicesAPI.maximumGradualMilliseconds))
      }
      return (try field.member("version").integer(), gradual ?? .zero)
    }
    guard let service = services[name], let active = service.version(service.active) else { return }
    guard let version = service.version(target) else {
      throw RequestProblem(
        404, code: "VERSION_NOT_FOUND", message: "there is no version \(target) of \(quoted(name.text))", field: "version")
    }
    if let swap = service.swap {
      throw RequestProblem(409, code: "SWAP_UNDER_WAY", message: "the service is being swapped to version \(swap.target)")
    }
    guard target != service.active else { return turn.reply(exchange, .json(200) { write(name, &$0) }) }
    if let reason = version.registration.contract.incompatibility(with: active.registration.contract),
      !turn.planted.contains(.registryComparesNoContracts)
    {
      throw RequestProblem(
        409, code: "INCOMPATIBLE_CONTRACT", message: "version \(target) cannot take the place of \(service.active): \(reason)",
        field: "version")
    }
    draining.removeAll { $0.service == name && $0.version == target }
    services[name]?.swap = Swap(target: target, exchange: exchange, gradual: gradual, beganAt: turn.now)
    // Whoever asks for a swap asks now, whatever came of it a moment ago.
    if case .failed = version.phase { services[name]?.change(target) { $0.phase = .idle } }
    if turn.planted.contains(.registrySwapsBeforeReady) { services[name]?.active = target }
    begin(name, target, &turn)
  }

  mutating func lookAfterSwap(_ name: ExactName, _ turn: inout Turn) {
    guard let service = services[name], let swap = service.swap, let version = service.version(swap.target) else { return }
    switch swap.phase {
    case .preparing:
      let wanted = min(version.registration.replicas, hosts.indices.count { isAlive($0, turn.now) })
      switch version.phase {
      case .failed(let reason, _): swapFailed(name, swap, reason, &turn)
      case .ready where version.readyReplicas.count >= max(1, wanted) && version.readyReplicas.allSatisfy { $0.succeededAt != nil }:
        services[name]?.swap?.phase = .shifting(since: turn.now)
        if turn.planted.contains(.registryAcknowledgesSwapsEarly) {
          turn.reply(swap.exchange, .json(200) { write(name, &$0) }, .immediately)
        }
        lookAfterSwap(name, &turn)
      case .idle, .initializing, .ready:
        if turn.now - swap.beganAt >= configuration.initializeWithin + configuration.initializeWithin {
          let reasons = version.refusals.map(\.reason)
          swapFailed(
            name, swap, reasons.isEmpty ? "the new version did not pass its probes in time" : reasons.joined(separator: "; "), &turn)
        } else if !version.refusals.isEmpty, version.replicas.allSatisfy(\.isReady), !version.replicas.isEmpty {
          swapFailed(name, swap, version.refusals.map(\.reason).joined(separator: "; "), &turn)
        }
      }
    case .shifting(let since):
      let isWell = version.readyReplicas.contains {
        isAlive($0.host, turn.now) && !version.ejection.isAway($0.host) && !version.ejection.isFailing($0.host)
      }
      if swap.failures >= configuration.swapFailures || !isWell {
        swapFailed(name, swap, "the new version fails the tasks that it is given", &turn)
      } else if turn.now - since >= swap.gradual {
        commit(name, service, swap, &turn)
      }
    }
  }

  private mutating func commit(_ name: ExactName, _ service: Service, _ swap: Swap, _ turn: inout Turn) {
    let before = service.active
    services[name]?.active = swap.target
    do throws(RequestProblem) { try save(&turn) } catch {
      services[name]?.active = before
      return swapFailed(name, swap, error.message, &turn)
    }
    services[name]?.swap = nil
    figures.swaps += 1
    if before != swap.target {
      draining.append(Draining(service: name, version: before, until: turn.now + configuration.drainWithin))
      // Those who wait for the old version wait for the new one.
      var waiting: [Waiting] = []
      services[name]?.change(before) { (waiting, $0.waiting) = ($0.waiting, []) }
      for waiting in waiting {
        switch waiting {
        case .initialize(let exchange, _): turn.reply(exchange, .json(200) { write(name, &$0) }, .immediately)
        case .task(let job): admit(job, &turn)
        }
      }
    }
    // First, since the answer says how the service stands now.
    tellHealth(name, &turn)
    if !turn.planted.contains(.registryAcknowledgesSwapsEarly) { turn.reply(swap.exchange, .json(200) { write(name, &$0) }) }
  }

  private mutating func swapFailed(_ name: ExactName, _ swap: Swap, _ reason: String, _ turn: inout Turn) {
    services[name]?.swap = nil
    figures.failedSwaps += 1
    if turn.planted.contains(.registryKeepsFailedSwaps) {
      services[name]?.active = swap.target
    } else {
      draining.append(Draining(service: name, version: swap.target, until: turn.now + configuration.drainWithin))
    }
    // Those who wait for the new version are served by the one before.
    var waiting: [Waiting] = []
    services[name]?.change(swap.target) { (waiting, $0.waiting) = ($0.waiting, []) }
    for waiting in waiting {
      switch waiting {
      case .initialize: refuse(waiting, 503, "SWAP_FAILED", "the version that was to be initialised was given up", &turn)
      case .task(let job): admit(job, &turn)
      }
    }
    turn.reply(
      swap.exchange,
      .failure(503, code: "SWAP_FAILED", message: "version \(swap.target) does not serve, and the one before does: \(reason)"),
      .immediately)
    tellHealth(name, &turn)
  }

  /// Has versions go that are not wanted any more and have ended what they began.
  mutating func lookAfterDraining(_ turn: inout Turn) {
    for drain in draining {
      guard let service = services[drain.service], let version = service.version(drain.version), drain.version != service.active else {
        draining.removeAll { $0.service == drain.service && $0.version == drain.version }
        continue
      }
      guard version.outstanding == 0 || drain.until <= turn.now else { continue }
      draining.removeAll { $0.service == drain.service && $0.version == drain.version }
      if turn.planted.contains(.registryKeepsOldVersions) { continue }
      services[drain.service]?.change(drain.version) {
        $0.replicas = []
        $0.ejection = OutlierEjection()
        if case .ready = $0.phase { $0.phase = .idle }
        if case .initializing = $0.phase { $0.phase = .idle }
      }
      for replica in version.replicas { unload(drain.service, drain.version, replica.host, &turn) }
    }
  }

  mutating func unload(_ name: ExactName, _ version: Int64, _ host: Int, _ turn: inout Turn) {
    calls.call(
      hosts[host].endpoint, HostAPI.unload(name.text, version), policy: Self.hostPolicy(.seconds(5), attempts: 3),
      deadline: Deadline(turn.now + .seconds(15)), release: .immediately, then: .unloaded(name, version, host: host), &turn)
  }

  /// Where that came to nothing, the host's next report shows an instance that nobody wants, and it is told so.
  func unloaded(_ name: ExactName, _ version: Int64, _ host: Int, _ outcome: CallOutcome) {}
}
