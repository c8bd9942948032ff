// What hosts report: the registry learns from it which instances there are, and tells a host which of them nobody wants. A host
// that is silent for too long is given nothing, and its services go elsewhere.

import ModelServicesAPI
import Vocabulary
import Wire

extension ServiceRegistry {
  /// Within this time after an instance was ready, a report may be from before.
  private static let reportGrace = TimeSpan.milliseconds(500)

  /// Whether a host was heard of lately.
  func isAlive(_ host: Int, _ now: Instant) -> Bool {
    guard let heard = hosts[host].heardAt else { return false }
    return now - heard <= configuration.silentAfter
  }

  mutating func take(report: HostReport, _ exchange: ExchangeID, _ turn: inout Turn) throws(RequestProblem) {
    guard let host = hosts.firstIndex(where: { sameBytes($0.name, report.host) }) else {
      throw RequestProblem(404, code: "UNKNOWN_HOST", message: "there is no host \(quoted(report.host)) in this registry's configuration")
    }
    let known = hosts[host]
    // A host that lost its disk begins its lives anew; it was silent then.
    let isOlder = report.life < known.life || (report.life == known.life && report.sequence <= known.sequence)
    guard !isOlder || !isAlive(host, turn.now) else { return answer(report: exchange, unload: [], &turn) }
    let isNewLife = report.life != known.life
    hosts[host].life = report.life
    hosts[host].sequence = report.sequence
    hosts[host].heardAt = turn.now
    hosts[host].memoryBytes = report.memoryBytes
    hosts[host].memoryLimitBytes = report.memoryLimitBytes
    hosts[host].instances = report.instances
    if known.isToldSilent {
      hosts[host].isToldSilent = false
      tell(&turn) { writer in
        writer.member("host", report.host)
        writer.member("from", "silent")
        writer.member("to", "alive")
      }
    }
    forgetMissing(report, host, isNewLife: isNewLife, &turn)
    var unwanted: [InstanceReport] = []
    for instance in report.instances where instance.state == .ready {
      if !adopt(instance, host, &turn) { unwanted.append(instance) }
    }
    answer(report: exchange, unload: unwanted, &turn)
  }

  private func answer(report exchange: ExchangeID, unload: [InstanceReport], _ turn: inout Turn) {
    let response = Response.json(200) { writer in
      writer.beginObject()
      writer.name("unload")
      writer.beginArray()
      for instance in unload {
        writer.beginObject()
        writer.member("service", instance.service)
        writer.member("version", instance.version)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    turn.reply(exchange, response, .immediately)
  }

  /// Forgets instances on a host that its report does not name.
  private mutating func forgetMissing(_ report: HostReport, _ host: Int, isNewLife: Bool, _ turn: inout Turn) {
    for (name, service) in services.sorted(by: { $0.key < $1.key }) {
      for version in service.versions {
        guard let replica = version.replicas.first(where: { $0.host == host }), replica.isReady,
          isNewLife || turn.now - replica.readyAt >= Self.reportGrace
        else { continue }
        let number = version.registration.version
        let isThere = report.instances.contains { $0.version == number && $0.state != .draining && sameBytes($0.service, name.text) }
        if !isThere {
          services[name]?.change(number) { $0.remove(host) }
          tellHealth(name, &turn)
        }
      }
    }
  }

  /// Takes a ready instance in where it is wanted. False where nobody wants it.
  private mutating func adopt(_ report: InstanceReport, _ host: Int, _ turn: inout Turn) -> Bool {
    let name = ExactName(report.service)
    guard let service = services[name], let version = service.version(report.version) else { return false }
    if draining.contains(where: { $0.service == name && $0.version == report.version }) { return true }
    if let replica = version.replicas.first(where: { $0.host == host }) {
      if case .ready(let instance) = replica.state, sameBytes(instance, report.instance) { return true }
      ready(name, report.version, host, report.instance, &turn)
      return true
    }
    let isWanted = report.version == service.active || report.version == service.swap?.target
    guard isWanted, version.replicas.count < version.registration.replicas else { return false }
    ready(name, report.version, host, report.instance, &turn)
    return true
  }

  /// An instance is not there any more.
  mutating func lost(_ attempt: Attempt, _ turn: inout Turn) {
    services[attempt.service]?.change(attempt.version) { version in
      if let replica = version.replicas.first(where: { $0.host == attempt.host }), case .ready(let instance) = replica.state,
        sameBytes(instance, attempt.instance)
      {
        version.remove(attempt.host)
      }
    }
    tellHealth(attempt.service, &turn)
  }

  /// Takes everything from hosts that are silent.
  mutating func lookAfterHosts(_ turn: inout Turn) {
    // After a pause of this process nobody was heard of: the hosts are given time to be.
    if turn.now - lookedAt > configuration.lookEvery + configuration.lookEvery + configuration.lookEvery {
      for host in hosts.indices where hosts[host].heardAt != nil && !hosts[host].isToldSilent { hosts[host].heardAt = turn.now }
    }
    lookedAt = turn.now
    if turn.planted.contains(.registryWaitsForever) { return }
    for host in hosts.indices {
      guard hosts[host].heardAt != nil, !isAlive(host, turn.now), !hosts[host].isToldSilent else { continue }
      hosts[host].isToldSilent = true
      hosts[host].instances = []
      let hostName = hosts[host].name
      tell(&turn) { writer in
        writer.member("host", hostName)
        writer.member("from", "alive")
        writer.member("to", "silent")
      }
      for (name, service) in services.sorted(by: { $0.key < $1.key }) {
        for version in service.versions where version.replicas.contains(where: { $0.host == host }) {
          services[name]?.change(version.registration.version) { $0.remove(host) }
        }
      }
    }
  }
}
