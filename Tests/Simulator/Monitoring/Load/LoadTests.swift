// Arrivals, recorded series and the rules that are made of their labels.

import Kernel
import Load
import MonitoringAPI
import MonitoringLoad
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct LoadTests {
  @Test func aRowThatIsRefusedKeepsNoOtherFromBeingSent() {
    let rows = (0..<700).map { RecordedSeries.Row(timestampMilliseconds: Int64($0), value: Double($0)) }
    let recording = Recording(series: [RecordedSeries(name: "m", rows: rows)], anomalies: [:], speed: 1)
    var taken: [Double] = []
    let bench = TestBench([
      NodePlan("load") { ReplayLoad(recording, ingestion: Endpoint(1)) },
      NodePlan("ingestion") {
        Responder { request, _ in
          guard let body = try? request.decoded(MetricsRequest.init(_:)) else { return Response(status: 500) }
          if body.metrics.contains(where: { $0.value == 123 }) { return .failure(400, code: "INVALID_FIELD", message: "never") }
          taken += body.metrics.map(\.value)
          return Response(status: 202)
        }
      },
    ])
    bench.run(for: .seconds(30))
    #expect(taken == (0..<700).filter { $0 != 123 }.map(Double.init))
    #expect(bench.facts(.rowRefused).map(\.value) == [400])
    #expect(bench.facts(.replayEnded).count == 1)
  }

  @Test func poissonGapsHaveTheRightMeanAndSpread() {
    var random = RandomStream(seed: 1)
    let arrivals = Arrivals(perSecond: 100, spacing: .poisson)
    let gaps = (0..<40_000).map { _ in Double(arrivals.nextGap(&random).nanoseconds) / 1e7 }
    let mean = gaps.reduce(0, +) / Double(gaps.count)
    let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
    // An exponential distribution has equal mean and standard deviation.
    #expect((0.98...1.02).contains(mean))
    #expect((0.95...1.05).contains(variance))
    #expect(Arrivals(perSecond: 100, spacing: .even).nextGap(&random) == .milliseconds(10))
  }

  @Test func aFileIsReadWithAnyLineEnds() throws {
    for end in ["\n", "\r\n"] {
      let csv = ["timestamp,value", "2014-04-10 00:04:00,91.958", "2014-04-10 00:09:00,94.79799999999999", ""].joined(separator: end)
      let series = try RecordedSeries(csv: csv, name: "s", file: "s.csv")
      #expect(series.rows.map(\.timestampMilliseconds) == [1_397_088_240_000, 1_397_088_540_000])
      #expect(series.rows.map(\.value) == [91.958, 94.79799999999999])
    }
  }

  @Test(arguments: [
    ("time,value\n1,2", "f.csv:1:1: expected the columns timestamp,value"), ("timestamp,value\nyesterday,2", "f.csv:2:1: expected a time"),
    ("timestamp,value\n2014-04-10 00:04:00,nan", "f.csv:2:21: expected a finite decimal number"),
    ("timestamp,value\n", "f.csv:1:1: expected rows"),
  ]) func aMistakeIsNamedByItsLine(_ csv: String, _ expected: String) {
    do {
      _ = try RecordedSeries(csv: csv, name: "f", file: "f.csv")
      Issue.record("accepted")
    } catch {
      #expect(error.description.hasPrefix(expected), "found: \(error)")
    }
  }

  @Test func quotedFieldsAreReadByRFC4180() throws {
    let csv = "\u{FEFF}\"timestamp\",value\r\n\r\n\"2014-04-10 00:04:00\",\"9.5\"\r\n2014-04-10 00:09:00,+1.5e1\n2014-04-10 00:14:00,-.5"
    let series = try RecordedSeries(csv: csv, name: "s", file: "s.csv")
    #expect(series.rows.map(\.value) == [9.5, 15, -0.5])
    var reader = CSVText("a,\"b,\"\"c\"\"\r\nd\",\n\"\",e\r", file: "x")
    #expect(try reader.next()?.map(\.text) == ["a", "b,\"c\"\r\nd", ""])
    let second = try reader.next()
    #expect(second?.map(\.text) == ["", "e\r"])
    #expect(second?.map(\.line) == [3, 3] && second?.map(\.column) == [1, 4])
    #expect(try reader.next() == nil)
  }

  @Test func whatADoubleHoldsIsTaken() throws {
    let values = ["9007199254740992", "18446744073709551616", "9007199254740993.0", "0e-400", "-0", "5e-324", "0.1000000000000000055"]
    let rows = values.map { "2014-04-10 00:04:00,\($0)" }.joined(separator: "\n")
    let series = try RecordedSeries(csv: "timestamp,value\n" + rows, name: "s", file: "s.csv")
    #expect(series.rows.map(\.value) == [0x1p53, 0x1p64, 0x1p53, 0, 0, 5e-324, 0.1])
  }

  @Test(arguments: [
    ("2014-04-10 00:04:00,0x10", "f.csv:2:21: expected a finite decimal number, found \"0x10\""),
    ("2014-04-10 00:04:00,inf", "f.csv:2:21: expected a finite decimal number"),
    ("2014-04-10 00:04:00,1e999", "f.csv:2:21: expected a number within the range of a 64-bit double, found \"1e999\""),
    ("2014-04-10 00:04:00,1\n2014-04-10 00:04:00,-1e-400", "f.csv:3:21: expected a number within the range of a 64-bit double"),
    ("2300-04-10 00:04:00,1", "f.csv:2:1: expected a time from 1677-09-21 to 2262-04-11"),
    ("2014-04-10 00:04:00,1e1234567890", "f.csv:2:21: expected a finite decimal number"),
    ("2014-04-10 00:04:00,9007199254740993", "f.csv:2:21: expected an integer that a 64-bit double holds exactly"),
    ("2014-04-10 00:04:00,+18446744073709551615", "f.csv:2:21: expected an integer that a 64-bit double holds exactly"),
    ("2014-04-10 00:04:00,0x1p3", "f.csv:2:21: expected a finite decimal number"),
    ("2014-04-10 00:04:00, 1", "f.csv:2:21: expected a finite decimal number"), ("2014-04-10 00:04:00,", "f.csv:2:21: expected a finite"),
    ("2014-04-10 00:04:00,1\n\"2014-04-10 00:09:00\",1,2", "f.csv:3:1: expected a time like 2014-04-10 00:04:00 and a value, found 3"),
    ("2014-04-10 00:04:00,\"1\"2", "f.csv:2:24: expected a comma or the end of the line"),
    ("2014-04-10 00:04:00,1\"2", "f.csv:2:22: expected a field without quotes"),
    ("2014-04-10 00:04:00,\"1\n2", "f.csv:2:21: expected a closing quote"),
    ("\"two\nlines\",1", "f.csv:2:1: expected a time"), ("2014-04-10 00:04:00,\"1\n\"\n2014,x", "f.csv:2:21: expected a finite"),
  ]) func aMistakeInARowIsNamedByLineAndColumn(_ rows: String, _ expected: String) {
    let mistake = #expect(throws: TextMistake.self) { try RecordedSeries(csv: "timestamp,value\n" + rows, name: "f", file: "f.csv") }
    #expect(mistake?.description.hasPrefix(expected) == true, "\(mistake?.description ?? "")")
  }

  @Test func aRuleStandsHalfWayBetweenTheAnomalyAndTheRest() {
    let rows = (0..<100).map {
      RecordedSeries.Row(timestampMilliseconds: Int64($0) * 1_000, value: (40...50).contains($0) ? 90 : Double($0 % 10))
    }
    let recording = Recording(series: [RecordedSeries(name: "s", rows: rows)], anomalies: ["s": [35_000...55_000]], speed: 1)
    let rules = recording.rules(atMost: 3)
    #expect(rules.map(\.threshold) == [49.5])
    #expect(rules.first?.isAbove == true)
    #expect(recording.duration == .seconds(100))
  }
}
