// Storage at the test's hand, and the model that it must agree with.

import Kernel
import MonitoringAPI
import TestBench
import TimeSeriesStorage
import Vocabulary
import Wire
import World

let storageEndpoint = Endpoint(0)
let storageNode = NodeID(0)
let queueEndpoint = Endpoint(1)

/// A storage that flushes early, so that a short test has many segments.
func smallStorage(_ flushRows: Int = 40, queue: Endpoint? = nil) -> TimeSeriesStorageConfiguration {
  var configuration = TimeSeriesStorageConfiguration(queue: queue)
  configuration.flushRows = flushRows
  configuration.maximumRows = 50 * flushRows
  configuration.journalSegmentBytes = 2_048
  configuration.pollWait = .milliseconds(200)
  configuration.pollMargin = .milliseconds(200)
  return configuration
}

/// A world with one storage (node 0) and what else is given.
func storageBench(
  seed: UInt64 = 1, _ configuration: TimeSeriesStorageConfiguration = smallStorage(), planted: [Mutant] = [], others: [NodePlan] = []
) -> TestBench {
  TestBench(
    seed: seed,
    [NodePlan("storage", planted: PlantedBugs(planted)) { TimeSeriesStorage(configuration) }] + others)
}

func point(
  _ measurement: String, _ tags: [(String, String)] = [], at nanoseconds: Int64, _ value: Double, field: String = "value"
) -> PointMessage {
  PointMessage(
    measurement: measurement, tags: tags.map { NamedText($0.0, $0.1) }, fields: [.init(field, value)],
    timestampNanoseconds: nanoseconds)
}

extension TestBench {
  func write(_ points: [PointMessage]) -> Bool { insist(storageEndpoint, WriteRequest(points: points).request()) != nil }

  /// The points of a measurement; nil where storage does not answer 200.
  func points(
    _ measurement: String, from start: Int64 = .min, to end: Int64 = .max, filters: [(String, String)] = []
  ) -> [DataPoint]? {
    let query = StorageQueryRequest(
      measurement: measurement, range: TimeRange(startNanoseconds: start, endNanoseconds: end),
      filters: filters.map { NamedText($0.0, $0.1) })
    guard let response = insist(storageEndpoint, query.request()), let document = try? response.document() else { return nil }
    return try? StorageQueryResponse(document).dataPoints
  }

  func health(_ endpoint: Endpoint = storageEndpoint) -> JSON {
    guard let response = insist(endpoint, Request(.get, "/health")), let document = try? response.document() else { return .null }
    return document.value
  }
}

/// What storage must hold: the last value of each series and time.
struct StorageModel {
  private struct Key: Hashable {
    var host: String
    var time: Int64
  }
  private var values: [Key: Double] = [:]

  mutating func write(_ points: [PointMessage]) {
    for point in points { values[Key(host: point.tags[0].text, time: point.timestampNanoseconds)] = point.fields[0].value }
  }

  /// The points in [start, end), in the order of answers.
  func points(from start: Int64, to end: Int64) -> [DataPoint] {
    values.filter { $0.key.time >= start && $0.key.time < end }
      .sorted { ($0.key.time, $0.key.host) < ($1.key.time, $1.key.host) }
      .map { DataPoint(timestampNanoseconds: $0.key.time, tags: [NamedText("host", $0.key.host)], fields: [.init("value", $0.value)]) }
  }
}

/// Random writes under random crashes, failing syncs and full disks; after each step and at the end storage must agree
/// with the model. Returns what went wrong, or nil.
func flyStorage(seed: UInt64, planted: [Mutant] = []) -> String? {
  let bench = storageBench(seed: seed, planted: planted)
  var random = RandomStream(seed: seed, name: "writes")
  var model = StorageModel()
  for step in 0..<24 {
    if random.chance(0.4) { bench.crashSoon(storageNode, within: .milliseconds(40)) }
    let fault = random.below(12)
    if fault == 0 { bench.host.plan([PlannedFault(at: bench.now, for: .milliseconds(50), FailingSync(of: storageNode, probability: 0.5))]) }
    if fault == 1 { bench.host.plan([PlannedFault(at: bench.now, for: .milliseconds(80), FullDisk(of: storageNode, bytesLeft: 300))]) }
    let points = (0..<(1 + random.below(30))).map { _ in
      point("m", [("host", "h\(random.below(3))")], at: random.integer(in: -60...60) * 500_000, Double(random.below(1_000)))
    }
    guard bench.write(points) else { return "step \(step): a write was not answered" }
    model.write(points)
    if random.chance(0.5) {
      let start = random.integer(in: -60...60) * 500_000
      let end = start + Int64(random.below(60)) * 500_000
      if let failure = check(bench, model, start, end) { return "step \(step): \(failure)" }
    }
  }
  bench.run(for: .milliseconds(300))
  return check(bench, model, -1_000_000_000, 1_000_000_000)
}

private func check(_ bench: TestBench, _ model: StorageModel, _ start: Int64, _ end: Int64) -> String? {
  if let defect = bench.defects.first { return "defect: \(defect.what)" }
  guard let found = bench.points("m", from: start, to: end) else { return "a query was not answered" }
  let expected = model.points(from: start, to: end)
  return found == expected ? nil : "[\(start), \(end)): expected \(expected.count) points, found \(found.count), or other values"
}

extension TestBench {
  var now: TimeSpan { TimeSpan(nanoseconds: host.now) }
}
