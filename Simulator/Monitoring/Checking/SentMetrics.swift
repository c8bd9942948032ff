// What the loads sent, and what became of it by their own exchanges: the ground on which conservation is judged.

import Checking
import Load
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// One metric as it can be recognised everywhere: by its name and its value, which is its number.
struct MetricIdentity: Hashable, Comparable {
  var measurement: String
  var value: Double

  static func < (left: MetricIdentity, right: MetricIdentity) -> Bool {
    (left.measurement, left.value) < (right.measurement, right.value)
  }

  /// "load 42".
  var label: String { "\(measurement) \(Int64(exactly: value).map(String.init) ?? "\(value)")" }
}

/// All metrics that were sent.
struct SentMetrics {
  /// Every metric, and when it was first acknowledged; nil where it never was.
  private(set) var acknowledgedAt: [MetricIdentity: Instant?] = [:]
  /// Timestamps that clients gave, in milliseconds since 1970.
  private(set) var timestampMilliseconds: [MetricIdentity: Int64] = [:]

  /// Reads the exchanges with ingestion.
  init(_ record: FlightRecord) {
    for exchange in record.exchanges(to: .ingestion) where exchange.request.head.target == "/metrics" {
      guard let document = try? exchange.request.document(), let body = try? MetricsRequest(document) else { continue }
      var acknowledged: Instant?
      if case .answered(let response) = exchange.outcome, response.status == 202 { acknowledged = exchange.endedAt }
      for metric in body.metrics {
        guard metric.tags.contains(where: { $0.name == MetricsLoad.hostTag }) else { continue }
        let identity = MetricIdentity(measurement: metric.name, value: metric.value)
        let earlier = acknowledgedAt[identity] ?? nil
        acknowledgedAt[identity] = .some(earlier ?? acknowledged)
        if let stamp = metric.timestampMilliseconds { timestampMilliseconds[identity] = stamp }
      }
    }
  }

  /// Compares what was found somewhere, by identity and count, with what was sent.
  func compare(found: [MetricIdentity: Int], place: String) -> [Violation] {
    var violations: [Violation] = []
    for (identity, acknowledged) in acknowledgedAt.sorted(by: { $0.key < $1.key }) {
      let count = found[identity] ?? 0
      if count > 1 {
        violations.append(Violation(at: acknowledged, "\(identity.label) is \(count) times \(place)"))
      } else if count == 0, let acknowledged {
        violations.append(Violation(at: acknowledged, "\(identity.label) was acknowledged and is not \(place)"))
      }
    }
    for identity in found.keys.sorted() where acknowledgedAt[identity] == nil {
      violations.append(Violation("\(identity.label) is \(place) and was never sent"))
    }
    return violations
  }
}

extension FlightRecord {
  /// Good answers of `server` to the probe, for targets that begin with `path`.
  func probed(_ server: NodeRole, _ path: String) -> [(request: Request, response: Response, at: Instant)] {
    exchanges(to: server, from: .probe).compactMap { exchange in
      guard exchange.request.head.target.hasPrefix(path), case .answered(let response) = exchange.outcome, response.status == 200 else {
        return nil
      }
      return (exchange.request, response, exchange.endedAt)
    }
  }

  /// The first offset that each partition still holds, where the probe was told that earlier ones are not retained.
  func firstRetainedOffsets() -> [Int: Int64] {
    var offsets: [Int: Int64] = [:]
    let probe = node(.probe)
    for exchange in exchanges where exchange.caller == probe {
      guard case .answered(let response) = exchange.outcome, response.status == 410,
        let target = try? HTTPTarget(exchange.request.head.target), target.segments.first == "consume",
        let consume = try? ConsumeRequest(target), let document = try? response.document(),
        let first = try? OffsetNotRetained(document).firstOffset
      else { continue }
      offsets[consume.partition] = max(offsets[consume.partition] ?? 0, first)
    }
    return offsets
  }

  /// All messages that the probe consumed, by partition.
  func consumedMessages() -> [Int: [ConsumedMessage]] {
    var messages: [Int: [ConsumedMessage]] = [:]
    let probe = node(.probe)
    for exchange in exchanges where exchange.caller == probe {
      guard case .answered(let response) = exchange.outcome, response.status == 200,
        let target = try? HTTPTarget(exchange.request.head.target), target.segments.first == "consume",
        let consume = try? ConsumeRequest(target), let document = try? response.document(), let answer = try? ConsumeResponse(document)
      else { continue }
      messages[consume.partition, default: []] += answer.messages
    }
    return messages
  }
}
