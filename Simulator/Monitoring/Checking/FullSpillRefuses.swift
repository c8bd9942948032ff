// Where the queue is away and ingestion's spill is full, requests are refused with 503 and the time after which to come
// again. That what was refused is not kept is not judged here: the queue may have stored it before it was away.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that a spill fills, and how requests are refused then.
public struct FullSpillRefuses: Checker {
  /// A checker.
  public init() {}

  public var name: String { "a full spill refuses" }
  public var requirements: [String] { ["MONITORING-5"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var refused = 0
    var sent = 0
    for exchange in record.exchanges(to: .ingestion) where exchange.request.head.target == "/metrics" {
      sent += 1
      guard case .answered(let response) = exchange.outcome, response.status == 503 else { continue }
      guard ErrorAnswer(response).code == "SPILL_FULL" else { continue }
      refused += 1
      let wait = response.head.headers["retry-after"].flatMap { Int($0) }
      if wait ?? 0 < 1 {
        violations.append(
          Violation(at: exchange.endedAt, "a request was refused by a full spill without a Retry-After of a second or more"))
      }
    }
    if refused == 0, sent > 0 {
      violations.append(Violation(at: nil, "of \(counted(sent, "request")) none was refused by a full spill"))
    }
    return judgement(violations, examined: "\(counted(refused, "request")) that a full spill refused", count: refused)
  }
}
