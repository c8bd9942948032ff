// Brokers of one cluster in the simulated world: any takes any request, a lost one is no loss, and what they miss is
// told.

import MessageQueue
import MonitoringAPI
import Raft
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct QueueClusterTests: QueueClusterSuite {
  @Test func anyBrokerTakesAnyRequest() throws {
    let bench = bench()
    var partition = 0
    for value in 0..<Int64(9) {
      let place = try placeOf(bench.insist(brokers[Int(value) % 3], produce(value)))
      #expect(place.offset == value)
      partition = place.partition
    }
    for broker in brokers { #expect(try values(bench, broker, partition) == Array(0..<9)) }
    #expect(bench.defects.isEmpty)
  }

  /// Whichever broker is asked, and whoever leads the partitions: who waits for the leader's disk alone is told that much,
  /// and what was told is there.
  @Test(arguments: [Acknowledgement.leader, .none]) func whoWaitsForLessIsToldLessByAnyBroker(_ wanted: Acknowledgement) throws {
    let bench = bench()
    _ = try placeOf(bench.insist(brokers[0], produce(0)))
    func waiting(_ request: Request) -> Request {
      var request = request
      request.head.target += "?acks=\(wanted.rawValue)"
      return request
    }
    for broker in brokers {
      for value in Int64(1)...6 {
        let answer = try #require(bench.ask(broker, waiting(produce(value, key: "key-\(value)"))))
        #expect(answer.status == 202, "\(broker), key-\(value): \(String(decoding: answer.body, as: UTF8.self))")
      }
      // Records of several leaders in one request.
      let records = (0..<24).map { ProduceRecord(key: "many-\($0)", value: .integer($0)) }
      let many = try #require(bench.ask(broker, waiting(ProduceRequest(topic: QueueAPI.inboundTopic, records: records).request())))
      #expect(many.status == 202 && many.body == Array("{\"accepted\":24}".utf8))
    }
    bench.run(for: .seconds(1))
    var found = 0
    for partition in 0..<QueueAPI.partitionCount { found += try values(bench, brokers[1], partition).count }
    #expect(found == 1 + 3 * (6 + 24))
    #expect(bench.defects.isEmpty)
  }

  @Test func aLostBrokerLosesNothing() throws {
    for seed in UInt64(1)...6 {
      let bench = bench(seed: seed)
      let first = try placeOf(bench.insist(brokers[0], produce(0, sequence: 0)))
      for lost in 0..<3 {
        bench.host.crash(NodeID(UInt16(lost)))
        let other = brokers[(lost + 1) % 3]
        let sequence = Int64(lost) + 1
        let place = try placeOf(bench.insist(other, produce(sequence, sequence: sequence)))
        #expect(place.partition == first.partition && place.offset == sequence, "seed \(seed)")
        // A repetition is recognised by whoever leads now.
        #expect(try placeOf(bench.insist(brokers[(lost + 2) % 3], produce(sequence, sequence: sequence))) == place)
        bench.host.restart(NodeID(UInt16(lost)), after: .milliseconds(10))
        bench.run(for: .seconds(2))
      }
      for broker in brokers { #expect(try values(bench, broker, first.partition) == [0, 1, 2, 3], "seed \(seed)") }
      #expect(bench.defects.isEmpty)
    }
  }

  /// A leader that has to send what its disk lost is started anew, finds the damage and gets it back from the others.
  @Test func aBrokerThatFailsIsStartedAnewAndRepaired() throws {
    for seed in UInt64(1)...3 {
      let bench = bench(seed: seed) { $0.raft.recentLimitBytes = 0 }
      let first = try placeOf(bench.insist(brokers[0], produce(0)))
      let status = try #require(bench.insist(brokers[0], Request(.get, "/raft"))).document()
      let groups = try status.member("groups").elements(maximum: 100)
      let leader = Int(try groups[1 + first.partition].member("leader").integer()) - 1
      let behind = (leader + 1) % 3
      bench.host.crash(NodeID(UInt16(behind)))
      for value in Int64(1)...40 { _ = try placeOf(bench.insist(brokers[leader], produce(value))) }
      #expect(!bench.host.disk(of: NodeID(UInt16(leader))).rot(filesStartingWith: "journal", bits: 4).isEmpty)
      bench.host.restart(NodeID(UInt16(behind)), after: .zero)
      bench.run(for: .seconds(4))
      #expect(!bench.facts(.journalDamaged).isEmpty, "seed \(seed): the damage was not met")
      for broker in brokers {
        #expect(bench.ask(broker, Request(.get, "/health"))?.status == 200, "seed \(seed)")
        #expect(try values(bench, broker, first.partition) == Array(0...40), "seed \(seed)")
      }
      #expect(bench.defects.isEmpty, "seed \(seed): \(bench.defects)")
    }
  }

  /// Parked long polls are answered at once by a broker that is asked to stop: by the leader as having found nothing,
  /// by another as not done.
  @Test func aBrokerThatStopsAnswersWhatItKeeps() throws {
    let bench = bench()
    let partition = try placeOf(bench.insist(brokers[0], produce(0))).partition
    let poll = Request(.get, "/consume?partition=\(partition)&offset=1&count=1&wait=20000")
    let status = try #require(bench.insist(brokers[0], Request(.get, "/raft"))).document()
    let leader = Int(try status.member("groups").elements(maximum: 100)[1 + partition].member("leader").integer()) - 1
    bench.host.onAlarm = { number in bench.host.askToStop(NodeID(UInt16(number))) }
    for (broker, expected) in [((leader + 1) % 3, 503), (leader, 200)] {
      bench.host.alarm(broker, at: bench.host.now + 2_000_000_000)
      let asked = bench.host.now
      let answer = try #require(bench.ask(brokers[broker], poll, within: .seconds(30)))
      #expect(answer.status == expected && bench.host.now - asked < 3_000_000_000)
      if expected == 200 {
        let found = try ConsumeResponse(answer.document())
        #expect(found.messages.isEmpty && found.nextOffset == 1)
      } else {
        #expect(answer.head.headers["retry-after"] == "1")
      }
      // Nothing is kept from then on.
      let again = bench.host.now
      #expect(bench.ask(brokers[broker], poll, within: .seconds(30))?.status == expected && bench.host.now - again < 1_000_000_000)
    }
    #expect(bench.defects.isEmpty)
  }

  @Test func withoutAMajorityNothingIsAcknowledged() throws {
    let bench = bench()
    _ = try placeOf(bench.insist(brokers[0], produce(0)))
    bench.host.crash(NodeID(1))
    bench.host.crash(NodeID(2))
    bench.run(for: .seconds(2))
    let answer = bench.ask(brokers[0], produce(1), within: .seconds(5))
    #expect(answer == nil || (answer?.status ?? 0) >= 500)
    bench.host.restart(NodeID(1), after: .zero)
    bench.host.restart(NodeID(2), after: .zero)
    _ = try placeOf(bench.insist(brokers[2], produce(2)))
  }

  /// What GET /health of a broker says that an operator should look at.
  private func degraded(_ bench: TestBench, _ broker: Endpoint) throws -> [String] {
    let health = try #require(bench.ask(broker, Request(.get, "/health")))
    let word = try health.document().member("status").string(maximumBytes: 20)
    #expect(health.status == (word == "up" ? 200 : 503) && (word == "up" || word == "unavailable"))
    guard let field = try health.document().optionalMember("degraded") else { return [] }
    return try field.elements(maximum: 100).map { try $0.string(maximumBytes: 1_000) }
  }

  @Test func aBrokerWithoutAMajoritySaysThatLogsHaveNoLeader() throws {
    for left in 0..<3 {
      let bench = bench()
      _ = try placeOf(bench.insist(brokers[0], produce(0)))
      bench.run(for: .seconds(2))
      for broker in brokers { #expect(try degraded(bench, broker) == []) }
      let others = (0..<3).filter { $0 != left }.map { NodeID(UInt16($0)) }
      for other in others { bench.host.crash(other) }
      bench.run(for: .seconds(4))
      let reasons = try degraded(bench, brokers[left])
      let names = others.map { "broker \($0.index + 1) was not heard for" }
      let expected = names + ["a majority of the brokers of 13 of 13 replicated logs", "13 of 13 replicated logs have no leader"]
      #expect(reasons.count == 4 && zip(reasons, expected).allSatisfy { $0.hasPrefix($1) }, "\(reasons)")
      #expect(bench.ask(brokers[left], Request(.get, "/health"))?.status == 503)
      for other in others { bench.host.restart(other, after: .zero) }
      _ = try placeOf(bench.insist(brokers[left], produce(1)))
      bench.run(for: .seconds(2))
      for broker in brokers { #expect(try degraded(bench, broker) == []) }
    }
  }

  @Test func brokersTellWhichOtherOneTheyDoNotReach() throws {
    for lost in 0..<3 {
      let bench = bench()
      _ = try placeOf(bench.insist(brokers[0], produce(0)))
      // Long enough for leaders to be where they should be: those that lead nothing are heard too.
      bench.run(for: .seconds(10))
      for broker in brokers { #expect(try degraded(bench, broker) == []) }
      bench.host.crash(NodeID(UInt16(lost)))
      bench.run(for: .seconds(26))
      for broker in brokers where broker != brokers[lost] {
        #expect(try degraded(bench, broker) == ["broker \(lost + 1) was not heard for 26 s"])
        #expect(bench.ask(broker, Request(.get, "/health"))?.status == 200)
        let raft = try #require(bench.ask(broker, Request(.get, "/raft"))).document()
        let servers = try raft.member("servers").elements(maximum: 10)
        #expect(try servers.map { try $0.member("reached").bool() ? 0 : try $0.member("number").integer() }.max() == Int64(lost + 1))
      }
      bench.host.restart(NodeID(UInt16(lost)), after: .zero)
      bench.run(for: .seconds(3))
      for broker in brokers { #expect(try degraded(bench, broker) == []) }
    }
  }

  @Test func aFullDiskIsToldAndSoIsItsEnd() throws {
    let bench = bench()
    _ = try placeOf(bench.insist(brokers[0], produce(0)))
    bench.run(for: .seconds(2))
    bench.host.plan([PlannedFault(at: TimeSpan(nanoseconds: bench.host.now), for: .seconds(5), FullDisk(of: NodeID(1)))])
    bench.run(for: .seconds(3))
    #expect(try degraded(bench, brokers[1]).first?.hasPrefix("the disk is full") == true)
    #expect(try degraded(bench, brokers[0]) == [])
    bench.run(for: .seconds(5))
    #expect(try degraded(bench, brokers[1]) == [])
  }

  @Test func aBrokerThatStandsStillKeepsNobodyWaiting() throws {
    for still in 0..<3 {
      let bench = bench()
      for key in ["a", "client_1", "server01"] { _ = try placeOf(bench.insist(brokers[0], produce(0, key: key))) }
      bench.host.pause(NodeID(UInt16(still)), until: bench.host.now + 30_000_000_000)
      // What is sent to it before the others know better is told to be asked again.
      for key in ["a", "client_1", "server01"] {
        #expect(bench.ask(brokers[(still + 1) % 3], produce(1, key: key), within: .seconds(4)) != nil, "broker \(still + 1), key \(key)")
      }
      for key in ["a", "client_1", "server01"] { _ = try placeOf(bench.insist(brokers[(still + 2) % 3], produce(2, key: key))) }
    }
  }

  @Test func theEndOfACompactedPartitionIsNotShownWithoutAMajority() throws {
    let bench = bench {
      $0.firstTopics[0].isCompacted = true
      $0.cutBytes = 1_000
    }
    var partition = 0
    for value in 0..<Int64(200) { partition = try placeOf(bench.insist(brokers[Int(value) % 3], produce(value))).partition }
    bench.run(for: .seconds(1))
    let request = ConsumeRequest(partition: partition, offset: 0, count: 100).request()
    let whole = try ConsumeResponse(try #require(bench.insist(brokers[0], request)).document())
    #expect(whole.messages.count < 100 && whole.messages.last?.offset == 199 && whole.nextOffset == 200)
    bench.host.crash(NodeID(1))
    bench.host.crash(NodeID(2))
    let answer = bench.ask(brokers[0], request, within: .seconds(5))
    #expect(answer == nil || (answer?.status ?? 0) >= 500)
  }

  @Test func aTopicIsFoundedByItsOwnFoundersAlsoFromASnapshot() throws {
    let two = [ServerID(1), ServerID(2)]
    let bench = bench { $0.raft.founders = two }
    bench.host.crash(NodeID(2))
    #expect(bench.insist(brokers[0], TopicDescription(name: "early").request())?.status == 201)
    let membership = Request.json(.post, "/raft/groups/0/membership") { writer in
      writer.beginObject()
      for (name, list) in [("voters", [1, 2, 3]), ("learners", [])] {
        writer.name(name)
        writer.beginArray()
        for number in list { writer.value(Int64(number)) }
        writer.endArray()
      }
      writer.endObject()
    }
    #expect(bench.insist(brokers[0], membership)?.status == 202)
    bench.run(for: .seconds(1))
    #expect(bench.insist(brokers[0], TopicDescription(name: "late").request())?.status == 201)
    // Until the registry is cut: then the third broker gets both topics at once.
    let commit = CommitRequest(member: nil, generation: 0, offsets: [GroupOffset(TopicPartition(topic: "late", partition: 0), offset: 1)])
    for _ in 0..<1_000 { #expect(bench.insist(brokers[0], commit.request(group: "g"))?.status == 200) }
    bench.host.restart(NodeID(2), after: .zero)
    bench.run(for: .seconds(2))
    let status = try #require(bench.ask(brokers[2], Request(.get, "/raft"))).document()
    let voters = try status.member("groups").elements(maximum: 100).map { group in
      try group.member("voters").elements(maximum: 9).map { try $0.integer() }
    }
    #expect(voters.count == 37)
    #expect(voters.prefix(25).dropFirst().allSatisfy { $0 == [1, 2] } && voters.suffix(12).allSatisfy { $0 == [1, 2, 3] }, "\(voters)")
    #expect(bench.defects.isEmpty)
  }
}
