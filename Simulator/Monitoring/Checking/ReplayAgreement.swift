// After a replay the query engine's average, sum and count of every five minutes are those of the file's own rows,
// computed here from the rows by themselves: grouped by the timestamp's whole five minutes, of two rows of one time the
// last.

import Checking
import Load
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// Checks the query engine against the rows that were sent.
public struct ReplayAgreement: Checker {
  /// What was sent.
  public var recording: Recording

  /// A checker.
  public init(_ recording: Recording) { self.recording = recording }

  public var name: String { "five-minute aggregates equal those of the files" }
  public var requirements: [String] { ["MONITORING-12", "MONITORING-13", "MONITORING-15", "MONITORING-19"] }

  /// Length of a bucket in milliseconds.
  public static let bucketMilliseconds: Int64 = 300_000

  private struct Bucket {
    var count = 0
    var sum = 0.0
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var examined = 0
    var answered: Set<ExactName> = []
    for (request, response, at) in record.probed(.query, "/query") {
      guard let text = try? request.document().member("query").string(maximumBytes: 16_384), let query = try? Query(parsing: text),
        query.grouping.intervalNanoseconds != nil, let series = recording.series.first(where: { sameBytes($0.name, query.measurement) })
      else { continue }
      answered.insert(ExactName(series.name))
      let expected = Self.buckets(series)
      guard let rows = try? response.document().member("series").elements(maximum: 10_000_000) else {
        violations.append(Violation(at: at, "\(series.name): the answer has no series"))
        continue
      }
      var found: Set<Int64> = []
      for row in rows {
        guard let time = try? row.member("time").integer(), let count = try? row.member("count").integer(),
          let sum = try? row.member("sum").finiteDouble(), let average = try? row.member("avg").finiteDouble()
        else {
          violations.append(Violation(at: at, "\(series.name): a row has no time, count, sum and avg"))
          continue
        }
        found.insert(time)
        examined += 1
        guard let bucket = expected[time] else {
          violations.append(Violation(at: at, "\(series.name): the bucket at \(time) holds \(count) and the file has nothing there"))
          continue
        }
        // Sums of doubles depend on their order in the last bits only.
        let tolerance = 1e-12 * max(abs(bucket.sum), 1)
        if count != bucket.count || abs(sum - bucket.sum) > tolerance || abs(average - bucket.sum / Double(bucket.count)) > tolerance {
          violations.append(
            Violation(
              at: at,
              "\(series.name), bucket \(time): count \(count), sum \(sum), avg \(average); the file says \(bucket.count), \(bucket.sum)"))
        }
      }
      for time in expected.keys.sorted() where !found.contains(time) {
        violations.append(Violation(at: at, "\(series.name): the bucket at \(time) is missing"))
      }
    }
    for series in recording.series where !answered.contains(ExactName(series.name)) {
      violations.append(Violation("\(series.name): the query engine gave no answer"))
    }
    return judgement(violations, examined: "\(counted(examined, "bucket")) of \(answered.count) series", count: examined)
  }

  /// The buckets of a series by their first millisecond.
  private static func buckets(_ series: RecordedSeries) -> [Int64: Bucket] {
    var buckets: [Int64: Bucket] = [:]
    for (index, row) in series.rows.enumerated() {
      let isOverwritten = index + 1 < series.rows.count && series.rows[index + 1].timestampMilliseconds == row.timestampMilliseconds
      if isOverwritten { continue }
      let remainder = row.timestampMilliseconds % bucketMilliseconds
      let start = row.timestampMilliseconds - (remainder < 0 ? remainder + bucketMilliseconds : remainder)
      buckets[start, default: Bucket()].count += 1
      buckets[start, default: Bucket()].sum += row.value
    }
    return buckets
  }
}
