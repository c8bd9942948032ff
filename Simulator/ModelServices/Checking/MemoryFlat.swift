// In the end hosts hold what serves, and nothing else: of each service as many instances at most as it is to have, all of the
// version that is active. So swaps leave memory as it was.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks what is loaded in the end.
public struct MemoryFlat: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "memory stays flat" }
  public var requirements: [String] { ["MODELS-2"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    guard let probe = record.node(.probe) else { return judgement([], examined: "no probe", count: 0) }
    var active: [ExactName: Int64] = [:]
    var loaded: [ExactName: [(host: NodeID, version: Int64)]] = [:]
    var count = 0
    for exchange in record.exchanges where exchange.caller == probe {
      guard case .answered(let response) = exchange.outcome, response.status == 200, let document = try? response.document() else {
        continue
      }
      if let id = try? document.member("id").string(maximumBytes: 1_024), let version = try? document.member("active_version").integer() {
        active[ExactName(id)] = version
      } else if let list = try? document.member("instances").elements(maximum: 10_000),
        let host = record.modelHosts.first(where: { exchange.endpoint == Endpoint($0) })
      {
        count += 1
        for element in list {
          guard let report = try? InstanceReport(element) else { continue }
          loaded[ExactName(report.service), default: []].append((host, report.version))
        }
      }
    }
    var violations: [Violation] = []
    for (service, instances) in loaded.sorted(by: { $0.key < $1.key }) {
      for instance in instances where instance.version != active[service] {
        violations.append(
          Violation(
            "\(record.name(of: instance.host)) holds version \(instance.version) of \(service), and \(active[service] ?? 0) is active"))
      }
      let replicas = seen.registration(service, active[service] ?? 0)?.replicas ?? 0
      if instances.count > replicas, violations.isEmpty {
        violations.append(Violation("\(instances.count) instances of \(service) are loaded, which is to have \(replicas)"))
      }
    }
    return judgement(violations, examined: counted(count, "host"), count: count)
  }
}
