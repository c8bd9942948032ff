// Every metric that ingestion acknowledged is in the queue exactly once, and nothing is there that was not sent.

import Checking
import Load
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// Checks conservation from the clients to the queue.
public struct QueueConservation: Checker {
  /// A checker.
  public init() {}

  public var name: String { "conservation in the queue" }
  public var requirements: [String] { ["MONITORING-1", "MONITORING-5", "MONITORING-6", "MONITORING-9"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let sent = SentMetrics(record)
    var found: [MetricIdentity: Int] = [:]
    for message in record.consumedMessages().values.joined() {
      guard let point = try? PointMessage(JSONField(message.value)),
        point.tags.contains(where: { $0.name == MetricsLoad.hostTag }), let value = point.fields.first?.value
      else { continue }
      found[MetricIdentity(measurement: point.measurement, value: value), default: 0] += 1
    }
    let acknowledged = sent.acknowledgedAt.values.count { $0 != nil }
    return judgement(
      sent.compare(found: found, place: "in the queue"),
      examined: "\(counted(acknowledged, "acknowledged metric")) of \(sent.acknowledgedAt.count) sent", count: acknowledged)
  }
}
