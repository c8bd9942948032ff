// The query language: the seed's query, every clause, every complaint, and print-parse round trips. MONITORING-19.

import Foundation
import MonitoringAPI
import TestChance
import Testing
import Vocabulary

private let minute: Int64 = 60_000_000_000
private let hour: Int64 = 3_600_000_000_000

@Suite struct QueryParserTests {
  private func problem(_ text: String) -> String? {
    do throws(TextMistake) {
      _ = try Query(parsing: text)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func seedQuery() throws {
    let query = try Query(parsing: "SELECT avg(cpu_usage) WHERE host='server01' AND time > now() - 1h GROUP BY time(5m)")
    #expect(
      query
        == Query(
          selections: [Selection(.avg)], measurement: "cpu_usage",
          conditions: [.tag("host", .equal, "server01"), .time(.after, .now(plusNanoseconds: -hour))],
          grouping: Grouping(intervalNanoseconds: 5 * minute)))
    #expect(query.description == "SELECT avg(cpu_usage) WHERE host = 'server01' AND time > now() - 1h GROUP BY time(5m)")
    let now: Int64 = 1_696_789_500_000_000_000
    #expect(query.timeRange(nowNanoseconds: now) == TimeRange(startNanoseconds: now - hour + 1, endNanoseconds: now + 1))
    #expect(query.hasLowerTimeBound)
  }

  @Test func normalisedPrinting() throws {
    let cases: [(String, String)] = [
      ("select AVG ( cpu ) , Sum(cpu)as total,count(cpu)", "SELECT avg(cpu), sum(cpu) AS total, count(cpu)"),
      ("SELECT avg(cpu) AS avg", "SELECT avg(cpu)"),
      ("SELECT min(\"odd name\") AS \"a \"\"b\"\"\"", "SELECT min(\"odd name\") AS \"a \"\"b\"\"\""),
      ("SELECT max(\"cpu\") WHERE \"time\"='x' AND a!='it''s'", "SELECT max(cpu) WHERE \"time\" = 'x' AND a != 'it''s'"),
      ("SELECT first(a.b:c) where host = ''", "SELECT first(a.b:c) WHERE host = ''"),
      ("SELECT last(x) WHERE time>=1696789234567 and time<-5", "SELECT last(x) WHERE time >= 1696789234567 AND time < -5"),
      ("SELECT last(x) WHERE time = now()", "SELECT last(x) WHERE time = now()"),
      ("SELECT last(x) WHERE time <= now()+90s", "SELECT last(x) WHERE time <= now() + 90s"),
      ("SELECT last(x) WHERE time > now() - 0s", "SELECT last(x) WHERE time > now()"),
      ("SELECT last(x) WHERE time > now() - 1h30m", "SELECT last(x) WHERE time > now() - 90m"),
      ("SELECT sum(x) GROUP BY time(1w2d)", "SELECT sum(x) GROUP BY time(9d)"),
      ("SELECT sum(x) GROUP BY time(1w1d1h1m1s1ms1us1ns)", "SELECT sum(x) GROUP BY time(694861001001001ns)"),
      ("SELECT last(x) WHERE time > now() - 120m", "SELECT last(x) WHERE time > now() - 2h"),
      ("SELECT last(x) WHERE time > '2023-09-08 16:33:54'", "SELECT last(x) WHERE time > 1694190834000"),
      ("SELECT last(x) WHERE time > '2023-09-08T18:33:54.5+02:00'", "SELECT last(x) WHERE time > 1694190834500"),
      ("SELECT last(x) WHERE time > '1970-01-01T00:00:00.000000001Z'", "SELECT last(x) WHERE time > '1970-01-01T00:00:00.000000001Z'"),
      ("SELECT sum(x) GROUP BY host,time(60s),\"fill\" fill(zero)", "SELECT sum(x) GROUP BY time(1m), host, \"fill\" fill(0)"),
      ("SELECT sum(x) GROUP BY time(1w) fill(null) ORDER BY time ASC", "SELECT sum(x) GROUP BY time(1w) fill(null)"),
      ("SELECT sum(x) GROUP BY time(1500us) fill(none)", "SELECT sum(x) GROUP BY time(1500us)"),
      ("SELECT sum(x) GROUP BY time(1ns) FILL(-1.5e3)", "SELECT sum(x) GROUP BY time(1ns) fill(-1500)"),
      (
        "SELECT sum(x) GROUP BY time(1s) fill(previous) order by time desc limit 10 offset 20",
        "SELECT sum(x) GROUP BY time(1s) fill(previous) ORDER BY time DESC LIMIT 10 OFFSET 20"
      ),
      ("SELECT sum(x)\nOFFSET 0", "SELECT sum(x)"), ("SELECT sum(x) LIMIT 0", "SELECT sum(x) LIMIT 0"),
    ]
    for (text, printed) in cases {
      let query = try Query(parsing: text)
      #expect(query.description == printed)
      #expect(try Query(parsing: printed) == query)
    }
  }

  @Test func complaints() {
    let cases: [(String, String)] = [
      ("", "line 1, column 1: expected SELECT, found the end of the query"),
      ("avg(x)", "line 1, column 1: expected SELECT, found 'avg'"),
      ("SELECT avg()", "line 1, column 12: expected a measurement name, found ')'"),
      ("SELECT avg cpu", "line 1, column 12: expected '(' after 'avg', found 'cpu'"),
      ("SELECT avg(cpu", "line 1, column 15: expected ')' after the measurement, found the end of the query"),
      (
        "SELECT abg(cpu)",
        "line 1, column 8: expected an aggregate (avg, sum, count, min, max, first, last), found 'abg' (did you mean avg?)"
      ),
      ("SELECT *", "line 1, column 8: expected an aggregate (avg, sum, count, min, max, first, last), found '*'"),
      ("SELECT avg('cpu')", "line 1, column 12: expected a measurement name, found ''cpu'': names stand bare or in double quotes"),
      (
        "SELECT avg(group)",
        "line 1, column 12: expected a measurement name, found the key word 'group': as a name it stands in double quotes"
      ),
      ("SELECT avg(a), sum(b)", "line 1, column 20: all aggregates of one query read one measurement: expected \"a\", found \"b\""),
      ("SELECT avg(a), avg(a)", "line 1, column 16: the column \"avg\" occurs twice: name one of them with AS"),
      ("SELECT avg(a), sum(a) AS avg", "line 1, column 26: the column \"avg\" occurs twice: name one of them with AS"),
      ("SELECT avg(a) AS \"time\"", "line 1, column 18: a column cannot be called \"time\", which rows have already"),
      ("SELECT avg(a) AS h GROUP BY h", "line 1, column 30: \"h\" is a column and a tag of GROUP BY: rename the column with AS"),
      (
        "SELECT avg(a) FROM b",
        "line 1, column 15: FROM is not part of the language: the measurement stands in the aggregate, as in avg(cpu_usage)"
      ),
      ("SELECT avg(a) WERE b", "line 1, column 15: expected ',', WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET or the end, found 'WERE'"),
      ("SELECT avg(a)\nWHERE host=server01", "line 2, column 12: expected a value in single quotes, found 'server01'"),
      ("SELECT avg(a) WHERE host > 'x'", "line 1, column 26: expected = or != after the tag \"host\", found '>'"),
      ("SELECT avg(a) WHERE host == 'x'", "line 1, column 26: expected = or != after the tag \"host\", found '=='"),
      ("SELECT avg(a) WHERE é = 'x'", "line 1, column 21: 'é' is not part of the query language"),
      ("SELECT avg(a) WHERE a='x' OR b='y'", "line 1, column 27: OR is not supported yet: conditions are joined by AND"),
      ("SELECT avg(a) WHERE (a='x')", "line 1, column 21: parentheses in WHERE are not supported yet: conditions are joined by AND"),
      ("SELECT avg(a) WHERE NOT a='x'", "line 1, column 21: NOT is not supported yet: write tag != 'value'"),
      ("SELECT avg(a) WHERE a='x", "line 1, column 23: this text has no closing '"),
      ("SELECT avg(\"a", "line 1, column 12: this name has no closing \""),
      ("SELECT avg(\"\")", "line 1, column 12: a name must not be empty"),
      ("SELECT avg(a) WHERE time != 5", "line 1, column 26: expected one of < <= > >= = after 'time', found '!='"),
      ("SELECT avg(a) WHERE time > now() - 1", "line 1, column 36: expected a duration such as 1h, found '1'"),
      ("SELECT avg(a) WHERE time > now - 1h", "line 1, column 32: expected '(' after 'now', found '-'"),
      (
        "SELECT avg(a) WHERE time > 5m", "line 1, column 28: expected now(), integer milliseconds, or a moment in single quotes, found '5m'"
      ),
      (
        "SELECT avg(a) WHERE time > 'soon'",
        "line 1, column 28: expected a moment such as '2023-09-08 16:33:54' or '2023-09-08T16:33:54.567Z', found ''soon''"
      ),
      (
        "SELECT avg(a) WHERE time > 9223372036855",
        "line 1, column 28: the milliseconds exceed 64 bits of nanoseconds (years 1677 to 2262)"
      ),
      (
        "SELECT avg(a) GROUP BY time(5x)",
        "line 1, column 30: expected one of the units ns, us, ms, s, m, h, d, w after the number, found \"x\""
      ),
      ("SELECT avg(a) GROUP BY time(1.5m)", "line 1, column 29: a duration is an integer with a unit, such as 90s instead of 1.5m"),
      (
        "SELECT avg(a) GROUP BY time(30m1h)",
        "line 1, column 33: the units of a duration fall, as in 1h30m: \"h\" cannot follow \"m\""
      ),
      ("SELECT avg(a) GROUP BY time(1h1h)", "line 1, column 32: the units of a duration fall, as in 1h30m: \"h\" cannot follow \"h\""),
      (
        "SELECT avg(a) GROUP BY time(1h30)",
        "line 1, column 33: expected one of the units ns, us, ms, s, m, h, d, w after the number, found \"\""
      ),
      (
        "SELECT avg(a) GROUP BY time(15250w6d)",
        "line 1, column 29: the duration is longer than 64 bits of nanoseconds (292 years)"
      ),
      (
        "SELECT avg(a) GROUP BY time(1h99999999999999999999s)",
        "line 1, column 29: the duration is longer than 64 bits of nanoseconds (292 years)"
      ),
      ("SELECT avg(a) GROUP BY time(0s)", "line 1, column 29: expected a duration longer than 0, such as 5m, found '0s'"),
      ("SELECT avg(a) GROUP BY time(15251w)", "line 1, column 29: the duration is longer than 64 bits of nanoseconds (292 years)"),
      (
        "SELECT avg(a) GROUP BY time(99999999999999999999s)",
        "line 1, column 29: the duration is longer than 64 bits of nanoseconds (292 years)"
      ),
      ("SELECT avg(a) GROUP BY time(1s), time(2s)", "line 1, column 34: time(…) occurs twice in GROUP BY"),
      ("SELECT avg(a) GROUP BY h, h", "line 1, column 27: the tag \"h\" occurs twice in GROUP BY"),
      ("SELECT avg(a) GROUP host", "line 1, column 21: expected BY, found 'host'"),
      ("SELECT avg(a) GROUP BY h fill(0)", "line 1, column 26: fill needs GROUP BY time(…) before it"),
      ("SELECT avg(a) GROUP BY time(1s) fill(x)", "line 1, column 38: expected null, none, previous, zero or a number, found 'x'"),
      ("SELECT avg(a) GROUP BY time(1s) fill(1e999)", "line 1, column 38: the number is too large for a 64-bit double"),
      ("SELECT avg(a) ORDER BY host", "line 1, column 24: expected 'time', the only order so far, found 'host'"),
      ("SELECT avg(a) LIMIT -1", "line 1, column 21: expected the number of rows after LIMIT, an integer, found '-'"),
      (
        "SELECT avg(a) LIMIT 9223372036854775808",
        "line 1, column 21: expected the number of rows after LIMIT, at most 9223372036854775807, found '9223372036854775808'"
      ),
      (
        "SELECT avg(a) OFFSET 99999999999999999999",
        "line 1, column 22: expected the number of rows after OFFSET, at most 9223372036854775807, found '99999999999999999999'"
      ),
      (
        "SELECT avg(a) WHERE time > -99999999999999999999",
        "line 1, column 28: the milliseconds exceed 64 bits of nanoseconds (years 1677 to 2262)"
      ),
      (
        "SELECT avg(a) WHERE time < '9999-12-31'",
        "line 1, column 28: expected a moment from 1677-09-21 to 2262-04-11 (64 bits of nanoseconds), found ''9999-12-31''"
      ),
      (
        "SELECT avg(a) WHERE time < '2262-02-30'",
        "line 1, column 28: expected a moment such as '2023-09-08 16:33:54' or '2023-09-08T16:33:54.567Z', found ''2262-02-30''"
      ),
      (
        "SELECT avg(a) GROUP BY time(1µs)",
        "line 1, column 30: expected one of the units ns, us, ms, s, m, h, d, w after the number, found \"µs\""
      ),
      (
        "SELECT avg(a) WHERE time > now() - 5µ",
        "line 1, column 37: expected one of the units ns, us, ms, s, m, h, d, w after the number, found \"µ\""
      ),
      ("SELECT avg(a) OFFSET 1 LIMIT 1", "line 1, column 24: expected the end, found 'LIMIT'"),
      ("SELECT avg(a); DROP", "line 1, column 14: ';' is not part of the query language"),
    ]
    for (text, message) in cases { #expect(problem(text) == message, "\(text)") }
  }

  @Test func limits() {
    #expect(problem(String(repeating: " ", count: 16_385)) == "line 1, column 1: the query has 16385 bytes, more than the 16384 allowed")
    let conditions = Array(repeating: "a='b'", count: 64).joined(separator: " AND ")
    #expect(problem("SELECT avg(x) WHERE " + conditions) == nil)
    #expect(problem("SELECT avg(x) WHERE " + conditions + " AND a='b'")?.contains("more than 64 conditions") == true)
    #expect(problem("SELECT avg(\(String(repeating: "x", count: 1025)))")?.contains("more than 1024 bytes") == true)
    #expect(problem(String(repeating: "(", count: 16_000)) != nil)
    #expect(problem("SELECT avg(x) WHERE " + String(repeating: "(", count: 16_000)) != nil)
  }

  /// The lines of the blocks of one kind on the language's page.
  private func examples(_ kind: String) throws -> [String] {
    let root = #filePath.split(separator: "/").dropLast(5).joined(separator: "/")
    let page = try String(contentsOfFile: "/\(root)/Reference/Monitoring/API/QueryLanguage/QueryLanguage.md", encoding: .utf8)
    var lines: [String] = []
    var isInside = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") { isInside = line == "```\(kind)" } else if isInside { lines.append(String(line)) }
    }
    return lines
  }

  @Test func theExamplesOfThePageAreOfTheLanguage() throws {
    let queries = try examples("query")
    let rules = try examples("rule")
    #expect(queries.count == 5 && rules.count == 4)
    for query in queries { #expect(throws: Never.self, "\(query)") { try Query(parsing: query) } }
    for rule in rules { #expect(throws: Never.self, "\(rule)") { try RuleExpression(parsing: rule) } }
    #expect(
      problem("SELECT avg(cpu_usage) WHERE host = server01")
        == "line 1, column 36: expected a value in single quotes, found 'server01'")
  }

  @Test func placesCountLinesAndScalars() {
    #expect(problem("SELECT avg(a)\n\tWHERE host=server01")?.hasPrefix("line 2, column 13: ") == true)
    #expect(problem("SELECT avg(\"ä😀\") X")?.hasPrefix("line 1, column 18: ") == true)
  }

  @Test func timeRanges() throws {
    func range(_ conditions: String, now: Int64 = 1000) throws -> TimeRange {
      try Query(parsing: "SELECT avg(x) WHERE \(conditions)").timeRange(nowNanoseconds: now)
    }
    func span(_ start: Int64, _ end: Int64) -> TimeRange { TimeRange(startNanoseconds: start, endNanoseconds: end) }
    #expect(try range("h='a'") == span(.min, 1001))
    #expect(try range("time >= 0 AND time < 2") == span(0, 2_000_000))
    #expect(try range("time > 0 AND time <= 2") == span(1, 2_000_001))
    #expect(try range("time = 3") == span(3_000_000, 3_000_001))
    #expect(try range("time = 3 AND time = 4").isEmpty)
    #expect(try range("time > now() - 10ns AND time < now() + 10ns") == span(991, 1010))
    #expect(try range("time > 5 AND time > 7 AND time < 20 AND time < 10") == span(7_000_001, 10_000_000))
    #expect(try range("time > 10 AND time < 5").isEmpty)
    #expect(try range("time > now() - 15250w", now: .min) == TimeRange(start: Int128(Int64.min), last: Int128(Int64.min)))
    #expect(try range("time < now() + 15250w", now: .max - 1) == TimeRange(start: Int128(Int64.min), last: Int128(Int64.max)))
    #expect(try range("time < '2262-04-11T23:47:16.854775807Z'").contains(.max) == false)
    #expect(try range("time <= '2262-04-11T23:47:16.854775807Z'").contains(.max))
    #expect(try range("time > now() + 15250w", now: .max).isEmpty)
    #expect(try range("h='a'", now: .max) == TimeRange(start: Int128(Int64.min), last: Int128(Int64.max)))
    #expect(span(1, 2).contains(1) && !span(1, 2).contains(2))
  }

  @Test(arguments: 0..<400 as Range<UInt64>) func printedQueriesParseBack(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    let query = random.query()
    #expect(try Query(parsing: query.description) == query, "seed \(seed): \(query)")
    #expect(try Query(parsing: query.description).description == query.description, "seed \(seed)")
  }

  @Test func mangledQueriesNeverTrap() {
    for seed in 0..<4000 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      var bytes = Array(random.query().description.utf8)
      for _ in 0...random.index(below: 3) where !bytes.isEmpty {
        let place = random.index(below: bytes.count)
        switch random.index(below: 3) {
        case 0: bytes[place] = UInt8(random.index(below: 128))
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.index(below: 20)))
        default: bytes.insert(bytes[random.index(below: bytes.count)], at: place)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      do throws(TextMistake) {
        let query = try Query(parsing: text)
        #expect((try? Query(parsing: query.description)) == query, "seed \(seed): \(text)")
      } catch {
        #expect((1...1 + text.utf8.count).contains(error.line) && (1...1 + text.utf8.count).contains(error.column), "seed \(seed)")
      }
    }
  }
}

extension RandomStream {
  mutating func name() -> String {
    let words = ["cpu_usage", "host", "a.b:c", "time", "select", "odd name", "\"", "é", "_x", "9lives", "avg", "a-b", "FILL", "it's"]
    return chance(1, of: 4) ? text(maximumScalars: 6) + "x" : words[index(below: words.count)]
  }

  mutating func conditions() -> [Condition] {
    (0..<index(below: 5)).map { _ in
      if chance(1, of: 2) {
        return .tag(name(), TagComparison.allCases[index(below: 2)], text(maximumScalars: 6))
      }
      let number = Int64(bitPattern: next()) >> Int64(index(below: 64))
      let comparison = TimeComparison.allCases[index(below: 5)]
      return .time(comparison, chance(1, of: 2) ? .now(plusNanoseconds: Swift.max(number, -.max)) : .instant(nanoseconds: number))
    }
  }

  mutating func query() -> Query {
    var query = Query(selections: [], measurement: name(), conditions: conditions())
    for (index, aggregate) in Aggregate.allCases.shuffled(using: &self).prefix(1 + index(below: 3)).enumerated() {
      query.selections.append(Selection(aggregate, alias: chance(1, of: 3) ? "column \(index)" : nil))
    }
    if chance(1, of: 2) {
      query.grouping.intervalNanoseconds = Int64(next() >> UInt64(2 + index(below: 61))) + 1
      switch index(below: 4) {
      case 0: query.fill = .null
      case 1: query.fill = .previous
      case 2: query.fill = .number(Double(Int64(bitPattern: next()) >> Int64(index(below: 64))) / 8)
      default: query.fill = .absent
      }
    }
    for index in 0..<index(below: 3) { query.grouping.tags.append("\(index)" + name()) }
    query.order = chance(1, of: 2) ? .ascending : .descending
    query.limit = chance(1, of: 2) ? nil : Int64(index(below: 1000))
    query.offset = chance(1, of: 2) ? 0 : Int64(next() >> 1)
    return query
  }
}
