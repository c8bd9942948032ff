// Every metric that ingestion acknowledged is in storage exactly once, with the timestamp that its client gave, and
// nothing is there that was not sent.

import Checking
import Load
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// Checks conservation from the clients to storage.
public struct StorageConservation: Checker {
  /// A checker.
  public init() {}

  public var name: String { "conservation in storage" }
  public var requirements: [String] { ["MONITORING-1", "MONITORING-9", "MONITORING-12", "MONITORING-13", "MONITORING-15"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let sent = SentMetrics(record)
    var found: [MetricIdentity: Int] = [:]
    var violations: [Violation] = []
    for (measurement, points) in record.storedPoints() {
      for point in points {
        guard point.tags.contains(where: { $0.name == MetricsLoad.hostTag }), let value = point.fields.first?.value
        else { continue }
        let identity = MetricIdentity(measurement: measurement, value: value)
        found[identity, default: 0] += 1
        if let stamp = sent.timestampMilliseconds[identity], WallTime(milliseconds: stamp).nanoseconds != point.timestampNanoseconds {
          violations.append(Violation("\(identity.label) was sent for \(stamp) ms and is stored at \(point.timestampNanoseconds) ns"))
        }
      }
    }
    let acknowledged = sent.acknowledgedAt.values.count { $0 != nil }
    return judgement(
      sent.compare(found: found, place: "in storage") + violations,
      examined: "\(counted(acknowledged, "acknowledged metric")) of \(sent.acknowledgedAt.count) sent", count: acknowledged)
  }
}

extension FlightRecord {
  /// All points that storage gave the probe, by measurement, in the order of their first answer.
  func storedPoints() -> [(measurement: String, points: [DataPoint])] {
    probed(.storage, "/query").compactMap { request, response, _ in
      guard let document = try? request.document(), let query = try? StorageQueryRequest(document),
        let answer = try? response.document(), let points = try? StorageQueryResponse(answer)
      else { return nil }
      return (query.measurement, points.dataPoints)
    }
  }
}
