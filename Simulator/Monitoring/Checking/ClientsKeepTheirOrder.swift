// The metrics of a client lie in the queue in the order of their 202s, also while some of them waited in ingestion's
// spill: what was sent after an earlier request had been answered lies behind what that one brought. Within a request
// they lie in its order.
//
// Judged on what the probe read of the queue. Limits: metrics of requests that were sent more than once are left out,
// since the one that stored them may have been any of those; so are requests that were under way at the same time.

import Checking
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// Checks the order of each client's metrics in the queue.
public struct ClientsKeepTheirOrder: Checker {
  /// A checker.
  public init() {}

  public var name: String { "clients keep their order" }
  public var requirements: [String] { ["MONITORING-5"] }

  /// A request that was answered 202, and where its metrics lie.
  private struct Kept {
    var from: Instant
    var to: Instant
    var first: (offset: Int64, metric: MetricIdentity)
    var last: (offset: Int64, metric: MetricIdentity)
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let places = places(record)
    var times: [MetricIdentity: Int] = [:]
    var requests: [(client: ExactName, exchange: ExchangeRecord, metrics: [MetricIdentity])] = []
    for exchange in record.exchanges(to: .ingestion) where exchange.request.head.target == "/metrics" {
      guard let client = exchange.request.head.headers["authorization"], let document = try? exchange.request.document(),
        let body = try? MetricsRequest(document)
      else { continue }
      let metrics = body.metrics.map { MetricIdentity(measurement: $0.name, value: $0.value) }
      for metric in metrics { times[metric, default: 0] += 1 }
      guard case .answered(let response) = exchange.outcome, response.status == 202 else { continue }
      requests.append((ExactName(client), exchange, metrics))
    }
    var violations: [Violation] = []
    var clients: [ExactName: [Kept]] = [:]
    for request in requests where request.metrics.allSatisfy({ times[$0] == 1 }) {
      // What is not in the queue is for the judge of conservation.
      let lying = request.metrics.compactMap { metric in places[metric].map { (offset: $0, metric: metric) } }
      guard let first = lying.first, let last = lying.last, lying.count == request.metrics.count else { continue }
      for (one, next) in zip(lying, lying.dropFirst()) where next.offset <= one.offset {
        violations.append(
          Violation(at: request.exchange.endedAt, "\(next.metric.label) lies before \(one.metric.label), which its request has first"))
      }
      clients[request.client, default: []].append(
        Kept(from: request.exchange.startedAt, to: request.exchange.endedAt, first: first, last: last))
    }
    var pairs = 0
    for (client, kept) in clients.sorted(by: { $0.key < $1.key }) {
      let byEnd = kept.sorted { $0.to < $1.to }
      var ended = 0
      var furthest: (offset: Int64, metric: MetricIdentity)?
      for request in kept.sorted(by: { $0.from < $1.from }) {
        while ended < byEnd.count, byEnd[ended].to < request.from {
          if byEnd[ended].last.offset > furthest?.offset ?? -1 { furthest = byEnd[ended].last }
          ended += 1
        }
        guard let furthest else { continue }
        pairs += 1
        guard furthest.offset > request.first.offset else { continue }
        violations.append(
          Violation(
            at: request.to,
            "\(client): \(request.first.metric.label) lies at offset \(request.first.offset), before \(furthest.metric.label), "
              + "which was acknowledged before it was sent"))
      }
    }
    return judgement(violations, examined: "\(counted(pairs, "request")) of \(counted(clients.count, "client"))", count: pairs)
  }

  /// The offset of each metric; all metrics of a client lie in one partition.
  private func places(_ record: FlightRecord) -> [MetricIdentity: Int64] {
    var places: [MetricIdentity: Int64] = [:]
    for message in record.consumedMessages().values.joined() {
      guard let point = try? PointMessage(JSONField(message.value)),
        point.tags.contains(where: { $0.name == MetricsLoad.hostTag }), let value = point.fields.first?.value
      else { continue }
      places[MetricIdentity(measurement: point.measurement, value: value)] = message.offset
    }
    return places
  }
}
