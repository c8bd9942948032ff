// A service is loaded once on a host, however many ask for it: between two instances of one version its host was stopped, or
// somebody had it unloaded, or it was idle for long enough. Each load gives its instance a name of its own; the names are
// seen in the answers to loads and in the hosts' reports.

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

  /// Of which instances there should be one at a time.
  private struct Place: Hashable, Comparable {
    var host: NodeID
    var service: ExactName
    var version: Int64

    static func < (left: Place, right: Place) -> Bool {
      (left.host, left.service, left.version) < (right.host, right.service, right.version)
    }
  }

  /// An instance as it was seen: for the first time, and for the last.
  private struct Named {
    var name: String
    var first: Instant
    var last: Instant
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    var named: [Place: [Named]] = [:]
    var causes: [Place: [Instant]] = [:]
    func note(_ place: Place, _ name: String, from: Instant, until: Instant) {
      if let index = named[place]?.firstIndex(where: { sameBytes($0.name, name) }), let known = named[place]?[index] {
        named[place]?[index].first = min(known.first, from)
        named[place]?[index].last = max(known.last, until)
      } else {
        named[place, default: []].append(Named(name: name, first: from, last: until))
      }
    }
    for host in record.modelHosts {
      for exchange in record.exchanges where exchange.endpoint == Endpoint(host) {
        let head = exchange.request.head
        if head.method == .post, head.target == "/instances", case .answered(let response) = exchange.outcome,
          (200...201).contains(response.status), let asked = try? exchange.request.document(), let answer = try? response.document(),
          let service = try? asked.member("service").string(maximumBytes: 1_024), let version = try? asked.member("version").integer(),
          let instance = try? answer.member("instance").string(maximumBytes: 64)
        {
          note(
            Place(host: host, service: ExactName(service), version: version), instance, from: exchange.endedAt, until: exchange.endedAt)
        } else if head.method == .delete, let target = try? HTTPTarget(head.target), target.segments == ["instances"],
          let service = try? target.item("service"), let version = try? target.integer("version", in: 1...Int64.max)
        {
          causes[Place(host: host, service: ExactName(service), version: version), default: []].append(exchange.startedAt)
        }
      }
    }
    for exchange in record.exchanges(to: .registry) where record.modelHosts.contains(exchange.caller) {
      guard let document = try? exchange.request.document(), let report = try? HostReport(document) else { continue }
      for instance in report.instances {
        note(
          Place(host: exchange.caller, service: ExactName(instance.service), version: instance.version), instance.instance,
          from: exchange.startedAt, until: exchange.startedAt)
      }
      // The answer to a report may tell a host what nobody wants any more.
      guard case .answered(let response) = exchange.outcome, response.body.count > 20, let answer = try? response.document(),
        let list = try? answer.member("unload").elements(maximum: 1_000)
      else { continue }
      for element in list {
        guard let service = try? element.member("service").string(maximumBytes: 1_024),
          let version = try? element.member("version").integer()
        else { continue }
        causes[Place(host: exchange.caller, service: ExactName(service), version: version), default: []].append(exchange.endedAt)
      }
    }
    return judged(named, causes, record)
  }

  private func judged(_ named: [Place: [Named]], _ causes: [Place: [Instant]], _ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    for (place, all) in named.sorted(by: { $0.key < $1.key }) {
      let sorted = all.sorted { ($0.first, $0.last) < ($1.first, $1.last) }
      count += sorted.count
      let idle = seen.registration(place.service, place.version)?.settings.idleTime
      for (one, next) in zip(sorted, sorted.dropFirst()) {
        let isStopped = record.stops(of: place.host).contains { $0.from <= next.first && $0.until >= one.first }
        let isUnloaded = (causes[place] ?? []).contains { $0 >= one.first && $0 <= next.first }
        let isIdle = idle.map { next.first - one.first >= $0 } ?? false
        if !isStopped, !isUnloaded, !isIdle {
          violations.append(
            Violation(
              at: next.first,
              "\(record.name(of: place.host)) loaded version \(place.version) of \(place.service) twice: \(one.name), seen until \(one.last.label), and \(next.name)"
            ))
        }
      }
    }
    return judgement(violations, examined: counted(count, "instance"), count: count)
  }
}
