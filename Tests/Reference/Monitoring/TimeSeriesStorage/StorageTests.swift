// Storage from outside: writes, queries, bounds, order, refusals. MONITORING-12, 13, 15.

import Kernel
import MonitoringAPI
import TestBench
import Testing
import TimeSeriesStorage
import Vocabulary
import Wire
import World

@Suite struct StorageTests {
  /// A millisecond in nanoseconds.
  static let millisecond: Int64 = 1_000_000

  @Test func theSeedsExampleIsStoredAndFound() throws {
    let bench = storageBench()
    let body = #"{"measurement":"cpu_usage","tags":{"host":"server01"},"fields":{"value":75.5},"timestamp":1696789234567}"#
    let written = try #require(bench.ask(storageEndpoint, Request(.post, "/write", body: Array(body.utf8))))
    #expect(written.status == 200)
    #expect(String(decoding: written.body, as: UTF8.self) == #"{"written":1}"#)
    let query =
      #"{"measurement":"cpu_usage","start":1696789230000,"end":1696875630000,"filters":{"host":"server01"}}"#
    let answer = try #require(bench.ask(storageEndpoint, Request(.post, "/query", body: Array(query.utf8))))
    #expect(answer.status == 200)
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == #"{"data_points":[{"timestamp":1696789234567,"tags":{"host":"server01"},"fields":{"value":75.5}}]}"#)
    let series = try #require(bench.ask(storageEndpoint, Request(.get, "/v1/series")))
    #expect(String(decoding: series.body, as: UTF8.self) == #"{"measurements":[{"measurement":"cpu_usage","series":1}]}"#)
  }

  @Test(arguments: [1_000_000, 3]) func boundsAreHalfOpenAndExact(flushRows: Int) {
    let bench = storageBench(smallStorage(flushRows))
    let times: [Int64] = [-1_000_001, -1, 0, 1, 999_999, 1_000_000, 5_000_000_000]
    #expect(bench.write(times.map { point("m", at: $0, Double($0)) }))
    bench.run(for: .milliseconds(100))
    for start in times {
      for end in times where start <= end {
        #expect(bench.points("m", from: start, to: end)?.map(\.timestampNanoseconds) == times.filter { $0 >= start && $0 < end })
      }
    }
  }

  @Test(arguments: [1_000_000, 3]) func theEndsOfTimeAreStoredAndFound(flushRows: Int) throws {
    let bench = storageBench(smallStorage(flushRows))
    let times: [Int64] = [.min, .min + 1, -1_000_000, 0, .max - 1, .max]
    #expect(bench.write(times.map { point("m", at: $0, 1) }))
    bench.run(for: .milliseconds(100))
    // An end in whole milliseconds behind the last nanosecond is no bound; as nanoseconds it would exclude the last
    // one.
    let unbounded = #"{"measurement":"m","start":-9223372036855,"end":9223372036855}"#
    let answer = try #require(bench.ask(storageEndpoint, Request(.post, "/query", body: Array(unbounded.utf8))))
    #expect(try StorageQueryResponse(try answer.document()).dataPoints.map(\.timestampNanoseconds) == times)
    func found(_ start: Int64, _ last: Int64) throws -> [Int64] {
      let query = StorageQueryRequest(measurement: "m", range: TimeRange(start: Int128(start), last: Int128(last)))
      let answer = try #require(bench.ask(storageEndpoint, query.request()))
      return try StorageQueryResponse(try answer.document()).dataPoints.map(\.timestampNanoseconds)
    }
    for start in times {
      for last in times where start <= last { #expect(try found(start, last) == times.filter { $0 >= start && $0 <= last }) }
    }
    #expect(bench.points("m", from: 0, to: .max)?.map(\.timestampNanoseconds) == [0, .max - 1])
    bench.crashAndRestart(storageNode)
    #expect(try found(.min, .max) == times)
  }

  @Test(arguments: [1_000_000, 2]) func aTagWithoutAValueIsNoTag(flushRows: Int) throws {
    let bench = storageBench(smallStorage(flushRows))
    let bodies = [#""tags":{"h":"","z":"b"},"#, #""tags":{"z":"b"},"#]
    for (place, tags) in bodies.enumerated() {
      let body = #"{"measurement":"m",\#(tags)"fields":{"value":\#(place)},"timestamp":5}"#
      #expect(bench.ask(storageEndpoint, Request(.post, "/write", body: Array(body.utf8)))?.status == 200)
    }
    bench.run(for: .milliseconds(100))
    #expect(bench.points("m")?.map(\.tags) == [[NamedText("z", "b")]])
    #expect(bench.points("m")?.map { $0.fields[0].value } == [1])
    #expect(bench.points("m", filters: [("h", "")])?.count == 1)
    #expect(bench.points("m", filters: [("z", "")])?.count == 0)
    #expect(bench.health()["series"] == 1)
  }

  @Test(arguments: [1_000_000, 2]) func namesThatLookAlikeAreDifferentSeries(flushRows: Int) throws {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    let bench = storageBench(smallStorage(flushRows))
    let tagged = "a\u{300}"
    #expect(bench.write([point(composed, at: 1, 1), point(decomposed, at: 1, 2)]))
    #expect(bench.write([point("m", [(composed, "x"), (decomposed, "y")], at: 1, 3), point("m", [("t", tagged)], at: 1, 4)]))
    #expect(
      bench.write([point("m", [("t", "\u{E0}")], at: 1, 5), point("m", at: 1, 6, field: composed), point("m", at: 1, 7, field: decomposed)])
    )
    bench.run(for: .milliseconds(200))
    bench.crashAndRestart(storageNode)
    func values(_ measurement: String, _ filters: [(String, String)] = []) -> [Double]? {
      bench.points(measurement, filters: filters)?.flatMap { $0.fields.map(\.value) }
    }
    #expect(values(composed) == [1] && values(decomposed) == [2])
    #expect(values("m", [(composed, "x")]) == [3] && values("m", [(decomposed, "y")]) == [3] && values("m", [(decomposed, "x")]) == [])
    #expect(values("m", [("t", tagged)]) == [4] && values("m", [("t", "\u{E0}")]) == [5])
    #expect(values("m", [("t", ""), (composed, "")]) == [7, 6])
    #expect(bench.health()["series"] == 6)
  }

  @Test(arguments: [1_000_000, 2]) func filtersAreJoinedByAnd(flushRows: Int) {
    let bench = storageBench(smallStorage(flushRows))
    #expect(
      bench.write([
        point("m", [("host", "a"), ("zone", "x")], at: 5, 1), point("m", [("host", "a"), ("zone", "y")], at: 4, 2),
        point("m", [("host", "b"), ("zone", "x")], at: 4, 3), point("m", at: 4, 4), point("n", [("host", "a")], at: 1, 5),
      ]))
    func values(_ filters: [(String, String)]) -> [Double]? { bench.points("m", filters: filters)?.map { $0.fields[0].value } }
    #expect(values([]) == [4, 2, 3, 1])
    #expect(values([("host", "a")]) == [2, 1])
    #expect(values([("host", "a"), ("zone", "x")]) == [1])
    #expect(values([("host", "c")]) == [])
    #expect(values([("rack", "")]) == [4, 2, 3, 1])
    #expect(values([("zone", "")]) == [4])
    #expect(bench.points("none") == [])
  }

  @Test(arguments: [1_000_000, 4]) func theLastWriteWinsAndFieldsMeet(flushRows: Int) {
    let bench = storageBench(smallStorage(flushRows))
    #expect(bench.write([point("m", at: 10, 1), point("m", at: 20, 2), point("m", at: 10, 3, field: "other")]))
    #expect(bench.write([point("m", at: 10, 4), point("m", at: 5, 9)]))
    bench.run(for: .milliseconds(100))
    #expect(bench.write([point("m", at: 20, 5)]))
    let points = bench.points("m")
    #expect(points?.map(\.timestampNanoseconds) == [5, 10, 20])
    #expect(points?.map { $0.fields.map(\.value) } == [[9], [3, 4], [5]])
    #expect(points?[1].fields.map(\.name) == ["other", "value"])
  }

  @Test func everyBitOfAValueSurvivesSegmentsAndRestarts() {
    let bench = storageBench(smallStorage(8))
    let values: [Double] = [0, -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 0.1, 75.5, .pi, 1e300, -1e-300, 5, 6, 7]
    #expect(bench.write(values.enumerated().map { point("m", at: Int64($0.offset), $0.element) }))
    bench.run(for: .milliseconds(200))
    bench.crashAndRestart(storageNode, after: .milliseconds(10))
    #expect(bench.points("m")?.map { $0.fields[0].value.bitPattern } == values.map(\.bitPattern))
    #expect(bench.facts(.segmentAdded).count == 1)
  }

  @Test func tooLargeAnswersAreRefused() {
    var configuration = smallStorage(10)
    configuration.maximumAnswerPoints = 25
    let bench = storageBench(configuration)
    #expect(bench.write((0..<26).map { point("m", at: Int64($0), 0) }))
    bench.run(for: .milliseconds(100))
    let query = StorageQueryRequest(measurement: "m", range: TimeRange(startNanoseconds: 0, endNanoseconds: 26))
    let response = bench.ask(storageEndpoint, query.request())
    #expect(response?.status == 422)
    #expect(response.map { ErrorAnswer($0).code } == "RESULT_TOO_LARGE")
    #expect(response.map { ErrorAnswer($0).message.contains("25") } == true)
    #expect(bench.points("m", from: 0, to: 25)?.count == 25)
  }

  @Test func answersOfTooManyBytesAreRefused() {
    var configuration = smallStorage(1_000)
    configuration.maximumAnswerBytes = 2_000
    let bench = storageBench(configuration)
    #expect(bench.write((0..<40).map { point("m", at: Int64($0), 0) }))
    let query = StorageQueryRequest(measurement: "m", range: TimeRange(startNanoseconds: 0, endNanoseconds: 40)).request()
    let response = bench.ask(storageEndpoint, query)
    #expect(response?.status == 422 && response.map { ErrorAnswer($0).message.contains("2000 bytes") } == true)
    #expect(bench.points("m", from: 0, to: 10)?.count == 10)
  }

  /// All pages of a query, and how many there were.
  private func pages(_ bench: TestBench, _ range: TimeRange) throws -> (points: [DataPoint], count: Int) {
    var points: [DataPoint] = []
    var start = range.startNanoseconds
    for count in 1...1_000 {
      let rest = TimeRange(start: Int128(start), last: Int128(range.lastNanoseconds))
      let answer = try #require(bench.ask(storageEndpoint, StorageQueryRequest(measurement: "m", range: rest, isPaged: true).request()))
      let page = try StorageQueryResponse(try answer.document())
      points += page.dataPoints
      guard let next = page.nextStartNanoseconds else { return (points, count) }
      #expect(next > start && page.dataPoints.allSatisfy { $0.timestampNanoseconds < next })
      start = next
    }
    return ([], 0)
  }

  @Test(arguments: [(5, 1_000_000), (1_000, 900), (3, 400)]) func pagesHoldAllPointsOnce(pagePoints: Int, pageBytes: Int) throws {
    var random = RandomStream(seed: UInt64(pagePoints))
    var configuration = smallStorage(50)
    (configuration.pagePoints, configuration.pageBytes) = (pagePoints, pageBytes)
    let bench = storageBench(configuration)
    for _ in 0..<8 {
      #expect(
        bench.write(
          (0..<20).map { _ in
            point("m", [("host", "h\(random.below(9))")], at: random.integer(in: 0...30), Double(random.below(100)))
          }))
      bench.run(for: .milliseconds(20))
    }
    #expect(bench.write([point("m", at: .min, 1), point("m", at: .max, 2)]))
    let whole = TimeRange(start: Int128(Int64.min), last: Int128(Int64.max))
    let answer = try #require(bench.ask(storageEndpoint, StorageQueryRequest(measurement: "m", range: whole).request()))
    let expected = try StorageQueryResponse(try answer.document()).dataPoints
    let found = try pages(bench, whole)
    #expect(found.points == expected)
    #expect(found.count > 3)
  }

  @Test func thePointsOfOneTimeAreOnePageOrRefused() throws {
    var configuration = smallStorage(1_000)
    (configuration.pagePoints, configuration.pageBytes, configuration.maximumAnswerPoints) = (5, 500, 30)
    let bench = storageBench(configuration)
    #expect(bench.write((0..<20).map { point("m", [("host", "h\($0)")], at: 7, 1) } + [point("m", at: 8, 1)]))
    let found = try pages(bench, TimeRange(startNanoseconds: 0, endNanoseconds: 10))
    #expect(found.points.count == 21 && found.count == 2)
    #expect(bench.write((20..<40).map { point("m", [("host", "h\($0)")], at: 7, 1) }))
    let query = StorageQueryRequest(measurement: "m", range: TimeRange(startNanoseconds: 0, endNanoseconds: 10), isPaged: true)
    #expect(bench.ask(storageEndpoint, query.request())?.status == 422)
  }

  @Test(arguments: [
    ("/write", "", "MALFORMED_JSON"), ("/write", "{", "MALFORMED_JSON"), ("/write", "[]", "INVALID_FIELD"),
    ("/write", #"{"points":[]}"#, "INVALID_FIELD"), ("/write", #"{"points":[{"measurement":"m"}]}"#, "INVALID_FIELD"),
    ("/write", #"{"measurement":"m","fields":{},"timestamp":1}"#, "INVALID_FIELD"),
    ("/write", #"{"measurement":"m","fields":{"value":"1"},"timestamp":1}"#, "INVALID_FIELD"),
    ("/write", #"{"measurement":"m","fields":{"value":1}}"#, "INVALID_FIELD"),
    ("/write", #"{"measurement":"m","fields":{"value":1},"timestamp":1e30}"#, "INVALID_FIELD"),
    ("/write", #"{"measurement":"m","fields":{"value":1},"timestamp":1,"extra":0}"#, "INVALID_FIELD"),
    ("/query", #"{"measurement":"m","start":1}"#, "INVALID_FIELD"),
    ("/query", #"{"measurement":"m","start":2,"end":1}"#, "INVALID_FIELD"),
    ("/query", #"{"measurement":"m","start":0,"end":1,"filters":{"a":1}}"#, "INVALID_FIELD"),
    ("/nowhere", "{}", "NOT_FOUND"), ("/series", "{}", "METHOD_NOT_ALLOWED"),
  ])
  func whatCannotBeReadIsRefused(path: String, body: String, code: String) {
    let bench = storageBench()
    let response = bench.ask(storageEndpoint, Request(.post, path, body: Array(body.utf8)))
    #expect(response.map { ErrorAnswer($0).code } == code)
    #expect(response.map { (400...405).contains($0.status) } == true)
    #expect(bench.health()["status"] == "up")
  }

  @Test func damagedBodiesAreAnsweredAndDoNoHarm() {
    let bench = storageBench(smallStorage(50))
    let point =
      #"{"measurement":"m","tags":{"host":"a","zone":"b"},"fields":{"value":75.5,"x":-1e3},"timestamp":1696789234567,"timestamp_ns":12}"#
    let statuses = bench.sendDamaged(
      [
        (.post, "/write", point), (.post, "/write", #"{"points":[\#(point),\#(point)]}"#),
        (.post, "/query", #"{"measurement":"m","start":-5,"end":1696789239999,"start_ns":1,"filters":{"host":"a"}}"#),
      ], to: storageEndpoint, count: 600)
    #expect(statuses.allSatisfy { $0 == 200 || $0 == 400 || $0 == 422 })
    #expect(statuses.contains(200) && statuses.contains(400))
    bench.crashAndRestart(storageNode)
    #expect(bench.health()["status"] == "up")
    #expect(bench.defects.isEmpty)
  }

  @Test func incompressiblePointsStayWithinOneTurnsRead() {
    let bench = storageBench(smallStorage(9_000))
    var random = RandomStream(seed: 5)
    var points: [PointMessage] = []
    var time: Int64 = 0
    for _ in 0..<9_000 {
      time += random.integer(in: 1...900_000_000_000_000)
      let value = Double(bitPattern: random.next())
      points.append(point("m", at: time, value.isFinite ? value : 0))
    }
    for start in stride(from: 0, to: points.count, by: 3_000) { #expect(bench.write(Array(points[start..<start + 3_000]))) }
    bench.run(for: .milliseconds(500))
    #expect(bench.facts(.segmentAdded).count == 1)
    bench.crashAndRestart(storageNode)
    #expect(bench.points("m")?.map { $0.fields[0].value.bitPattern } == points.map { $0.fields[0].value.bitPattern })
  }
}
