// What survives a restart: registrations, and which version of each service is active. One small file, saved whole at each
// change (`TwinFile`); as JSON: {"services":[{"active":N,"versions":[registrations]}, …]}.

import Durable
import ModelServicesAPI
import Vocabulary
import Wire

extension ServiceRegistry {
  private static let stem: StaticString = "services"

  mutating func load(_ turn: inout Turn) throws(StartRefusal) {
    let state: [UInt8]?
    do throws(JournalError) {
      (file, state) = try Self.loaded(turn.disk)
    } catch {
      throw StartRefusal("the saved services cannot be read: \(error)")
    }
    guard let state else { return }
    do throws(FieldMistake) {
      try read(state, turn.planted)
    } catch {
      throw StartRefusal("the saved services do not read: \(error)")
    }
  }

  private static func loaded(_ disk: any Disk) throws(JournalError) -> (TwinFile?, [UInt8]?) {
    let (file, state) = try TwinFile.load(stem: stem, from: disk)
    return (file, state)
  }

  private mutating func read(_ state: [UInt8], _ planted: PlantedBugs) throws(FieldMistake) {
    let document: JSON
    do throws(TextMistake) {
      document = try JSON(parsing: state)
    } catch {
      throw FieldMistake(path: "", expected: "JSON", found: "\(error)")
    }
    for element in try JSONField(document).member("services").elements(maximum: ServicesAPI.maximumServices) {
      var versions: [Version] = []
      for version in try element.member("versions").elements(maximum: ServicesAPI.maximumVersions, minimum: 1) {
        versions.append(Version(try ServiceRegistration(version)))
      }
      guard let first = versions.first else { continue }
      var active = try element.member("active").integer()
      if planted.contains(.registryForgetsSwaps) { active = first.registration.version }
      guard versions.contains(where: { $0.registration.version == active }) else {
        throw try element.member("active").mismatch("the number of a version")
      }
      services[ExactName(first.registration.id)] = Service(versions: versions, active: active)
    }
  }

  /// Saves all. Throws where the disk has no room, and then nothing is changed on it.
  mutating func save(_ turn: inout Turn) throws(RequestProblem) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("services")
    writer.beginArray()
    for (_, service) in services.sorted(by: { $0.key < $1.key }) {
      writer.beginObject()
      writer.member("active", service.active)
      writer.name("versions")
      writer.beginArray()
      for version in service.versions { version.registration.write(&writer) }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    let bytes: [UInt8]
    do { bytes = try writer.finish() } catch { breakInvariant("registrations that JSON cannot hold: \(error)") }
    do throws(JournalError) {
      try file?.save(bytes, to: turn.disk)
    } catch {
      throw RequestProblem(507, code: "DISK_FULL", message: "nothing was changed: \(error)")
    }
  }
}
