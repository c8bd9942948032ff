// What a reader saw once it sees ever after: the count of a measurement's points in a fixed stretch of time never falls, whatever
// storage does meanwhile (flush, crash, restart).

import MonitoringAPI
import Vocabulary
import Wire

/// Checks that the reader's counts never fall.
public struct ReadsNeverGoBack: Checker {
  /// A checker.
  public init() {}

  public var name: String { "reads never go back" }
  public var requirements: [String] { ["MONITORING-9", "MONITORING-13", "MONITORING-14"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var greatest: Int64 = 0
    var examined = 0
    // One read is made after the other, so the order of ends is the order of reads.
    for exchange in record.exchanges(to: "query", from: "reader") {
      guard case .answered(let response) = exchange.outcome, response.status == 200,
        let rows = try? response.document().member("series").elements(maximum: 10)
      else { continue }
      let count = rows.first.flatMap { try? $0.member("count").integer() } ?? 0
      examined += 1
      if count < greatest {
        violations.append(Violation(at: exchange.endedAt, "a read counts \(count) points where one before it counted \(greatest)"))
      }
      greatest = max(greatest, count)
    }
    return judgement(violations, examined: "\(examined) reads, \(greatest) points", count: greatest > 0 ? examined : 0)
  }
}
