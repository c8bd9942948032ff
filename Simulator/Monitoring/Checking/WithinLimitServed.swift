// Who keeps to the limit is not limited: no client is answered 429 that cannot have had as many requests decided within
// the last second.
//
// When a request was decided is not seen from outside, only that it lies between its start and its end. So every request
// of the client that may have been decided within a second before counts, whatever became of it, and only a 429 that
// is certainly wrong is told. Clocks of ingestion that drift would need a wider window.

import Checking
import Vocabulary

/// Checks that clients within the limit are not refused for it.
public struct WithinLimitServed: Checker {
  /// Requests that must be accepted within any second.
  public var requestsPerSecond: Int

  /// A checker.
  public init(requestsPerSecond: Int) { self.requestsPerSecond = requestsPerSecond }

  public var name: String { "who keeps to the limit is served" }
  public var requirements: [String] { ["MONITORING-2"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var decided: [ExactName: [(from: Instant, to: Instant, isLimited: Bool)]] = [:]
    for exchange in record.exchanges(to: .ingestion) where exchange.request.head.target == "/metrics" {
      guard let client = exchange.request.head.headers["authorization"] else { continue }
      let isLimited =
        if case .answered(let response) = exchange.outcome { response.status == 429 } else { false }
      decided[ExactName(client), default: []].append((exchange.startedAt, exchange.endedAt, isLimited))
    }
    var violations: [Violation] = []
    for (client, spans) in decided.sorted(by: { $0.key < $1.key }) {
      for span in spans where span.isLimited {
        let others = spans.count { !$0.isLimited && $0.to + .seconds(1) > span.from && $0.from <= span.to }
        if others < requestsPerSecond {
          violations.append(
            Violation(at: span.to, "\(client) was limited, and had at most \(others) other requests decided within a second before"))
        }
      }
    }
    return judgement(violations, examined: "\(counted(decided.count, "client"))", count: decided.count)
  }
}
