// Health is told as it is: a host that is silent for long is told of as silent, and as alive once it is back; a service whose
// tasks fail on a host is told of as degraded or worse, though the host's heartbeats go on.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks events of health.
public struct HealthTold: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]

  /// A checker of what was `seen`, where hosts misbehaved so.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour]) {
    self.seen = seen
    self.misbehaviours = misbehaviours
  }

  public var name: String { "health is told as it is" }
  public var requirements: [String] { ["MODELS-7"] }

  /// A host that is away for longer than this is to be told of.
  private static let longest = TimeSpan.milliseconds(1_500)
  /// Within this, from when it could be known.
  private static let within = TimeSpan.seconds(2)

  private struct Told {
    var at: Instant
    var subject: String
    var to: String
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let events = events(record)
    var violations: [Violation] = []
    var count = 0
    let hosts = record.modelHosts
    let others = [record.node(.registry), record.node(.watcher)].compactMap { $0 }
    let deaf = record.disturbances(of: others)
    func isHeard(_ from: Instant, _ until: Instant) -> Bool { !deaf.contains { $0.from <= until && $0.until + Self.within >= from } }
    for (place, host) in hosts.enumerated() {
      let name = "host-\(place + 1)"
      for stop in record.stops(of: host) where stop.until - stop.from > Self.longest {
        let until = stop.from + Self.longest + Self.within
        guard isHeard(stop.from, until) else { continue }
        count += 1
        if !events.contains(where: { $0.subject == name && $0.to == "silent" && $0.at >= stop.from && $0.at <= until }) {
          violations.append(Violation(at: until, "\(name) was dead from \(stop.from.label), and nobody was told that it is silent"))
        }
      }
    }
    for misbehaviour in misbehaviours where misbehaviour.kind == .hang || misbehaviour.kind == .lie(1) {
      let from = misbehaviour.began
      let until = min(from + FailingLeftAlone.patience, misbehaviour.ended)
      guard until - from >= FailingLeftAlone.patience, isHeard(from, until),
        !record.disturbances(of: hosts).contains(where: { $0.from <= until && $0.until >= from })
      else { continue }
      for service in services(on: misbehaviour, from) {
        count += 1
        let isTold = events.contains {
          $0.subject == service.text && ["degraded", "unhealthy"].contains($0.to) && $0.at >= from && $0.at <= until
        }
        // It may have been told of before, and not come back since.
        let last = events.last { $0.subject == service.text && $0.at < from }
        if !isTold, !(last.map { ["degraded", "unhealthy"].contains($0.to) } ?? false) {
          violations.append(
            Violation(at: until, "\(service) fails on host-\(misbehaviour.host + 1) since \(from.label), and is told of as well"))
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "change")), \(counted(events.count, "event"))", count: count)
  }

  /// The services that a host did tasks of shortly before, and that its misbehaviour concerns.
  private func services(on misbehaviour: Misbehaviour, _ from: Instant) -> [ExactName] {
    let name = "host-\(misbehaviour.host + 1)"
    var found: Set<ExactName> = []
    for task in seen.tasks where task.endedAt < from && from - task.endedAt < .seconds(1) {
      guard let answer = task.answer, sameBytes(answer.host, name) else { continue }
      if misbehaviour.service.map({ ExactName($0) == task.service }) ?? true { found.insert(task.service) }
    }
    return found.sorted()
  }

  private func events(_ record: FlightRecord) -> [Told] {
    var told: [Told] = []
    for stream in record.streams(to: .registry) {
      var reader = EventStreamReader()
      for message in stream.messages where !message.isFromCaller {
        for event in (try? reader.receive(message.bytes)) ?? [] where event.type == ServicesAPI.healthEvent {
          guard let value = try? JSON(parsing: Array(event.data.utf8)), case .string(let to)? = value["to"] else { continue }
          if case .string(let service)? = value["service"] { told.append(Told(at: message.at, subject: service, to: to)) }
          if case .string(let host)? = value["host"] { told.append(Told(at: message.at, subject: host, to: to)) }
        }
      }
    }
    return told.sorted { $0.at < $1.at }
  }
}
