// What a reader saw once it sees ever after: the count of a measurement's points in a stretch of time never falls,
// whatever storage does meanwhile (flush, crash, restart). The reader asks for many stretches; answers to the same
// question are held against each other.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that the reader's counts never fall, for each question that it asks.
public struct ReadsNeverGoBack: Checker {
  /// A checker.
  public init() {}

  public var name: String { "reads never go back" }
  public var requirements: [String] { ["MONITORING-9", "MONITORING-13", "MONITORING-14"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    // By the question's bytes. Asked only, never gone through in its order.
    var greatest: [[UInt8]: Int64] = [:]
    var points: Int64 = 0
    var examined = 0
    // One read is made after the other, so the order of ends is the order of reads.
    for exchange in record.exchanges(to: .query, from: .reader) {
      guard case .answered(let response) = exchange.outcome, response.status == 200,
        let rows = try? response.document().member("series").elements(maximum: 10)
      else { continue }
      let count = rows.first.flatMap { try? $0.member("count").integer() } ?? 0
      examined += 1
      let before = greatest[exchange.request.body] ?? 0
      if count < before {
        violations.append(Violation(at: exchange.endedAt, "a read counts \(count) points where one before it counted \(before)"))
      }
      greatest[exchange.request.body] = max(before, count)
      points += max(0, count - before)
    }
    return judgement(
      violations,
      examined: "\(counted(examined, "read")) of \(counted(greatest.count, "stretch", "stretches")), \(counted(Int(points), "point"))",
      count: points > 0 ? examined : 0)
  }
}
