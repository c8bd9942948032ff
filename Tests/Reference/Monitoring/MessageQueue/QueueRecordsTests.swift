// One broker: records in bulk, producers' epochs, acknowledgements, compaction, age.

import MessageQueue
import MonitoringAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let queue = Endpoint(0)

private func bench(_ change: (inout MessageQueueConfiguration) -> Void = { _ in }) -> TestBench {
  var configuration = MessageQueueConfiguration()
  change(&configuration)
  let fixed = configuration
  return TestBench([NodePlan("queue") { MessageQueue(fixed) }])
}

private func batch(_ values: [[UInt8]], isJSON: Bool = false, identity: BatchIdentity? = nil) -> [UInt8] {
  var writer = RecordBatchWriter()
  writer.write(count: values.count, isJSON: isJSON, identity: identity) { place, writer in
    writer.prefixedString("key-\(place)")
    writer.prefixedBytes(values[place])
  }
  return writer.finish()
}

private func bulk(_ batches: [UInt8], partition: Int = 5, _ acknowledgement: Acknowledgement = .all) -> Request {
  ProduceTarget.request(topic: QueueAPI.inboundTopic, partition: partition, acknowledgement, batches: batches)
}

private func stretches(_ response: Response?) throws -> [OffsetStretch] {
  let response = try #require(response)
  #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
  return try BulkProduceResponse(response.document()).stretches
}

/// All values of a partition by the bulk form, from `offset` on.
private func values(_ bench: TestBench, partition: Int = 5, from offset: Int64 = 0) throws -> [Int64: [UInt8]] {
  var found: [Int64: [UInt8]] = [:]
  var next = offset
  while true {
    var request = ConsumeRequest(partition: partition, offset: next, count: 3).request()
    request.head.headers.append("accept", RecordBatch.contentType)
    let response = try #require(bench.insist(queue, request))
    let end = try #require(response.head.headers["next-offset"].flatMap { Int64($0) })
    for consumed in try ConsumedBatch.all(in: response.body) {
      try consumed.batch.forEachRecord(in: response.body) { place, record in
        if consumed.offset + Int64(place) >= next { found[consumed.offset + Int64(place)] = Array(response.body[record.value]) }
        return true
      }
    }
    if end == next { return found }
    next = end
  }
}

@Suite struct QueueRecordsTests {
  @Test func bulkRecordsComeBackAsTheyWere() throws {
    let bench = bench()
    let first: [[UInt8]] = [[0, 255, 1], [], [7]]
    #expect(try stretches(bench.ask(queue, bulk(batch(first)))) == [OffsetStretch(offset: 0, count: 3)])
    // Several batches in one request, one of them JSON.
    let second = batch([Array("1".utf8)], isJSON: true) + batch([[9], [8]])
    #expect(try stretches(bench.ask(queue, bulk(second))) == [OffsetStretch(offset: 3, count: 3)])
    #expect(try values(bench) == [0: [0, 255, 1], 1: [], 2: [7], 3: Array("1".utf8), 4: [9], 5: [8]])
    // The JSON form shows what is no JSON as Base64.
    let answer = try #require(bench.ask(queue, ConsumeRequest(partition: 5, offset: 0, count: 4).request()))
    let text = String(decoding: answer.body, as: UTF8.self)
    #expect(text.contains(#""value_base64":"AP8B""#) && text.contains(#""offset":3,"key":"key-0","value":1"#), "\(text)")
  }

  /// All that is remembered of producers stands in one snapshot: long names do not make it too long. Who was used least
  /// recently is forgotten.
  @Test func longNamesOfProducersAreForgottenInTime() throws {
    let bench = bench()
    func record(of number: Int) -> [UInt8] {
      let name = String(repeating: "p", count: 500) + "\(number)"
      return batch([[1]], identity: BatchIdentity(producer: name, sequences: .consecutive(first: 0)))
    }
    let count = 9_000
    #expect(
      try stretches(bench.ask(queue, bulk((0..<count).flatMap(record)))) == [OffsetStretch(offset: 0, count: count)])
    #expect(try stretches(bench.ask(queue, bulk(record(of: count - 1)))) == [OffsetStretch(offset: Int64(count - 1), count: 1)])
    #expect(try stretches(bench.ask(queue, bulk(record(of: 0)))) == [OffsetStretch(offset: Int64(count), count: 1)], "it was forgotten")
    #expect(try stretches(bench.ask(queue, bulk(record(of: 0)))) == [OffsetStretch(offset: Int64(count), count: 1)], "and is known again")
  }

  @Test func aPartOfABatchThatIsThereAlreadyIsNotStoredAgain() throws {
    let bench = bench()
    func identity(_ first: Int64) -> BatchIdentity { BatchIdentity(producer: "p", sequences: .consecutive(first: first)) }
    #expect(try stretches(bench.ask(queue, bulk(batch([[0], [1]], identity: identity(0))))) == [OffsetStretch(offset: 0, count: 2)])
    // Sequences 1, 2, 3: the first is there.
    let overlapping = try stretches(bench.ask(queue, bulk(batch([[1], [2], [3]], identity: identity(1)))))
    #expect(overlapping == [OffsetStretch(offset: 1, count: 3)])
    #expect(try values(bench) == [0: [0], 1: [1], 2: [2], 3: [3]])
    // What lies apart is told apart.
    _ = try stretches(bench.ask(queue, bulk(batch([[9]]))))
    let listed = BatchIdentity(producer: "p", sequences: .listed([3, 4]))
    #expect(
      try stretches(bench.ask(queue, bulk(batch([[3], [4]], identity: listed))))
        == [OffsetStretch(offset: 3, count: 1), OffsetStretch(offset: 5, count: 1)])
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(50))
    #expect(try values(bench) == [0: [0], 1: [1], 2: [2], 3: [3], 4: [9], 5: [4]])
  }

  @Test func theGreatestSequenceIsOneLikeOthers() throws {
    let bench = bench()
    func bulk(_ sequences: BatchIdentity.Sequences, _ count: Int) -> Request {
      let identity = BatchIdentity(producer: "p", epoch: .max, sequences: sequences)
      return ProduceTarget.request(
        topic: QueueAPI.inboundTopic, partition: 5, batches: batch(Array(repeating: [1], count: count), identity: identity))
    }
    #expect(try stretches(bench.ask(queue, bulk(.consecutive(first: .max - 1), 2))) == [OffsetStretch(offset: 0, count: 2)])
    #expect(
      try stretches(bench.ask(queue, bulk(.listed([.max, .max]), 2))) == [
        OffsetStretch(offset: 1, count: 1), OffsetStretch(offset: 1, count: 1),
      ])
    // Records of one request with equal sequences are one record.
    let record = ProduceRecord(key: "k", value: .integer(1), identity: ProducerSequence(producer: "q", sequence: .max))
    let request = ProduceRequest(topic: QueueAPI.inboundTopic, records: [record, record]).request()
    let places = try ProduceResponse(try #require(bench.ask(queue, request)).document()).places
    #expect(places.count == 2 && places[0] == places[1])
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(50))
    #expect(try stretches(bench.insist(queue, bulk(.consecutive(first: .max), 1))) == [OffsetStretch(offset: 1, count: 1)])
    #expect(bench.defects.isEmpty)
  }

  @Test func aNewerEpochFencesTheOlderOff() throws {
    let bench = bench()
    func identity(_ epoch: Int64) -> BatchIdentity { BatchIdentity(producer: "p", epoch: epoch, sequences: .consecutive(first: 0)) }
    _ = try stretches(bench.ask(queue, bulk(batch([[0]], identity: identity(1)))))
    // The new incarnation counts anew.
    #expect(try stretches(bench.ask(queue, bulk(batch([[1]], identity: identity(2))))) == [OffsetStretch(offset: 1, count: 1)])
    let refused = try #require(bench.ask(queue, bulk(batch([[2]], identity: identity(1)))))
    #expect(refused.status == 409)
    #expect(try refused.document().member("error").member("code").string(maximumBytes: 99) == "FENCED")
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(50))
    #expect(bench.ask(queue, bulk(batch([[2]], identity: identity(1))))?.status == 409)
    #expect(try values(bench) == [0: [0], 1: [1]])
  }

  @Test func damagedBatchesAreRefusedWhole() throws {
    let bench = bench()
    let whole = batch([[1, 2, 3], [4]], identity: BatchIdentity(producer: "p", sequences: .listed([3, 9])))
    var random = RandomStream(seed: 11)
    for number in 0..<400 {
      var bytes = whole
      switch random.below(3) {
      case 0: bytes[Int(random.below(UInt64(bytes.count)))] ^= UInt8(1 + random.below(255))
      case 1: bytes.removeLast(1 + Int(random.below(UInt64(bytes.count - 1))))
      default: bytes += random.bytes(1 + Int(random.below(20)))
      }
      let answer = bench.ask(queue, bulk(bytes))
      #expect(answer?.status == 400, "damage \(number)")
    }
    #expect(bench.ask(queue, bulk([]))?.status == 400)
    #expect(bench.ask(queue, bulk(batch([Array("{".utf8)], isJSON: true)))?.status == 400)
    for target in [
      "/produce?topic=metrics.inbound", "/produce?partition=1", "/produce?topic=metrics.inbound&partition=12", "/produce?topic=a&acks=most",
    ] {
      let request = Request(.post, target, headers: ["content-type": RecordBatch.contentType], body: whole)
      #expect(bench.ask(queue, request)?.status == 400, "\(target)")
    }
    #expect(try values(bench).isEmpty)
    #expect(bench.defects.isEmpty)
  }

  @Test func whoDoesNotWaitIsAnsweredAtOnce() throws {
    let bench = bench()
    _ = try stretches(bench.ask(queue, bulk(batch([[0]]))))
    for (number, acknowledgement) in [Acknowledgement.leader, .none].enumerated() {
      let answer = try #require(bench.ask(queue, bulk(batch([[UInt8(number + 1)]]), acknowledgement)))
      #expect(answer.status == 202)
    }
    bench.run(for: .milliseconds(100))
    #expect(try values(bench) == [0: [0], 1: [1], 2: [2]])
    // The leader has nothing on its disk where the disk is full.
    let disk = bench.host.disk(of: NodeID(0))
    disk.capacityBytes = disk.used + 20
    #expect(bench.ask(queue, bulk(batch([[3]]), .leader))?.status == 503)
  }

  @Test func aCompactedTopicKeepsTheNewestOfEachKey() throws {
    let bench = bench {
      $0.firstTopics[0].isCompacted = true
      $0.cutBytes = 2_000
      $0.raft.segmentBytes = 4_000
      $0.raft.journalLimitBytes = 8_000
      $0.raft.recentLimitBytes = 1_000
    }
    var newest: [String: Int64] = [:]
    var random = RandomStream(seed: 5)
    var partition = 0
    for number in 0..<Int64(400) {
      // All in one partition: the key of the record is routed, so one key for the partition and many records would not
      // do; batches name theirs.
      let key = "key-\(random.below(10))"
      var writer = RecordBatchWriter()
      let isRemoval = random.chance(0.1)
      writer.write(count: 1, isJSON: true) { _, writer in
        writer.prefixedString(key)
        writer.prefixedBytes(isRemoval ? Array("null".utf8) : Array("\(number)".utf8))
      }
      newest[key] = isRemoval ? nil : number
      partition = 5
      _ = try stretches(bench.ask(queue, bulk(writer.finish())))
    }
    func found() throws -> [String: Int64] {
      var found: [String: Int64] = [:]
      var next: Int64 = 0
      while true {
        let answer = try ConsumeResponse(
          #require(bench.insist(queue, ConsumeRequest(partition: partition, offset: next, count: 7).request())).document())
        for message in answer.messages {
          #expect(message.offset >= next && message.offset < answer.nextOffset)
          found[message.key ?? ""] = try? JSONField(message.value).integer()
        }
        if answer.nextOffset == next { return found }
        next = answer.nextOffset
      }
    }
    bench.run(for: .seconds(1))
    #expect(try found() == newest)
    #expect(bench.host.disk(of: NodeID(0)).used < 25_000)
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(100))
    #expect(try found() == newest)
    #expect(bench.defects.isEmpty)
  }

  /// Retention may end in the middle of an entry of several batches: what is left of it keeps its offsets, also after a
  /// start.
  @Test func aCutInTheMiddleOfAnEntryMovesNoOffset() throws {
    let bench = bench {
      $0.firstTopics[0].retentionBytes = 1_150
      $0.cutBytes = 500
    }
    for entry in UInt8(0)..<40 {
      _ = try stretches(bench.ask(queue, bulk((0..<5).flatMap { batch([[entry, $0], Array(repeating: 1, count: 60)]) })))
    }
    bench.run(for: .seconds(1))
    func first() throws -> Int64 {
      let refused = try #require(bench.ask(queue, ConsumeRequest(partition: 5, offset: 0, count: 1).request()))
      return try OffsetNotRetained(refused.document()).firstOffset
    }
    let before = try first()
    let kept = try values(bench, from: before)
    #expect(before % 10 != 0, "the cut is in the middle of an entry")
    #expect(kept.count == 400 - Int(before))
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(500))
    #expect(try first() == before)
    #expect(try values(bench, from: before) == kept)
  }

  /// Names and keys that look alike and are written with other bytes are different.
  @Test func namesThatLookAlikeAreDifferent() throws {
    let bench = bench {
      $0.firstTopics[0].isCompacted = true
      $0.cutBytes = 200
    }
    let (composed, decomposed) = ("\u{E9}", "e\u{301}")
    for (place, name) in [composed, decomposed].enumerated() {
      var writer = RecordBatchWriter()
      writer.write(count: 1, isJSON: false, identity: BatchIdentity(producer: name, sequences: .consecutive(first: 0))) { _, writer in
        writer.prefixedString(name)
        writer.prefixedBytes([UInt8(place)])
      }
      #expect(try stretches(bench.ask(queue, bulk(writer.finish()))) == [OffsetStretch(offset: Int64(place), count: 1)])
    }
    for number in UInt8(0)..<20 { _ = try stretches(bench.ask(queue, bulk(batch([[number]])))) }
    bench.run(for: .seconds(1))
    let found = try values(bench)
    #expect(found[0] == [0] && found[1] == [1])
    #expect(found.count < 22, "it is compacted")
  }

  /// Where the newest records of all keys are more than a snapshot can hold, the rest stays in the log: nothing is
  /// lost, and the broker goes on.
  @Test func whatDoesNotFitIntoASnapshotStaysInTheLog() throws {
    let bench = bench {
      $0.firstTopics[0].isCompacted = true
      $0.raft.recentLimitBytes = 1_000
    }
    var newest: [String: Int] = [:]
    var number = 0
    // Keys 60 to 119 are written twice, so that half of what fits is kept when much more is to be given up at once.
    for firstKey in [0, 60, 60, 120, 180, 240, 300, 360] {
      var writer = RecordBatchWriter()
      writer.write(count: 60, isJSON: false) { place, writer in
        writer.prefixedString("key-\(firstKey + place)")
        writer.prefixedBytes(Array(repeating: UInt8(number), count: 64_000))
        newest["key-\(firstKey + place)"] = number
      }
      number += 1
      _ = try stretches(bench.ask(queue, bulk(writer.finish())))
      bench.run(for: .milliseconds(300))
    }
    func found() throws -> [String: Int] {
      var found: [String: Int] = [:]
      var next: Int64 = 0
      while true {
        var request = ConsumeRequest(partition: 5, offset: next, count: 100).request()
        request.head.headers.append("accept", RecordBatch.contentType)
        let response = try #require(bench.insist(queue, request))
        let end = try #require(response.head.headers["next-offset"].flatMap { Int64($0) })
        for consumed in try ConsumedBatch.all(in: response.body) {
          try consumed.batch.forEachRecord(in: response.body) { place, record in
            guard consumed.offset + Int64(place) >= next else { return true }
            found[String(decoding: response.body[record.key], as: UTF8.self)] = Int(response.body[record.value].first ?? 0)
            return true
          }
        }
        if end == next { return found }
        next = end
      }
    }
    #expect(try found() == newest)
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .milliseconds(500))
    #expect(try found() == newest)
    #expect(bench.defects.isEmpty)
  }

  @Test func recordsAreRetainedForTheirTime() throws {
    let bench = bench { $0.firstTopics[0].retentionMilliseconds = 2_000 }
    _ = try stretches(bench.ask(queue, bulk(batch([[0], [1]]))))
    bench.run(for: .seconds(1))
    _ = try stretches(bench.ask(queue, bulk(batch([[2]]))))
    bench.run(for: .milliseconds(1_500))
    let refused = try #require(bench.ask(queue, ConsumeRequest(partition: 5, offset: 0, count: 9).request()))
    #expect(refused.status == 410)
    #expect(try OffsetNotRetained(refused.document()).firstOffset == 2)
    #expect(try values(bench, from: 2) == [2: [2]])
    bench.run(for: .seconds(3))
    let end = try #require(bench.ask(queue, ConsumeRequest(partition: 5, offset: 3, count: 9).request()))
    #expect(try ConsumeResponse(end.document()).nextOffset == 3)
  }

  /// Too many keys for one snapshot: the broker says so, keeps all of them, and goes on.
  @Test func aFullCompactedPartitionIsShown() throws {
    let bench = bench {
      $0.firstTopics[0].isCompacted = true
      $0.cutBytes = 7 << 20
    }
    func full() throws -> [Int64] {
      let topics = try #require(bench.ask(queue, Request(.get, "/topics"))).document()
      let topic = try #require(try topics.member("topics").elements(maximum: 9).first)
      return try topic.member("full_partitions").elements(maximum: 12).map { try $0.integer() }
    }
    func health() throws -> String { String(decoding: try #require(bench.ask(queue, Request(.get, "/health"))).body, as: UTF8.self) }
    let value = Array(repeating: UInt8(7), count: 900_000)
    for number in 0..<27 {
      var writer = RecordBatchWriter()
      writer.write(count: 1, isJSON: false) { _, writer in
        writer.prefixedString("key-\(number)")
        writer.prefixedBytes(value)
      }
      _ = try stretches(bench.ask(queue, bulk(writer.finish())))
      // Eight fit, and are kept; seventeen more could be kept only in part.
      if number == 10 {
        bench.run(for: .seconds(1))
        #expect(try full() == [] && !health().contains("degraded"))
      }
    }
    bench.run(for: .seconds(1))
    #expect(try full() == [5])
    #expect(try health().contains("partition 5 of \(QueueAPI.inboundTopic)"))
    #expect(try values(bench).keys.sorted() == Array(0..<27))
    bench.crashAndRestart(NodeID(0), after: .milliseconds(10), settle: .seconds(1))
    #expect(try full() == [5])
    #expect(bench.defects.isEmpty)
  }

  /// Small records take more in their batches and entries than in themselves: what is retained is what the journal
  /// holds.
  @Test func retentionCountsWhatTheJournalHolds() throws {
    let bench = bench { $0.firstTopics[0].retentionBytes = 10_000 }
    for number in 0..<UInt8(250) { _ = try stretches(bench.ask(queue, bulk(batch([[number]])))) }
    bench.run(for: .seconds(1))
    let refused = try #require(bench.ask(queue, ConsumeRequest(partition: 5, offset: 0, count: 9).request()))
    #expect(refused.status == 410)
    let first = try OffsetNotRetained(refused.document()).firstOffset
    // A record, its batch, entry and journal record are about seventy bytes.
    #expect((80...180).contains(first), "\(first)")
    #expect(try values(bench, from: first).count == 250 - Int(first))
  }
}
