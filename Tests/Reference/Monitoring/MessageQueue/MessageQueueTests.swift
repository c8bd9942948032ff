// The broker in the simulated world: offsets, repetition, retention, long polls, a full disk, crashes.

import MessageQueue
import MonitoringAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let queue = Endpoint(0)
private let queueNode = NodeID(0)

private func bench(seed: UInt64 = 1, _ change: (inout MessageQueueConfiguration) -> Void = { _ in }) -> TestBench {
  var configuration = MessageQueueConfiguration()
  change(&configuration)
  let fixed = configuration
  return TestBench(seed: seed, [NodePlan("queue") { MessageQueue(fixed) }])
}

private func produce(_ count: Int, key: String = "k", producer: String? = nil, from first: Int64 = 0, padding: Int = 0) -> Request {
  let text = String(repeating: "x", count: padding)
  return ProduceRequest(
    topic: QueueAPI.inboundTopic,
    records: (0..<Int64(count)).map { index in
      ProduceRecord(
        key: key, value: ["number": .integer(first + index), "padding": .string(text)],
        identity: producer.map { ProducerSequence(producer: $0, sequence: first + index) })
    }
  ).request()
}

private func places(_ response: Response?) throws -> [RecordPlace] {
  let response = try #require(response)
  #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
  return try ProduceResponse(response.document()).places
}

/// All messages of a partition from `offset` on, read in steps of `count`.
private func readAll(_ bench: TestBench, _ partition: Int, from offset: Int64 = 0, count: Int = 7) throws -> [ConsumedMessage] {
  var messages: [ConsumedMessage] = []
  var next = offset
  while true {
    let response = try #require(bench.insist(queue, ConsumeRequest(partition: partition, offset: next, count: count).request()))
    let answer = try ConsumeResponse(response.document())
    if answer.messages.isEmpty { return messages }
    messages += answer.messages
    next = answer.nextOffset
  }
}

@Suite struct MessageQueueTests {
  @Test func namesThatLookAlikeAreDifferentGroups() throws {
    let bench = bench()
    func commit(_ group: String, _ offset: Int64) throws {
      let body = #"{"generation":0,"offsets":[{"topic":"metrics.inbound","partition":3,"offset":\#(offset)}]}"#
      #expect(bench.ask(queue, Request(.post, "/groups/\(group)/offsets", body: Array(body.utf8)))?.status == 200)
    }
    func offsets(_ group: String) throws -> [Int64] {
      try GroupOffsets(try #require(bench.insist(queue, Request(.get, "/groups/\(group)/offsets"))).document()).offsets.map(\.offset)
    }
    let names = ["caf%C3%A9", "cafe%CC%81"]
    try commit(names[0], 5)
    try commit(names[1], 7)
    #expect(try offsets(names[0]) == [5] && offsets(names[1]) == [7])
    for name in names {
      #expect(bench.insist(queue, JoinRequest(topics: ["metrics.inbound"]).request(group: name))?.status == 201)
    }
    let groups = try #require(bench.ask(queue, Request(.get, "/groups"))).document().value["groups"]
    #expect(groups == [["group": "cafe\u{301}", "members": 1, "partitions": 1], ["group": "caf\u{E9}", "members": 1, "partitions": 1]])
    bench.crashAndRestart(queueNode)
    #expect(try offsets(names[0]) == [5] && offsets(names[1]) == [7])
    #expect(bench.insist(queue, Request(.delete, "/groups/\(names[0])"))?.status == 204)
    #expect(try offsets(names[0]) == [] && offsets(names[1]) == [7])
    // A topic's name is matched by its bytes too: the sign for kelvin is not the letter K.
    #expect(bench.insist(queue, TopicDescription(name: "K").request())?.status == 201)
    #expect(bench.ask(queue, Request(.get, "/consume?topic=%E2%84%AA&partition=0&offset=0"))?.status == 404)
  }

  @Test func aRepetitionIsKnownAfterMinutesOfOtherProducers() throws {
    let bench = bench()
    func request(_ numbers: Range<Int>) -> Request {
      ProduceRequest(
        topic: QueueAPI.inboundTopic,
        records: numbers.map { number in
          // As ingestion names the requests of clients: some 90 bytes.
          let name = "client/a-client-of-some-name/\(String(repeating: "0", count: 50))-\(number)"
          return ProduceRecord(key: "k", value: .integer(Int64(number)), identity: ProducerSequence(producer: name, sequence: 0))
        }
      ).request()
    }
    let first = try places(bench.ask(queue, request(0..<1)))
    // What one partition takes in five minutes at 1,000 requests a second over all.
    for start in stride(from: 1, to: 25_001, by: 5_000) { _ = try places(bench.ask(queue, request(start..<start + 5_000))) }
    #expect(try places(bench.ask(queue, request(0..<1))) == first)
    bench.crashAndRestart(queueNode)
    #expect(try places(bench.insist(queue, request(1..<2))) == [RecordPlace(partition: first[0].partition, offset: 1)])
  }

  @Test func recordsWithoutAKeyAreSpreadAndKeepTheirProducersSequence() throws {
    let bench = bench()
    let single = #"{"topic":"metrics.inbound","key":null,"value":1}"#
    let singles = try (0..<24).map { _ in try places(bench.ask(queue, Request(.post, "/produce", body: Array(single.utf8))))[0].partition }
    #expect(Dictionary(grouping: singles) { $0 }.mapValues(\.count) == Dictionary(uniqueKeysWithValues: (0..<12).map { ($0, 2) }))
    let records = (0..<Int64(120)).map { ProduceRecord(key: nil, value: .integer($0)) }
    let spread = try places(bench.ask(queue, ProduceRequest(topic: QueueAPI.inboundTopic, records: records).request()))
    #expect(Dictionary(grouping: spread, by: \.partition).mapValues(\.count) == Dictionary(uniqueKeysWithValues: (0..<12).map { ($0, 10) }))
    let numbered = records.enumerated().map {
      ProduceRecord(key: nil, value: $0.element.value, identity: ProducerSequence(producer: "p", sequence: Int64($0.offset)))
    }
    let request = ProduceRequest(topic: QueueAPI.inboundTopic, records: numbered).request()
    let first = try places(bench.ask(queue, request))
    #expect(Set(first.map(\.partition)).count == 12)
    #expect(try places(bench.ask(queue, request)) == first)
    let mixed = ProduceRequest(
      topic: QueueAPI.inboundTopic, records: [ProduceRecord(key: "", value: 1), ProduceRecord(key: nil, value: 2)]
    ).request()
    let mixedPlaces = try places(bench.ask(queue, mixed))
    #expect(try readAll(bench, mixedPlaces[0].partition).last { $0.key != nil }?.key == "")
    let body = try #require(bench.ask(queue, Request(.get, "/consume?partition=\(first[0].partition)&offset=\(first[0].offset)&count=1")))
      .body
    #expect(String(decoding: body, as: UTF8.self).contains(#""key":null"#))
    #expect(try readAll(bench, first[0].partition).allSatisfy { $0.key == nil || $0.key == "" })
    #expect(bench.insist(queue, TopicDescription(name: "newest", isCompacted: true).request())?.status == 201)
    let refused = try #require(
      bench.ask(queue, Request(.post, "/produce", body: Array(#"{"topic":"newest","key":null,"value":1}"#.utf8))))
    #expect(refused.status == 400 && ErrorAnswer(refused).message == "key: expected a key, which a compacted topic goes by, found none")
  }

  @Test func keysGoWhereTheyAlwaysWent() {
    // Golden: these never change between versions, since stored messages lie where they lie.
    let golden = [("client_123", 6), ("client_1", 4), ("client_2", 3), ("a", 3), ("b", 3), ("server01", 8), ("cpu_usage", 1), ("", 2)]
    for (key, partition) in golden { #expect(PartitionRouting.partition(of: key, count: 12) == partition, "\(key)") }
    var seen = Array(repeating: 0, count: 12)
    for number in 0..<12_000 { seen[PartitionRouting.partition(of: "client-\(number)", count: 12)] += 1 }
    // Even within five standard deviations.
    #expect(seen.allSatisfy { (850...1_150).contains($0) }, "\(seen)")
  }

  @Test func aRepeatedRequestIsStoredOnceAlsoAfterARestart() throws {
    let bench = bench()
    let request = produce(5, producer: "p")
    let first = try places(bench.ask(queue, request))
    #expect(try places(bench.ask(queue, request)) == first)
    bench.crashAndRestart(queueNode, after: .milliseconds(10), settle: .milliseconds(50))
    #expect(try places(bench.insist(queue, request)) == first)
    #expect(try readAll(bench, first[0].partition).count == 5)
    // New sequences of the same producer are new.
    #expect(try places(bench.ask(queue, produce(1, producer: "p", from: 5))).map(\.offset) == [5])
  }

  @Test func retentionDiscardsTheOldestAndNamesTheFirstOffset() throws {
    let bench = bench {
      $0.firstTopics[0].retentionBytes = 40_000
      $0.cutBytes = 4_000
      $0.raft.segmentBytes = 8_000
      $0.raft.recentLimitBytes = 2_000
      $0.raft.journalLimitBytes = 40_000
    }
    var partition = 0
    for round in 0..<60 {
      let stored = try places(bench.ask(queue, produce(10, producer: "p", from: Int64(round) * 10, padding: 100)))
      partition = stored[0].partition
    }
    bench.run(for: .milliseconds(500))
    #expect((bench.host.disk(of: queueNode).used) < 70_000)
    let refused = try #require(bench.ask(queue, ConsumeRequest(partition: partition, offset: 0, count: 10).request()))
    #expect(refused.status == 410)
    let first = try refused.document().member("error").member("first_offset").integer()
    #expect(first > 0 && first < 600)
    let kept = try readAll(bench, partition, from: first)
    #expect(kept.map(\.offset) == Array(first..<600))
    // A restart knows the same: the next offset goes on, the discarded stay discarded, repetitions are still
    // recognised.
    bench.crashAndRestart(queueNode, after: .milliseconds(10), settle: .milliseconds(100))
    #expect(bench.defects.isEmpty)
    #expect(try places(bench.insist(queue, produce(1, producer: "p", from: 599, padding: 100))).map(\.offset) == [599])
    #expect(try places(bench.ask(queue, produce(1, producer: "p", from: 600))).map(\.offset) == [600])
    #expect(try readAll(bench, partition, from: first).count == Int(601 - first))
    // Nor are they passed over without a word by a broker that has not read its log again yet.
    for offset in stride(from: first - 1, through: 0, by: -20) {
      bench.crashAndRestart(queueNode)
      var status: Int?
      while status == nil { status = bench.ask(queue, ConsumeRequest(partition: partition, offset: offset, count: 1).request())?.status }
      #expect(status == 410, "offset \(offset)")
    }
  }

  @Test func aLongPollIsAnsweredByTheFirstMessageOrAtItsEnd() throws {
    let bench = bench()
    let partition = PartitionRouting.partition(of: "k", count: 12)
    let empty = try #require(bench.ask(queue, ConsumeRequest(partition: partition, offset: 0, count: 10, waitMilliseconds: 300).request()))
    #expect(try ConsumeResponse(empty.document()).messages.isEmpty)
    #expect(bench.host.now >= 300_000_000)
    _ = try places(bench.ask(queue, produce(2)))
    let before = bench.host.now
    let found = try #require(
      bench.ask(queue, ConsumeRequest(partition: partition, offset: 0, count: 10, waitMilliseconds: 5_000).request()))
    #expect(try ConsumeResponse(found.document()).messages.map(\.offset) == [0, 1])
    #expect(bench.host.now - before < 1_000_000_000)
  }

  @Test func aFullDiskRefusesAndLosesNothing() throws {
    let bench = bench()
    let stored = try places(bench.ask(queue, produce(3)))
    let disk = bench.host.disk(of: queueNode)
    disk.capacityBytes = disk.used + 20
    let refused = try #require(bench.ask(queue, produce(3, from: 3)))
    #expect(refused.status == 503)
    #expect(try refused.document().member("error").member("code").string(maximumBytes: 99) == "DISK_FULL")
    disk.capacityBytes = 1 << 30
    #expect(try places(bench.ask(queue, produce(3, from: 3))).map(\.offset) == [3, 4, 5])
    #expect(try readAll(bench, stored[0].partition).map(\.offset) == [0, 1, 2, 3, 4, 5])
  }

  /// A start with a full disk comes to nothing, and is made again until there is room.
  @Test func aBrokerThatStartsWithAFullDiskServesOnceThereIsRoom() throws {
    let bench = bench()
    let stored = try places(bench.ask(queue, produce(3)))
    let disk = bench.host.disk(of: queueNode)
    disk.capacityBytes = disk.used + 60
    bench.crashAndRestart(queueNode, after: .milliseconds(10), settle: .seconds(3))
    disk.capacityBytes = 1 << 30
    #expect(try places(bench.insist(queue, produce(3, from: 3))).map(\.offset) == [3, 4, 5])
    #expect(try readAll(bench, stored[0].partition).map(\.offset) == [0, 1, 2, 3, 4, 5])
    #expect(bench.defects.isEmpty)
  }

  @Test func whatStandsBeforeADamagedRecordIsGiven() throws {
    let bench = bench { $0.raft.recentLimitBytes = 0 }
    let partition = PartitionRouting.partition(of: "k", count: 12)
    for number in 0..<3 { _ = try places(bench.ask(queue, produce(1, from: Int64(number), padding: 500))) }
    let disk = bench.host.disk(of: queueNode)
    let log = try #require(disk.list().last { (disk.size(of: $0) ?? 0) > 1_000 })
    let size = try #require(disk.size(of: log))
    // The newest entry stays in memory until another one follows.
    _ = try places(bench.ask(queue, produce(1, from: 3, padding: 500)))
    disk.spoil(log, range: size - 100..<size)
    let answer = try ConsumeResponse(
      #require(bench.ask(queue, ConsumeRequest(partition: partition, offset: 0, count: 10).request())).document())
    #expect(answer.messages.map(\.offset) == [0, 1])
    #expect(answer.nextOffset == 2)
    let refused = try #require(bench.ask(queue, ConsumeRequest(partition: partition, offset: 2, count: 10).request()))
    #expect(refused.status == 500)
  }

  @Test func whatWasAnsweredIsThereAfterAnyCrash() throws {
    for seed in UInt64(1)...25 {
      let bench = bench(seed: seed) {
        $0.raft.segmentBytes = 3_000
        $0.raft.recentLimitBytes = 500
      }
      var answered: [RecordPlace: Int64] = [:]
      for round in Int64(0)..<30 {
        bench.crashSoon(queueNode, within: .milliseconds(40))
        let request = produce(4, key: "key-\(round % 5)", producer: "p", from: round * 4, padding: 40)
        guard let response = bench.insist(queue, request) else {
          Issue.record("seed \(seed): no answer")
          return
        }
        for (index, place) in try places(response).enumerated() { answered[place] = round * 4 + Int64(index) }
      }
      bench.run(for: .milliseconds(200))
      var found: [RecordPlace: Int64] = [:]
      for partition in 0..<12 {
        let messages = try readAll(bench, partition)
        #expect(messages.map(\.offset) == Array(0..<Int64(messages.count)), "seed \(seed)")
        for message in messages {
          found[RecordPlace(partition: partition, offset: message.offset)] = try JSONField(message.value).member("number").integer()
        }
      }
      #expect(found == answered, "seed \(seed)")
      #expect(bench.defects.isEmpty, "seed \(seed)")
    }
  }

  @Test func damagedBodiesAreAnsweredAndTheBrokerServesOn() throws {
    let bench = bench()
    let bodies: [(Method, String, String)] = [
      (.post, "/produce", #"{"topic":"metrics.inbound","key":"k","value":{"a":1.5},"producer":"p","sequence":3}"#),
      (.post, "/produce", #"{"topic":"metrics.inbound","records":[{"key":"k","value":[1,2]},{"key":"l","value":null}]}"#),
    ]
    let statuses = bench.sendDamaged(bodies, to: queue, count: 300)
    #expect(statuses.allSatisfy { $0 != nil && $0 != 500 })
    #expect(statuses.contains(400))
    _ = try places(bench.ask(queue, produce(1)))
  }
}
