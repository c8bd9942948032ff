// Storage under crashes at every moment, full disks, rot, and a queue that misbehaves. MONITORING-9, 12, 13.

import Kernel
import MessageQueue
import MonitoringAPI
import TestBench
import Testing
import TimeSeriesStorage
import Vocabulary
import Wire
import World

@Suite struct StorageUnderFaultsTests {
  @Test func whatWasAcknowledgedAgreesWithTheModel() {
    for seed in UInt64(1)...25 {
      let failure = flyStorage(seed: seed)
      #expect(failure == nil, "seed \(seed)")
    }
  }

  @Test(arguments: timeSeriesStorageMutants.filter { !$0.name.contains("offset-alone") })
  func thePlantedBugsAreCaught(mutant: Mutant) {
    #expect((UInt64(1)...200).contains { flyStorage(seed: $0, planted: [mutant]) != nil }, "\(mutant.name)")
  }

  // MARK: consuming

  /// Metrics through a real queue while storage crashes. Returns what went wrong, or nil.
  static func flyConsumer(seed: UInt64, planted: [Mutant] = []) -> String? {
    let bench = storageBench(
      seed: seed, smallStorage(60, queue: queueEndpoint), planted: planted, others: [NodePlan("queue") { MessageQueue() }])
    var expected: [Double] = []
    for batch in 0..<12 {
      bench.crashSoon(storageNode, within: .milliseconds(60))
      let records = (0..<25).map { index in
        let value = Double(expected.count + index)
        return ProduceRecord(
          key: "client-\(index % 7)", value: point("m", [("client", "\(index % 7)")], at: Int64(value), value).json,
          identity: ProducerSequence(producer: "test", sequence: Int64(batch * 25 + index)))
      }
      expected += records.indices.map { Double(expected.count + $0) }
      guard bench.insist(queueEndpoint, ProduceRequest(topic: QueueAPI.inboundTopic, records: records).request()) != nil else {
        return "the queue does not answer"
      }
      bench.run(for: bench.random.span(in: .zero...(.milliseconds(60))))
    }
    bench.run(for: .seconds(5))
    if let defect = bench.defects.first { return "defect: \(defect.what)" }
    guard let found = bench.points("m")?.map({ $0.fields[0].value }) else { return "a query was not answered" }
    return found == expected ? nil : "expected \(expected.count) points, found \(found.count)"
  }

  @Test func everyMessageIsStoredOnceWhateverCrashes() {
    for seed in UInt64(1)...15 { #expect(Self.flyConsumer(seed: seed) == nil, "seed \(seed)") }
  }

  @Test func anOffsetWithoutItsPointsIsCaught() {
    let mutants = timeSeriesStorageMutants.filter { $0.name.contains("offset-alone") }
    #expect((UInt64(1)...15).contains { Self.flyConsumer(seed: $0, planted: mutants) != nil })
  }

  /// A queue that answers partition 0 from a list, one answer a request, and then with nothing.
  private final class Script {
    var answers: [Response]
    var offsets: [Int64] = []
    /// Values that were handed to another topic.
    var setAside: [JSON] = []

    init(_ answers: [Response]) { self.answers = answers }

    func answer(_ request: Request) -> Response? {
      if request.head.method == .post, let document = try? request.document(), let produce = try? ProduceRequest(document) {
        guard produce.topic == QueueAPI.setAsideTopic else { return nil }
        setAside += produce.records.map(\.value)
        return ProduceResponse(places: produce.records.map { _ in RecordPlace(partition: 0, offset: 0) }, isBatch: true).response()
      }
      guard let target = try? HTTPTarget(request.head.target), let consume = try? ConsumeRequest(target), consume.partition == 0 else {
        return nil
      }
      offsets.append(consume.offset)
      return answers.isEmpty ? nil : answers.removeFirst()
    }
  }

  private static func body(_ text: String, status: Int = 200) -> Response { Response(status: status, body: Array(text.utf8)) }

  private static func message(_ offset: Int, _ value: String) -> String { #"{"offset":\#(offset),"key":"k","value":\#(value)}"# }

  private static let good = #"{"measurement":"m","tags":{},"fields":{"value":1},"timestamp":1}"#

  @Test func aQueueThatAnswersNonsenseIsAskedAgain() {
    let script = Script([
      Self.body("nonsense"), Self.body("{}"), Self.body("", status: 500), Self.body("{}", status: 404),
      // A gap, an offset from elsewhere, a next offset that does not fit, and one that runs backwards.
      Self.body(#"{"messages":[\#(Self.message(1, Self.good))],"next_offset":2}"#),
      Self.body(#"{"messages":[\#(Self.message(0, Self.good)),\#(Self.message(2, Self.good))],"next_offset":3}"#),
      Self.body(#"{"messages":[\#(Self.message(0, Self.good))],"next_offset":7}"#),
      Self.body(#"{"messages":[],"next_offset":9}"#),
      Self.body(#"{"error":{"code":"OFFSET_NOT_RETAINED","first_offset":0}}"#, status: 410),
      Self.body(#"{"messages":[\#(Self.message(0, Self.good))],"next_offset":1}"#),
    ])
    let bench = storageBench(
      smallStorage(queue: queueEndpoint), others: [NodePlan("queue") { Responder { request, _ in script.answer(request) } }])
    bench.run(for: .seconds(20))
    #expect(bench.points("m")?.count == 1)
    #expect(script.offsets.prefix(10).allSatisfy { $0 == 0 })
    #expect(script.offsets.last == 1)
    #expect(bench.facts(.contractViolated).count == 8)
    #expect(bench.defects.isEmpty)
  }

  @Test func messagesThatAreNoPointsAreSetAsideAndCounted() throws {
    let values = ["1", "null", #"{"measurement":"m"}"#, Self.good, #"{"measurement":"m","fields":{"value":"x"},"timestamp":1}"#, "[[]]"]
    let messages = values.enumerated().map { Self.message($0.offset, $0.element) }.joined(separator: ",")
    let script = Script([Self.body(#"{"messages":[\#(messages)],"next_offset":6}"#)])
    let bench = storageBench(
      smallStorage(queue: queueEndpoint), others: [NodePlan("queue") { Responder { request, _ in script.answer(request) } }])
    bench.run(for: .seconds(1))
    #expect(bench.points("m")?.count == 1)
    #expect(bench.health()["skipped_messages"] == 5)
    #expect(
      try script.setAside
        == [1, nil, ["measurement": "m"], JSON(parsing: #"{"measurement":"m","fields":{"value":"x"},"timestamp":1}"#), [[]]])
    bench.crashAndRestart(storageNode, settle: .seconds(1))
    #expect(bench.health()["skipped_messages"] == 5)
    #expect(script.offsets.last == 6)
  }

  /// A queue that has no room for another topic: storage asks with a backoff, and says that it does not get on.
  @Test func aTopicThatCannotBeMadeIsAskedForWithPauses() throws {
    var asked = 0
    let script = Script([Self.body(#"{"messages":[\#(Self.message(0, "1"))],"next_offset":1}"#)])
    let bench = storageBench(
      smallStorage(queue: queueEndpoint),
      others: [
        NodePlan("queue") {
          Responder { request, _ in
            if request.head.target == "/topics" {
              asked += 1
              return .failure(409, code: "TOO_MANY_TOPICS", message: "no room")
            }
            if request.head.method == .post { return .failure(404, code: "UNKNOWN_TOPIC", message: "no such topic") }
            if script.answers.isEmpty { script.answers = [Self.body(#"{"messages":[\#(Self.message(0, "1"))],"next_offset":1}"#)] }
            return script.answer(request)
          }
        }
      ])
    bench.run(for: .seconds(20))
    #expect(asked > 3 && asked < 200, "asked \(asked) times in 20 s")
    #expect(bench.health()["degraded"] != nil)
  }

  @Test func whatTheQueueAcknowledgedBlocksNothingWhateverItIs() throws {
    let bench = storageBench(smallStorage(queue: queueEndpoint), others: [NodePlan("queue") { MessageQueue() }])
    // Bytes that are no JSON, JSON as deep as the queue takes it, and a point behind them.
    var batches = RecordBatchWriter()
    batches.write(count: 1, isJSON: false) { _, writer in
      writer.prefixedString("k")
      writer.prefixedBytes([0xFF, 0x00])
    }
    batches.write(count: 1, isJSON: true) { _, writer in
      writer.prefixedString("k")
      writer.prefixedString(String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
    }
    batches.write(count: 1, isJSON: true, isKeyless: true) { _, writer in
      writer.prefixedString("")
      writer.prefixedString(Self.good)
    }
    let request = ProduceTarget.request(topic: QueueAPI.inboundTopic, partition: 4, batches: batches.finish())
    #expect(bench.insist(queueEndpoint, request)?.status == 200)
    bench.run(for: .seconds(5))
    #expect(bench.points("m")?.count == 1)
    #expect(bench.health()["skipped_messages"] == 2)
    let consume = ConsumeRequest(
      topic: QueueAPI.setAsideTopic, partition: PartitionRouting.partition(of: "k", count: 12), offset: 0, count: 10)
    let messages = try ConsumeResponse(try #require(bench.insist(queueEndpoint, consume.request())).document()).messages
    #expect(messages.map(\.key) == ["k", "k"])
    #expect(messages.first?.value == ["value_base64": "/wA="])
    let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(messages.last?.value == ["value_text": .string(deep)])
  }

  @Test func pointsBeyondTheSeriesLimitAreSetAsideOnceWhateverCrashes() throws {
    for seed in UInt64(1)...6 {
      var configuration = smallStorage(60, queue: queueEndpoint)
      configuration.maximumSeries = 10
      let bench = storageBench(seed: seed, configuration, others: [NodePlan("queue") { MessageQueue() }])
      for value in 0..<40 {
        bench.crashSoon(storageNode, within: .milliseconds(60))
        let point = point("m", [("host", "h\(value % 20)")], at: Int64(value), Double(value))
        let record = ProduceRecord(key: "k", value: point.json, identity: ProducerSequence(producer: "test", sequence: Int64(value)))
        #expect(bench.insist(queueEndpoint, ProduceRequest(topic: QueueAPI.inboundTopic, records: [record]).request()) != nil)
      }
      bench.run(for: .seconds(10))
      let stored = try #require(bench.points("m")).map { $0.fields[0].value }
      #expect(stored == (0..<40).filter { $0 % 20 < 10 }.map(Double.init), "seed \(seed)")
      let consume = ConsumeRequest(
        topic: QueueAPI.setAsideTopic, partition: PartitionRouting.partition(of: "k", count: 12), offset: 0, count: 100)
      let messages = try ConsumeResponse(try #require(bench.insist(queueEndpoint, consume.request())).document()).messages
      let aside = messages.compactMap { try? PointMessage(JSONField($0.value)).fields[0].value }
      #expect(aside == (0..<40).filter { $0 % 20 >= 10 }.map(Double.init), "seed \(seed)")
      #expect(bench.health()["skipped_messages"] == 20, "seed \(seed)")
      #expect(bench.health()["degraded"] != nil)
      let refused = bench.ask(
        storageEndpoint,
        WriteRequest(points: [
          MonitoringAPI.PointMessage(
            measurement: "new", tags: [], fields: [.init("value", 1)], timestampNanoseconds: 1)
        ]).request())
      #expect(refused?.status == 422)
      #expect(bench.defects.isEmpty, "seed \(seed)")
    }
  }

  @Test func offsetsThatTheQueueNoLongerHoldsAreJumpedLoudly() {
    let script = Script([
      Self.body(#"{"error":{"code":"OFFSET_NOT_RETAINED","first_offset":40}}"#, status: 410),
      Self.body(#"{"messages":[\#(Self.message(40, Self.good))],"next_offset":41}"#),
    ])
    let bench = storageBench(
      smallStorage(queue: queueEndpoint), others: [NodePlan("queue") { Responder { request, _ in script.answer(request) } }])
    bench.run(for: .seconds(1))
    #expect(bench.points("m")?.count == 1)
    #expect(bench.facts(.contractViolated).map(\.value) == [410])
    bench.crashAndRestart(storageNode, settle: .seconds(1))
    #expect(bench.health()["lost_messages"] == 40)
    #expect(script.offsets.last == 41)
  }

  // MARK: the disk

  @Test func aFullDiskIsToldAsLongAsItIsFull() { #expect(storageBench().tellsOfAFullDisk(storageNode) == [false, true, false]) }

  @Test func aFullDiskRefusesWritesAndLosesNothing() {
    let bench = storageBench(smallStorage(1_000))
    #expect(bench.write([point("m", at: 1, 1)]))
    bench.host.plan([PlannedFault(at: bench.now, for: .seconds(1), FullDisk(of: storageNode))])
    bench.run(for: .milliseconds(1))
    let response = bench.ask(storageEndpoint, WriteRequest(points: [point("m", at: 2, 2)]).request())
    #expect(response?.status == 503)
    #expect(response.map { ErrorAnswer($0).code } == "DISK_FULL")
    #expect(bench.points("m")?.count == 1)
    bench.run(for: .seconds(1))
    #expect(bench.write([point("m", at: 2, 2)]))
    #expect(bench.points("m")?.count == 2)
  }

  @Test func aDamagedBlockFailsTheQueryAndIsNamed() {
    var damaged = 0
    for seed in UInt64(1)...30 {
      let bench = storageBench(seed: seed, smallStorage(2_000))
      let points = (0..<2_000).map { point("m", at: Int64($0) * 1_000_003, Double($0) * 1.37) }
      #expect(bench.write(points))
      bench.run(for: .milliseconds(300))
      #expect(bench.facts(.segmentAdded).count == 1)
      guard let (file, _) = bench.host.disk(of: storageNode).rot(filesStartingWith: "segment", bits: 1).first else { continue }
      let query = StorageQueryRequest(measurement: "m", range: TimeRange(startNanoseconds: .min, endNanoseconds: .max)).request()
      guard let response = bench.ask(storageEndpoint, query) else { continue }
      if response.status == 200 {
        // The header's reserved bytes, the index (in memory already) or the trailer: the points are right.
        #expect(
          (try? StorageQueryResponse(response.document()))?.dataPoints.map { $0.fields[0].value } == points.map { $0.fields[0].value })
      } else {
        damaged += 1
        #expect(response.status == 500)
        #expect(ErrorAnswer(response).code == "DAMAGED_BLOCK")
        #expect(ErrorAnswer(response).message.contains(file.text))
      }
      // With a damaged index it does not start again; with a damaged block it does.
      bench.crashAndRestart(storageNode, settle: .milliseconds(50))
      if !bench.host.isUp(storageNode) { #expect(bench.defects.last?.what.contains(file.text) == true) }
    }
    #expect(damaged > 20)
  }

  @Test func queriesSeeEveryPointWhileAFlushRuns() {
    let bench = storageBench(smallStorage(50))
    bench.host.plan([PlannedFault(at: bench.now, for: .seconds(10), SlowDisk(of: storageNode, factor: 200))])
    for batch in 0..<6 {
      #expect(bench.write((0..<30).map { point("m", at: Int64(batch * 30 + $0), 1) }))
      #expect(bench.points("m")?.count == (batch + 1) * 30)
    }
  }
}
