// What a host tells the registry: all of its instances, at each change and at each heartbeat. One report is under way at a
// time; what changes meanwhile is in the next.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ModelHost {
  private static let policy = CallPolicy(
    attemptTimeout: .milliseconds(400), attempts: 1, retry: .never, breaker: nil, bulkhead: .init(concurrent: 4, waiting: 4))

  /// Something changed: the registry is told at once.
  mutating func changed(_ turn: inout Turn) {
    isChanged = true
    if !isReporting { report(&turn) }
  }

  mutating func report(_ turn: inout Turn) {
    if let heartbeat { turn.cancelWake(heartbeat) }
    heartbeat = turn.wake(after: configuration.heartbeatEvery)
    guard !isReporting else { return }
    isReporting = true
    isChanged = false
    reportSequence += 1
    let report = HostReport(
      host: configuration.name, life: Int64(turn.incarnation), sequence: reportSequence, memoryBytes: memoryBytes,
      memoryLimitBytes: configuration.memoryLimitBytes, instances: instanceReports)
    calls.call(
      configuration.registry, report.request(), policy: Self.policy, deadline: Deadline(turn.now + .milliseconds(400)),
      release: .immediately, then: .reported, &turn)
  }

  mutating func reported(_ outcome: CallOutcome, _ turn: inout Turn) {
    isReporting = false
    if case .success(let response) = outcome, response.status == 200, let document = try? response.document(),
      let list = try? document.member("unload").elements(maximum: HostAPI.maximumInstances)
    {
      for element in list {
        guard let service = try? element.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes),
          let version = try? element.member("version").integer()
        else { continue }
        let name = InstanceName(service: ExactName(service), version: version)
        if let instance = instances[name], case .ready = instance.state { drain(name, instance, waiting: nil, &turn) }
      }
    }
    if isChanged { report(&turn) }
  }
}
