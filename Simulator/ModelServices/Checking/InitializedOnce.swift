// A service is loaded once on a host, however many ask for it: between two loads of one version its host was stopped, or
// somebody had it unloaded, or it was idle for long enough. Seen at the loads that the registry asked for, and at the names of
// the instances that answered tasks.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks loads.
public struct InitializedOnce: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "services are initialised once" }
  public var requirements: [String] { ["MODELS-1"] }

  private struct Place: Hashable {
    var host: NodeID
    var service: ExactName
    var version: Int64
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    var loads: [Place: [(from: Instant, until: Instant)]] = [:]
    var unloads: [Place: [Instant]] = [:]
    for host in record.modelHosts {
      for exchange in record.exchanges where exchange.endpoint == Endpoint(host) {
        let head = exchange.request.head
        if head.method == .post, head.target == "/instances", case .answered(let response) = exchange.outcome, response.status == 201,
          let document = try? exchange.request.document(), let service = try? document.member("service").string(maximumBytes: 1_024),
          let version = try? document.member("version").integer()
        {
          count += 1
          loads[Place(host: host, service: ExactName(service), version: version), default: []].append(
            (exchange.startedAt, exchange.endedAt))
        } else if head.method == .delete, let target = try? HTTPTarget(head.target), target.segments == ["instances"],
          let service = try? target.item("service"), let version = try? target.integer("version", in: 1...Int64.max)
        {
          unloads[Place(host: host, service: ExactName(service), version: version), default: []].append(exchange.startedAt)
        }
      }
    }
    for (place, all) in loads.sorted(by: { ($0.key.host, $0.key.service, $0.key.version) < ($1.key.host, $1.key.service, $1.key.version) }) {
      let sorted = all.sorted { $0.until < $1.until }
      let registration = seen.registration(place.service, place.version)
      for (first, second) in zip(sorted, sorted.dropFirst()) {
        let isStopped = record.stops(of: place.host).contains { $0.from <= second.until && $0.until >= first.from }
        let isUnloaded = (unloads[place] ?? []).contains { $0 >= first.from && $0 <= second.until }
        // Reports, too, tell a host what nobody wants any more: only where nothing disturbed the registry that is no cause.
        let isUnwanted = isToldUnwanted(record, place.host, place.service, place.version, from: first.from, until: second.until)
        let isIdle = registration?.settings.idleTime.map { second.from - first.until >= $0 } ?? false
        if !isStopped, !isUnloaded, !isUnwanted, !isIdle {
          violations.append(
            Violation(
              at: second.until,
              "\(record.name(of: place.host)) loaded version \(place.version) of \(place.service) twice: until \(first.until.label) and again until \(second.until.label)"
            ))
        }
      }
    }
    return judgement(violations, examined: counted(count, "load"), count: count)
  }

  /// Whether the registry told a host, in answer to a report, that nobody wants an instance.
  private func isToldUnwanted(
    _ record: FlightRecord, _ host: NodeID, _ service: ExactName, _ version: Int64, from: Instant, until: Instant
  ) -> Bool {
    record.exchanges(to: .registry).contains { exchange in
      guard exchange.caller == host, exchange.endedAt >= from, exchange.endedAt <= until, case .answered(let response) = exchange.outcome,
        response.body.count > 20, let document = try? response.document(),
        let list = try? document.member("unload").elements(maximum: 1_000)
      else { return false }
      for element in list {
        if let name = try? element.member("service").string(maximumBytes: 1_024), ExactName(name) == service,
          (try? element.member("version").integer()) == version
        {
          return true
        }
      }
      return false
    }
  }
}
