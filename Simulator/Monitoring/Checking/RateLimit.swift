// No client has more than the limit accepted within any second.
//
// When a request was decided is not seen from outside, only that it lies between its start and its end. So requests
// count against one window only if all of them began and ended within less than a second: what is reported is certain,
// what is certain at the boundary itself is for the contract cases.

import Checking
import Vocabulary

/// Checks the rate limit of ingestion's clients.
public struct RateLimit: Checker {
  /// Requests that may be accepted within any second.
  public var requestsPerSecond: Int

  /// A checker.
  public init(requestsPerSecond: Int) { self.requestsPerSecond = requestsPerSecond }

  public var name: String { "at most \(requestsPerSecond) requests a second for each client" }
  public var requirements: [String] { ["MONITORING-2"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var accepted: [ExactName: [(from: Instant, to: Instant)]] = [:]
    for exchange in record.exchanges(to: .ingestion) where exchange.request.head.target == "/metrics" {
      guard case .answered(let response) = exchange.outcome, response.status == 202,
        let client = exchange.request.head.headers["authorization"]
      else { continue }
      accepted[ExactName(client), default: []].append((exchange.startedAt, exchange.endedAt))
    }
    var violations: [Violation] = []
    for (client, spans) in accepted.sorted(by: { $0.key < $1.key }) {
      let byEnd = spans.sorted { $0.to < $1.to }
      for (index, span) in byEnd.enumerated() where index >= requestsPerSecond {
        let window = byEnd[(index - requestsPerSecond)...index]
        let first = window.map(\.from).min() ?? span.from
        if span.to - first < .seconds(1) {
          violations.append(
            Violation(at: span.to, "\(client) had \(requestsPerSecond + 1) requests accepted within \((span.to - first).label)"))
          break
        }
      }
    }
    return judgement(violations, examined: "\(counted(accepted.count, "client"))", count: accepted.count)
  }
}
