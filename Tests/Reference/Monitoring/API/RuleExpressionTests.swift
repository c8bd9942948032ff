// Rule expressions, durations and moments as text. MONITORING-19, MONITORING-23.

import MonitoringAPI
import TestChance
import Testing
import Vocabulary

private let minute: Int64 = 60_000_000_000

@Suite struct RuleExpressionTests {
  private func problem(_ text: String) -> String? {
    do throws(TextMistake) {
      _ = try RuleExpression(parsing: text)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func seedRule() throws {
    let rule = try RuleExpression(parsing: "avg(cpu_usage) > 80")
    #expect(rule == RuleExpression(aggregate: .avg, measurement: "cpu_usage", comparator: .greater, threshold: 80))
    #expect(rule.description == "avg(cpu_usage) > 80")
    #expect(rule.query.description == "SELECT avg(cpu_usage)")
    let now: Int64 = 1_696_789_500_000_000_000
    #expect(rule.timeRange(nowNanoseconds: now) == TimeRange(startNanoseconds: now + 1 - minute, endNanoseconds: now + 1))
  }

  @Test func bothPlacesOfWhere() throws {
    let conditions: [Condition] = [.tag("host", .equal, "a"), .time(.after, .now(plusNanoseconds: -10 * minute))]
    let rule = RuleExpression(aggregate: .avg, measurement: "cpu_usage", conditions: conditions, comparator: .greater, threshold: 80)
    #expect(try RuleExpression(parsing: "avg(cpu_usage WHERE host='a' AND time > now() - 10m) > 80") == rule)
    #expect(try RuleExpression(parsing: "avg(cpu_usage) WHERE host='a' AND time > now() - 10m > 80") == rule)
    #expect(rule.description == "avg(cpu_usage WHERE host = 'a' AND time > now() - 10m) > 80")
    #expect(rule.timeRange(nowNanoseconds: 0) == TimeRange(startNanoseconds: -10 * minute + 1, endNanoseconds: 1))
    let instants = try RuleExpression(parsing: "max(x) WHERE time >= 60000 AND time < 120000 <= -1.5e-3")
    #expect(instants.threshold == -0.0015)
    #expect(instants.comparator == .lessOrEqual)
    #expect(instants.timeRange(nowNanoseconds: 0) == TimeRange(startNanoseconds: minute, endNanoseconds: 2 * minute))
    let upper = try RuleExpression(parsing: "max(x WHERE time < now() - 1m) == 1")
    #expect(upper.timeRange(nowNanoseconds: 0) == TimeRange(startNanoseconds: -2 * minute, endNanoseconds: -minute))
    #expect(upper.timeRange(nowNanoseconds: .min).isEmpty)
  }

  @Test func complaints() {
    let cases: [(String, String)] = [
      ("avg(cpu_usage)", "line 1, column 15: expected one of > >= < <= == !=, found the end of the query"),
      ("avg(cpu_usage) = 80", "line 1, column 16: expected one of > >= < <= == !=, found '='"),
      ("avg(cpu_usage) > high", "line 1, column 18: expected a number, found 'high'"),
      ("avg(cpu_usage) > 80 for 5m", "line 1, column 21: expected the end, found 'for'"),
      ("SELECT avg(x) > 1", "line 1, column 1: a rule is an aggregate with a comparison, such as avg(cpu_usage) > 80, without SELECT"),
      ("avg(x y) > 1", "line 1, column 7: expected ')' or WHERE after the measurement, found 'y'"),
      ("avg(x WHERE h='a' > 1", "line 1, column 19: expected ')' or AND after the condition, found '>'"),
      ("avg(x WHERE h='a') WHERE h='b' > 1", "line 1, column 20: WHERE stands within the parentheses already"),
      ("avg(x) > 1e999", "line 1, column 10: the number is too large for a 64-bit double"),
      ("avg(x) > - ", "line 1, column 12: expected a number, found the end of the query"),
      ("> 80", "line 1, column 1: expected an aggregate (avg, sum, count, min, max, first, last), found '>'"),
    ]
    for (text, message) in cases { #expect(problem(text) == message, "\(text)") }
  }

  @Test func comparators() {
    let table: [(Comparator, [Bool])] = [
      (.greater, [false, false, true]), (.greaterOrEqual, [false, true, true]), (.less, [true, false, false]),
      (.lessOrEqual, [true, true, false]), (.equal, [false, true, false]), (.notEqual, [true, false, true]),
    ]
    for (comparator, results) in table {
      #expect([1, 2, 3].map { comparator.holds($0, 2) } == results)
      #expect(comparator.holds(.nan, 2) == (comparator == .notEqual))
    }
  }

  @Test(arguments: 0..<300 as Range<UInt64>) func printedRulesParseBack(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    var threshold = Double(bitPattern: random.next())
    if !threshold.isFinite || random.chance(1, of: 2) { threshold = Double(random.index(below: 2_000_000) - 1_000_000) / 100 }
    let rule = RuleExpression(
      aggregate: Aggregate.allCases[random.index(below: 7)], measurement: random.name(), conditions: random.conditions(),
      comparator: Comparator.allCases[random.index(below: 6)], threshold: threshold)
    #expect(try RuleExpression(parsing: rule.description) == rule, "seed \(seed): \(rule)")
    // The other place of the conditions means the same.
    let text = rule.description
    if !rule.conditions.isEmpty, rule.measurement == "cpu_usage" {
      let inside = "cpu_usage WHERE " + rule.conditions.map(\.description).joined(separator: " AND ") + ")"
      let outside = "cpu_usage) WHERE " + rule.conditions.map(\.description).joined(separator: " AND ")
      let start = "\(rule.aggregate.rawValue)("
      #expect(text.hasPrefix(start + inside), "seed \(seed)")
      #expect(try RuleExpression(parsing: start + outside + text.dropFirst((start + inside).count)) == rule, "seed \(seed): \(rule)")
    }
  }

  @Test func durations() throws {
    #expect(try DurationText.nanoseconds(of: "5m") == 5 * minute)
    #expect(try DurationText.nanoseconds(of: " 0s ") == 0)
    #expect(try DurationText.nanoseconds(of: "1h30m") == 90 * minute)
    #expect(try DurationText.nanoseconds(of: "9223372036854775807ns") == .max)
    for text in ["5", "m", "5s5m", "5m5", "-5m", "5 m", "", "1e3s", "9223372036854775808ns", "5M"] {
      #expect(throws: TextMistake.self, "\(text)") { try DurationText.nanoseconds(of: text) }
    }
    for nanoseconds in [0, 1, 999, 1000, 1_000_000, 90_000_000_000, 86_400_000_000_000, .max] as [Int64] {
      #expect(try DurationText.nanoseconds(of: DurationText.text(nanoseconds: nanoseconds)) == nanoseconds)
    }
  }

  @Test func moments() {
    let cases: [(String, Int64?)] = [
      ("1970-01-01", 0), ("1970-01-01 00:00:01", 1_000_000_000), ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0),
      ("2023-09-08T16:33:54.567Z", 1_694_190_834_567_000_000), ("2000-02-29", 951_782_400_000_000_000), ("1900-02-29", nil),
      ("2023-02-29", nil), ("2024-02-30", nil), ("2023-13-01", nil), ("2023-00-01", nil), ("2023-01-00", nil), ("2023-1-1", nil),
      ("1970-01-01T00:00:00", nil), ("1970-01-01T24:00:00Z", nil), ("1970-01-01T23:60:00Z", nil), ("1970-01-01T23:59:60Z", nil),
      ("1970-01-01 00:00:00.123456789", 123_456_789), ("1970-01-01 00:00:00.1234567890", nil), ("1970-01-01 00:00:00.", nil),
      ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-00:30", 0), ("1970-01-01T00:00:00+24:00", nil), ("", nil), ("now", nil),
      ("1970-01-01T00:00:00Zx", nil), ("1677-09-21T00:12:43.145224192Z", .min), ("1677-09-21T00:12:43.145224191Z", nil),
      ("2262-04-11T23:47:16.854775807Z", .max), ("2262-04-11T23:47:16.854775808Z", nil), ("9999-12-31", nil), ("0000-01-01", nil),
    ]
    for (text, nanoseconds) in cases { #expect(InstantText.nanoseconds(of: text) == nanoseconds, "\(text)") }
    #expect(InstantText.text(nanoseconds: 0) == "1970-01-01T00:00:00Z")
    #expect(InstantText.text(nanoseconds: -1) == "1969-12-31T23:59:59.999999999Z")
    #expect(InstantText.text(nanoseconds: 1_694_190_834_567_000_000) == "2023-09-08T16:33:54.567Z")
    var random = RandomStream(seed: 11)
    for index in 0..<5000 {
      let nanoseconds = index == 0 ? .min : index == 1 ? .max : Int64(bitPattern: random.next()) >> Int64(random.index(below: 64))
      #expect(InstantText.nanoseconds(of: InstantText.text(nanoseconds: nanoseconds)) == nanoseconds)
    }
  }
}
