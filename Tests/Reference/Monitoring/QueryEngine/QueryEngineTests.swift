// The query engine from outside, over a stand-in for storage that answers with given points, and against a naive model.
// MONITORING-19.

import Kernel
import MonitoringAPI
import QueryEngine
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let engine = Endpoint(0)
private let minute: Int64 = 60_000_000_000

/// Storage's contract over a list of points of one measurement.
private final class StandIn {
  var points: [DataPoint]
  var requests: [StorageQueryRequest] = []
  var override: ((Request) -> Response?)?

  init(_ points: [DataPoint]) { self.points = points }

  func answer(_ request: Request) -> Response? {
    if let override { return override(request) }
    guard let document = try? request.document(), let query = try? StorageQueryRequest(document) else {
      return .failure(400, code: "INVALID_FIELD", message: "not a query")
    }
    requests.append(query)
    var writer = DataPointWriter(expectedPoints: points.count)
    for point in points where query.range.contains(point.timestampNanoseconds) && query.filters.allSatisfy(point.tags.contains) {
      writer.begin(timestampNanoseconds: point.timestampNanoseconds, tagsText: DataPointWriter.tagsText(point.tags))
      for field in point.fields { writer.field(DataPointWriter.fieldText(field.name), field.value) }
      writer.end()
    }
    return writer.response()
  }
}

private func bench(_ standIn: StandIn, planted: [Mutant] = [], _ change: (inout QueryEngineConfiguration) -> Void = { _ in }) -> TestBench {
  var configuration = QueryEngineConfiguration(storage: Endpoint(1))
  change(&configuration)
  return TestBench([
    NodePlan("query", planted: PlantedBugs(planted)) { QueryEngine(configuration) },
    NodePlan("storage") { Responder { request, _ in standIn.answer(request) } },
  ])
}

private func data(_ time: Int64, _ value: Double, _ host: String = "a") -> DataPoint {
  DataPoint(timestampNanoseconds: time, tags: [NamedText("host", host)], fields: [.init("value", value)])
}

extension TestBench {
  fileprivate func query(_ text: String, now: Int64? = nil) -> Response? {
    ask(engine, EngineQueryRequest(query: text, nowMilliseconds: now).request())
  }

  fileprivate func text(_ text: String, now: Int64? = nil) -> String {
    query(text, now: now).map { String(decoding: $0.body, as: UTF8.self) } ?? "no answer"
  }
}

@Suite struct QueryEngineTests {
  @Test func healthTellsOfAFullDiskAndOfStorageThatIsAway() {
    let standIn = StandIn([])
    let bench = bench(standIn)
    #expect(bench.tellsOfAFullDisk(NodeID(0)) == [false, true, false])
    func isDegraded() -> Bool {
      bench.ask(engine, Request(.get, "/health")).map { String(decoding: $0.body, as: UTF8.self).contains("storage fails") } ?? false
    }
    standIn.override = { _ in Response(status: 500) }
    for _ in 0..<10 { _ = bench.query("SELECT avg(m) WHERE time > now() - 1h") }
    #expect(isDegraded())
    standIn.override = nil
    bench.run(for: .seconds(5))
    _ = bench.query("SELECT avg(m) WHERE time > now() - 1h")
    #expect(!isDegraded())
  }

  @Test func theSeedsExample() {
    let start: Int64 = 1_696_789_500_000
    let standIn = StandIn([
      data((start + 1) * 1_000_000, 75), data((start + 2) * 1_000_000, 76), data((start + 300_000) * 1_000_000, 10),
      data((start + 300_001) * 1_000_000, 500, "server02"),
    ])
    for index in 0..<3 { standIn.points[index].tags = [NamedText("host", "server01")] }
    let bench = bench(standIn)
    let text = "SELECT avg(cpu_usage) WHERE host='server01' AND time > now() - 1h GROUP BY time(5m)"
    #expect(
      bench.text(text, now: start + 600_000)
        == #"{"series":[{"time":1696789500000,"avg":75.5},{"time":1696789800000,"avg":10.0}]}"#)
    #expect(standIn.requests.last?.filters == [NamedText("host", "server01")])
    #expect(standIn.requests.last?.range.startNanoseconds == (start - 3_000_000) * 1_000_000 + 1)
  }

  @Test func bucketsAreAlignedTo1970AlsoBeforeIt() {
    let bench = bench(StandIn([data(-6 * minute, 1), data(-5 * minute, 2), data(-1, 3), data(0, 4), data(5 * minute - 1, 5)]))
    #expect(
      bench.text("SELECT count(m), sum(m) WHERE time >= -10000000 AND time < 10000000 GROUP BY time(5m)")
        == #"{"series":[{"time":-600000,"count":1,"sum":1.0},{"time":-300000,"count":2,"sum":5.0},{"time":0,"count":2,"sum":9.0}]}"#)
  }

  @Test func allAggregatesOfOneRow() {
    let bench = bench(StandIn([data(1, 4, "b"), data(2, -1), data(3, 8, "a"), data(3, 2, "b")]))
    #expect(
      bench.text("SELECT avg(m), sum(m), count(m), min(m), max(m), first(m), last(m) WHERE time >= 1 AND time < 2")
        == #"{"series":[]}"#)
    #expect(
      bench.text("SELECT avg(m), sum(m), count(m), min(m), max(m), first(m), last(m) AS latest WHERE time >= 0 AND time < 2")
        == #"{"series":[{"time":0,"avg":3.25,"sum":13.0,"count":4,"min":-1.0,"max":8.0,"first":4.0,"latest":2.0}]}"#)
  }

  @Test func sumsAndAveragesAreExact() {
    func result(_ values: [Double]) -> String {
      bench(StandIn(values.enumerated().map { data(Int64($0.offset), $0.element) }))
        .text("SELECT sum(m), avg(m) WHERE time >= 0 AND time < 1")
    }
    #expect(result([1e100, 1, -1e100, 0.1]) == #"{"series":[{"time":0,"sum":1.1,"avg":0.275}]}"#)
    #expect(result([1e308, 1e308]) == #"{"series":[{"time":0,"sum":null,"avg":1e+308}]}"#)
    #expect(result([1.7e308, 1.7e308, -1.7e308]) == #"{"series":[{"time":0,"sum":1.7e+308,"avg":5.666666666666667e+307}]}"#)
  }

  @Test func theEndsOfTimeAreFound() {
    let bench = bench(StandIn([data(.min, 1), data(0, 2), data(.max - 1, 3), data(.max, 4)]))
    let (least, greatest) = ("1677-09-21T00:12:43.145224192Z", "2262-04-11T23:47:16.854775807Z")
    #expect(bench.text("SELECT count(m)") == #"{"series":[{"time":0,"count":2}]}"#)
    #expect(bench.text("SELECT count(m) WHERE time <= '\(greatest)'") == #"{"series":[{"time":0,"count":4}]}"#)
    #expect(bench.text("SELECT count(m) WHERE time < '\(greatest)'") == #"{"series":[{"time":0,"count":3}]}"#)
    #expect(bench.text("SELECT sum(m) WHERE time = '\(greatest)'").contains(#""sum":4.0"#))
    #expect(bench.text("SELECT sum(m) WHERE time > '\(greatest)'") == #"{"series":[]}"#)
    #expect(bench.text("SELECT sum(m) WHERE time <= '\(least)'").contains(#""sum":1.0"#))
    #expect(bench.text("SELECT sum(m) WHERE time < '\(least)'") == #"{"series":[]}"#)
    #expect(bench.text("SELECT sum(m) WHERE time > '\(least)'").contains(#""sum":2.0"#))
    #expect(bench.text("SELECT count(m) WHERE time > now() - 15250w AND time <= now() + 15250w").contains(#""count":3"#))
    #expect(
      bench.text("SELECT count(m) WHERE time <= '\(greatest)' GROUP BY time(5000d)")
        == #"{"series":[{"time":-9223372036855,"time_ns":-9223372036854775808,"count":1},{"time":0,"count":1},{"time":9072000000000,"count":2}]}"#
    )
    let rows = bench.text("SELECT count(m) WHERE time >= '\(least)' AND time <= '\(greatest)' GROUP BY time(40000d) fill(0)")
    #expect(
      rows
        == #"{"series":[{"time":-9223372036855,"time_ns":-9223372036854775808,"count":1},{"time":-6912000000000,"count":0},"#
        + #"{"time":-3456000000000,"count":0},{"time":0,"count":1},{"time":3456000000000,"count":0},{"time":6912000000000,"count":2}]}"#)
  }

  @Test func aTagWithoutAValueIsNoTag() {
    let standIn = StandIn([data(1, 1, "b"), data(2, 2, ""), data(3, 4, "b")])
    standIn.points.append(DataPoint(timestampNanoseconds: 4, tags: [], fields: [.init("value", 8)]))
    let bench = bench(standIn)
    func sum(_ condition: String) -> String { bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 AND \(condition)") }
    #expect(sum("host = ''") == #"{"series":[{"time":0,"sum":10.0}]}"#)
    #expect(sum("host != ''") == #"{"series":[{"time":0,"sum":5.0}]}"#)
    #expect(sum("host != 'b'") == #"{"series":[{"time":0,"sum":10.0}]}"#)
    #expect(
      bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 GROUP BY host")
        == #"{"series":[{"time":0,"tags":{"host":""},"sum":10.0},{"time":0,"tags":{"host":"b"},"sum":5.0}]}"#)
  }

  @Test func namesThatLookAlikeAreDifferentGroups() {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    let bench = bench(StandIn([data(1, 1, composed), data(2, 2, decomposed), data(3, 4, composed)]))
    #expect(bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 AND host != '\(composed)'") == #"{"series":[{"time":0,"sum":2.0}]}"#)
    let rows = bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 GROUP BY host")
    let expected =
      "{\"series\":[{\"time\":0,\"tags\":{\"host\":\"\(decomposed)\"},\"sum\":2.0},{\"time\":0,\"tags\":{\"host\":\"\(composed)\"},\"sum\":5.0}]}"
    #expect(rows.utf8.elementsEqual(expected.utf8))
    #expect(
      bench.text("SELECT sum(m) AS \(quoted(composed)), avg(m) AS \(quoted(decomposed)) WHERE time >= 0 AND time < 1").contains("7.0"))
  }

  @Test func whatFillsIsOfTheColumnsType() {
    let bench = bench(StandIn([data(minute, 1)]))
    func rows(_ fill: String) -> String {
      bench.text("SELECT count(m), sum(m) WHERE time >= 0 AND time < 120000 GROUP BY time(1m) \(fill)")
    }
    #expect(rows("fill(0)") == #"{"series":[{"time":0,"count":0,"sum":0.0},{"time":60000,"count":1,"sum":1.0}]}"#)
    #expect(rows("fill(-3)") == #"{"series":[{"time":0,"count":-3,"sum":-3.0},{"time":60000,"count":1,"sum":1.0}]}"#)
    #expect(rows("fill(0.5)") == #"{"series":[{"time":0,"count":0.5,"sum":0.5},{"time":60000,"count":1,"sum":1.0}]}"#)
  }

  @Test func groupsOfTagsHaveRowsOfTheirOwn() {
    let standIn = StandIn([data(1, 1, "b"), data(2, 2, "a"), data(3, 3, "b")])
    standIn.points.append(DataPoint(timestampNanoseconds: 4, tags: [], fields: [.init("value", 9)]))
    standIn.points.append(DataPoint(timestampNanoseconds: 5, tags: [], fields: [.init("other", 9)]))
    let bench = bench(standIn)
    #expect(
      bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 GROUP BY host")
        == #"{"series":[{"time":0,"tags":{"host":""},"sum":9.0},{"time":0,"tags":{"host":"a"},"sum":2.0},{"time":0,"tags":{"host":"b"},"sum":4.0}]}"#
    )
    #expect(
      bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 AND host != 'b' AND host != 'c'")
        == #"{"series":[{"time":0,"sum":11.0}]}"#)
    #expect(bench.text("SELECT sum(m) WHERE time >= 0 AND time < 1 AND host = 'a' AND host = 'b'") == #"{"series":[]}"#)
  }

  @Test func emptyBucketsAreFilledWhenAsked() {
    let bench = bench(StandIn([data(minute, 1), data(3 * minute, 3)]))
    func rows(_ fill: String, _ rest: String = "") -> String {
      bench.text("SELECT sum(m) WHERE time >= 0 AND time < 240000 GROUP BY time(1m) \(fill) \(rest)")
    }
    #expect(rows("") == #"{"series":[{"time":60000,"sum":1.0},{"time":180000,"sum":3.0}]}"#)
    #expect(
      rows("fill(null)")
        == #"{"series":[{"time":0,"sum":null},{"time":60000,"sum":1.0},{"time":120000,"sum":null},{"time":180000,"sum":3.0}]}"#)
    #expect(
      rows("fill(previous)")
        == #"{"series":[{"time":0,"sum":null},{"time":60000,"sum":1.0},{"time":120000,"sum":1.0},{"time":180000,"sum":3.0}]}"#)
    #expect(rows("fill(7)", "ORDER BY time DESC LIMIT 2 OFFSET 1") == #"{"series":[{"time":120000,"sum":7.0},{"time":60000,"sum":1.0}]}"#)
    #expect(bench.query("SELECT sum(m) GROUP BY time(1m) fill(0)").map { ErrorAnswer($0).code } == "INVALID_QUERY")
    #expect(
      bench.query("SELECT sum(m) WHERE time > now() - 100w GROUP BY time(1s) fill(0)").map { ErrorAnswer($0).code } == "TOO_MANY_ROWS")
  }

  @Test func nowIsTheNodesClockUnlessItIsGiven() {
    let wall: Int64 = 1_700_000_000_000
    let bench = bench(StandIn([data((wall + 5_000) * 1_000_000, 1)]))
    #expect(bench.text("SELECT count(m) WHERE time > now() - 1s") == #"{"series":[]}"#)
    bench.run(for: .milliseconds(5_200))
    #expect(bench.text("SELECT count(m) WHERE time > now() - 1s").contains(#""count":1"#))
    #expect(bench.text("SELECT count(m) WHERE time > now() - 1s", now: wall) == #"{"series":[]}"#)
  }

  @Test func errorsNameLineColumnAndWhatWasExpected() throws {
    let bench = bench(StandIn([]))
    let response = try #require(bench.query("SELECT avg(cpu_usage)\nWHERE host = server01"))
    #expect(response.status == 400)
    let error = try #require(try response.document().value["error"])
    #expect(error["code"] == "INVALID_QUERY")
    #expect(error["field"] == "query")
    #expect(error["line"] == 2)
    #expect(error["column"] == 14)
    #expect(ErrorAnswer(response).message.hasPrefix("line 2, column 14: expected a value in single quotes"))
    for body in ["", "{}", #"{"query":1}"#, #"{"query":"SELECT avg(m)","extra":1}"#, #"{"query":"SELECT avg(m)","now":"x"}"#] {
      #expect(bench.ask(engine, Request(.post, "/query", body: Array(body.utf8)))?.status == 400)
    }
  }

  @Test func damagedBodiesAreAnswered() {
    let bench = bench(StandIn([data(0, 1), data(minute, 2), data(2 * minute, 3, "b")]))
    let text =
      "SELECT avg(m), count(m) AS n WHERE host != 'c' AND time >= -100000 AND time < 200000 GROUP BY time(30s), host fill(previous)"
    let statuses = bench.sendDamaged(
      [
        (.post, "/query", #"{"query":"\#(text) ORDER BY time DESC LIMIT 5 OFFSET 1","now":1696789234567}"#),
        (.post, "/query", #"{"query":"SELECT last(m) WHERE time > now() - 5m GROUP BY time(1m) fill(0)"}"#),
      ], to: engine, count: 600)
    #expect(statuses.allSatisfy { $0 == 200 || $0 == 400 || $0 == 422 })
    #expect(statuses.contains(200) && statuses.contains(400))
    #expect(bench.defects.isEmpty)
  }

  /// Answers with at most `page` times at once, and only where pages are asked for.
  private static func paging(_ standIn: StandIn, page: Int) {
    let points = standIn.points
    standIn.override = { request in
      guard let query = try? StorageQueryRequest(request.document()) else { return Response(status: 400) }
      let found = points.filter { query.range.contains($0.timestampNanoseconds) }
      let isWhole = Set(found.map(\.timestampNanoseconds)).count <= page
      guard query.isPaged || isWhole else { return .failure(422, code: "RESULT_TOO_LARGE", message: "too much") }
      let next = isWhole ? nil : Set(found.map(\.timestampNanoseconds)).sorted()[page]
      var writer = DataPointWriter(expectedPoints: 10)
      for point in found where next.map({ point.timestampNanoseconds < $0 }) ?? true {
        writer.begin(timestampNanoseconds: point.timestampNanoseconds, tagsText: DataPointWriter.tagsText(point.tags))
        for field in point.fields { writer.field(DataPointWriter.fieldText(field.name), field.value) }
        writer.end()
      }
      return writer.response(nextStartNanoseconds: next)
    }
  }

  @Test func whatIsTooMuchForOneAnswerIsFetchedInPages() {
    let points = (0..<50).map { data(Int64($0 / 2) * 30_000_000_000, Double($0), "h\($0 % 3)") }
    let standIn = StandIn(points)
    let text = "SELECT count(m), sum(m), first(m), last(m) WHERE time >= 0 AND time < 900000 GROUP BY time(2m), host fill(0)"
    let whole = bench(standIn).text(text)
    #expect(whole.contains("count"))
    for page in [1, 2, 7, 100] {
      Self.paging(standIn, page: page)
      #expect(bench(standIn).text(text) == whole, "\(page)")
    }
    // A page that does not go on must not be asked for again and again.
    standIn.override = { request in
      guard let query = try? StorageQueryRequest(request.document()), query.isPaged else {
        return .failure(422, code: "X", message: "much")
      }
      return DataPointWriter(expectedPoints: 0).response(nextStartNanoseconds: query.range.startNanoseconds)
    }
    #expect(bench(standIn).query(text).map { ErrorAnswer($0).code } == "STORAGE_REFUSED")
  }

  @Test func anAnswerThatIsTooLongIsItsOwnErrorAndOpensNoBreaker() {
    let standIn = StandIn([])
    let long = Response(status: 200, body: Array(repeating: 0x20, count: HostLimits.responseBytes + 1))
    standIn.override = { _ in long }
    let bench = bench(standIn)
    for _ in 0..<6 {
      let response = bench.query("SELECT avg(m) WHERE time >= 0 AND time < 1")
      #expect(response?.status == 422 && response.map { ErrorAnswer($0).code } == "TOO_MANY_POINTS")
    }
    standIn.override = nil
    #expect(bench.query("SELECT avg(m) WHERE time >= 0 AND time < 1")?.status == 200)
    #expect(bench.facts(.breakerChanged).isEmpty)
  }

  @Test func anAnswerOfTooManyBytesIsRefused() {
    let standIn = StandIn((0..<100).map { data(Int64($0) * 1_000_000, 1, "h\($0)") })
    let bench = bench(standIn) { $0.maximumAnswerBytes = 1_000 }
    let response = bench.query("SELECT avg(m) WHERE time >= 0 AND time < 100 GROUP BY host")
    #expect(response?.status == 422 && response.map { ErrorAnswer($0).message.contains("1000 bytes") } == true)
  }

  @Test func whatStorageFailsInIsSaidClearly() {
    let standIn = StandIn([])
    let cases: [(Response?, Int, String)] = [
      (Response.failure(422, code: "RESULT_TOO_LARGE", message: "many"), 422, "TOO_MANY_POINTS"),
      (Response.failure(500, code: "DAMAGED_BLOCK", message: "rot"), 502, "STORAGE_FAILED"),
      (Response.failure(503, code: "X", message: "busy"), 503, "STORAGE_UNAVAILABLE"),
      (Response.failure(404, code: "X", message: "what"), 502, "STORAGE_REFUSED"),
      (Response(status: 200, body: Array("{}".utf8)), 502, "STORAGE_REFUSED"),
      (
        Response(status: 200, body: Array(#"{"data_points":[{"timestamp":-5,"tags":{},"fields":{"value":1}}]}"#.utf8)), 502,
        "STORAGE_REFUSED"
      ),
      (nil, 504, "STORAGE_TIMEOUT"),
    ]
    for (answer, status, code) in cases {
      standIn.override = { _ in answer }
      let bench = bench(standIn)
      let response = bench.query("SELECT avg(m) WHERE time >= 0")
      #expect(response?.status == status, "\(code)")
      #expect(response.map { ErrorAnswer($0).code } == code)
    }
    let bench = bench(standIn)
    bench.host.crash(NodeID(1))
    #expect(bench.query("SELECT avg(m)").map { ErrorAnswer($0).code } == "STORAGE_UNAVAILABLE")
  }

  // MARK: against a model

  /// Random points and queries against a naive evaluation. Returns what differed, or nil.
  private static func flyQueries(seed: UInt64, planted: [Mutant] = []) -> String? {
    var random = RandomStream(seed: seed, name: "queries")
    var points = (0..<60).map { _ in
      data(random.integer(in: -40...40) * 250_000_000, Double(random.integer(in: -100...100)), "h\(random.below(3))")
    }
    points.sort { ($0.timestampNanoseconds, $0.tags[0].text) < ($1.timestampNanoseconds, $1.tags[0].text) }
    let bench = bench(StandIn(points), planted: planted)
    for _ in 0..<12 {
      let start = random.integer(in: -40...20) * 250
      let end = start + random.integer(in: 1...10_000)
      let excluded = "h\(random.below(3))"
      let interval = random.integer(in: 1...7) * 500
      let text =
        "SELECT count(m), avg(m), max(m) WHERE time >= \(start) AND time < \(end) AND host != '\(excluded)' GROUP BY time(\(interval)ms)"
      var expected: [Int64: [Double]] = [:]
      for point in points where point.tags[0].text != excluded {
        let time = point.timestampNanoseconds
        guard time >= start * 1_000_000, time < end * 1_000_000 else { continue }
        let bucket = Int64((Double(time) / Double(interval * 1_000_000)).rounded(.down)) * interval
        expected[bucket, default: []].append(point.fields[0].value)
      }
      let rows = expected.sorted { $0.key < $1.key }.map { bucket, values in
        EngineRow(
          timeNanoseconds: bucket * 1_000_000,
          columns: [
            .init("count", .integer(Int64(values.count))), .init("avg", .number(values.reduce(0, +) / Double(values.count))),
            .init("max", .number(values.max() ?? 0)),
          ])
      }
      guard let response = bench.query(text), let document = try? response.document() else { return "no answer" }
      if (try? EngineQueryResponse(document))?.rows != rows { return text }
    }
    return nil
  }

  @Test func answersAgreeWithTheModel() {
    for seed in UInt64(1)...30 { #expect(Self.flyQueries(seed: seed) == nil, "seed \(seed)") }
  }

  @Test(arguments: queryEngineMutants.filter { !$0.name.contains("clock") }) func thePlantedBugsAreCaught(mutant: Mutant) {
    #expect((UInt64(1)...10).contains { Self.flyQueries(seed: $0, planted: [mutant]) != nil })
  }

  @Test func aStoppedClockIsCaught() {
    let bench = bench(StandIn([data(1_700_000_005_000 * 1_000_000, 1)]), planted: queryEngineMutants.filter { $0.name.contains("clock") })
    bench.run(for: .milliseconds(5_200))
    #expect(bench.text("SELECT count(m) WHERE time > now() - 1s") == #"{"series":[]}"#)
  }
}
