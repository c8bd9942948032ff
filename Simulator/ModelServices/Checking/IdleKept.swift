// An instance stays for its idle time: a host's reports show it for that long at least, from when it was first ready, unless it
// was unloaded on purpose or its host was stopped.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks how long instances stay.
public struct IdleKept: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "instances stay their idle time" }
  public var requirements: [String] { ["MODELS-1"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    for host in record.modelHosts {
      var ready: [String: (since: Instant, report: InstanceReport)] = [:]
      let exchanges = record.exchanges(to: .registry).filter { $0.caller == host }.sorted { $0.startedAt < $1.startedAt }
      let isUnloaded = record.exchanges.contains { $0.endpoint == Endpoint(host) && $0.request.head.method == .delete }
      guard !isUnloaded, record.stops(of: host).isEmpty else { continue }
      for exchange in exchanges {
        guard let document = try? exchange.request.document(), let report = try? HostReport(document) else { continue }
        for instance in report.instances where instance.state == .ready && ready[instance.instance] == nil {
          ready[instance.instance] = (exchange.startedAt, instance)
        }
        for (name, known) in ready.sorted(by: { $0.key < $1.key }) where !report.instances.contains(where: { $0.instance == name }) {
          ready[name] = nil
          guard let idle = seen.registration(ExactName(known.report.service), known.report.version)?.settings.idleTime else { continue }
          count += 1
          let stayed = exchange.startedAt - known.since
          // A report may be a heartbeat late.
          if stayed + .milliseconds(250) < idle {
            violations.append(
              Violation(
                at: exchange.startedAt,
                "\(record.name(of: host)) let \(known.report.service) go \(stayed.label) after it was ready; it is to stay \(idle.label)"))
          }
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "instance")) that went", count: count)
  }
}
