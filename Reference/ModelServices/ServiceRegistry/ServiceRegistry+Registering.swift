// Registering, listing and forgetting services. A registration loads nothing: the first task does.

import ModelServicesAPI
import Vocabulary
import Wire

extension ServiceRegistry {
  mutating func register(_ exchange: ExchangeID, _ registration: ServiceRegistration, _ turn: inout Turn) throws(RequestProblem) {
    let name = ExactName(registration.id)
    let before = services
    if let service = services[name] {
      if let version = service.version(registration.version) {
        guard version.registration == registration || turn.planted.contains(.registryReplacesVersions) else {
          throw RequestProblem(
            409, code: "VERSION_EXISTS", message: "version \(registration.version) is registered otherwise already", field: "version")
        }
        return turn.reply(exchange, .json(200) { write(name, &$0) })
      }
      guard service.versions.allSatisfy({ $0.registration.type == registration.type }) else {
        throw RequestProblem(409, code: "TYPE_DIFFERS", message: "the service's other versions are of another type", field: "model_type")
      }
      guard service.versions.count < ServicesAPI.maximumVersions else {
        throw RequestProblem(
          409, code: "TOO_MANY_VERSIONS", message: "a service has \(ServicesAPI.maximumVersions) versions at most", field: "version")
      }
      services[name]?.versions.append(Version(registration))
      services[name]?.versions.sort { $0.registration.version < $1.registration.version }
    } else {
      guard services.count < ServicesAPI.maximumServices else {
        throw RequestProblem(
          409, code: "TOO_MANY_SERVICES", message: "there are \(ServicesAPI.maximumServices) services, as many as may be")
      }
      services[name] = Service(versions: [Version(registration)], active: registration.version)
    }
    do throws(RequestProblem) { try save(&turn) } catch {
      services = before
      throw error
    }
    turn.reply(exchange, .json(201) { write(name, &$0) })
  }

  mutating func delete(_ exchange: ExchangeID, _ name: ExactName, _ turn: inout Turn) throws(RequestProblem) {
    guard let service = services.removeValue(forKey: name) else { return }
    do throws(RequestProblem) { try save(&turn) } catch {
      services[name] = service
      throw error
    }
    for version in service.versions {
      for waiting in version.waiting { refuse(waiting, 404, "SERVICE_NOT_FOUND", "the service was deleted", &turn) }
      for replica in version.replicas { unload(name, version.registration.version, replica.host, &turn) }
    }
    if let swap = service.swap {
      turn.reply(swap.exchange, .failure(404, code: "SERVICE_NOT_FOUND", message: "the service was deleted"), .immediately)
    }
    turn.reply(exchange, Response(status: 204))
  }

  /// Writes how a service stands.
  func write(_ name: ExactName, _ writer: inout JSONWriter) {
    guard let service = services[name], let first = service.versions.first else { return writer.null() }
    writer.beginObject()
    writer.member("id", name.text)
    writer.member("model_type", first.registration.type.rawValue)
    writer.member("health", service.toldHealth.rawValue)
    writer.member("active_version", service.active)
    if let swap = service.swap { writer.member("swapping_to", swap.target) }
    writer.member("tasks_served", Int64(clamping: service.figures.served))
    writer.member("tasks_failed", Int64(clamping: service.figures.failed))
    writer.name("versions")
    writer.beginArray()
    for version in service.versions {
      writer.beginObject()
      version.registration.writeMembers(&writer)
      switch version.phase {
      case .idle: writer.member("state", "registered")
      case .initializing: writer.member("state", "initializing")
      case .ready: writer.member("state", "ready")
      case .failed(let reason, _):
        writer.member("state", "failed")
        writer.member("reason", reason)
      }
      writer.name("instances")
      writer.beginArray()
      for replica in version.replicas {
        writer.beginObject()
        writer.member("host", hosts[replica.host].name)
        switch replica.state {
        case .loading: writer.member("state", "loading")
        case .ready(let instance):
          writer.member("instance", instance)
          writer.member("state", version.ejection.isAway(replica.host) ? "ejected" : "ready")
        }
        writer.member("tasks_under_way", replica.outstanding)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }

  /// Answers somebody who waited in vain.
  func refuse(_ waiting: Waiting, _ status: Int, _ code: String, _ message: String, _ turn: inout Turn, retryAfter: TimeSpan? = nil) {
    turn.reply(waiting.exchange, .failure(status, code: code, message: message, retryAfter: retryAfter), .immediately)
  }
}
