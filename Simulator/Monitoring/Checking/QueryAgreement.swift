// The query engine's count and sum of a measurement are those of the points that storage holds.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that the query engine agrees with storage.
public struct QueryAgreement: Checker {
  /// A checker.
  public init() {}

  public var name: String { "query engine agrees with storage" }
  public var requirements: [String] { ["MONITORING-19"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var totals: [ExactName: (count: Int, sum: Double)] = [:]
    for (measurement, points) in record.storedPoints() {
      totals[ExactName(measurement)] = (points.count, points.reduce(0) { $0 + ($1.fields.first?.value ?? 0) })
    }
    var violations: [Violation] = []
    var answered: Set<ExactName> = []
    for (request, response, at) in record.probed(.query, "/query") {
      guard let text = try? request.document().member("query").string(maximumBytes: 16_384), let query = try? Query(parsing: text),
        let expected = totals[ExactName(query.measurement)]
      else { continue }
      answered.insert(ExactName(query.measurement))
      let (count, sum) = Self.row(response)
      // Values are whole numbers below 2⁵³ in sum: any order of addition gives the same.
      if count != expected.count || (expected.count > 0 && sum != expected.sum) {
        violations.append(
          Violation(
            at: at,
            "\(query.measurement): the engine counts \(count) with sum \(sum), storage holds \(expected.count) with sum \(expected.sum)"))
      }
    }
    for measurement in totals.keys.sorted() where !answered.contains(measurement) {
      violations.append(Violation("\(measurement): the query engine gave no answer"))
    }
    return judgement(violations, examined: "\(counted(answered.count, "measurement"))", count: answered.count)
  }

  /// Count and sum of the answer's one row; zeros where it has none.
  private static func row(_ response: Response) -> (count: Int, sum: Double) {
    guard let rows = try? response.document().member("series").elements(maximum: 2), let row = rows.first else { return (0, 0) }
    return (
      (try? row.member("count").integer()).map { Int($0) } ?? -1, (try? row.member("sum").finiteDouble()) ?? .nan
    )
  }
}
