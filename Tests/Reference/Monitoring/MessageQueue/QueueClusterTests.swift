// Brokers of one cluster in the simulated world: any takes any request, a lost one is no loss, topics, consumer groups.

import MessageQueue
import MonitoringAPI
import Raft
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let brokers = (0..<3).map { Endpoint(UInt16($0)) }

private func bench(seed: UInt64 = 1, _ change: (inout MessageQueueConfiguration) -> Void = { _ in }) -> TestBench {
  let servers = (1...3).map { ServerID(UInt32($0)) }
  let nodes = Dictionary(uniqueKeysWithValues: servers.map { ($0, NodeID(UInt16($0.value - 1))) })
  let plans = servers.map { server in
    var configuration = MessageQueueConfiguration(raft: RaftServerConfiguration(server: server, nodes: nodes, founders: servers))
    change(&configuration)
    let fixed = configuration
    return NodePlan("queue-\(server.value)") { MessageQueue(fixed) }
  }
  return TestBench(seed: seed, plans)
}

private func produce(_ value: Int64, key: String = "k", topic: String = QueueAPI.inboundTopic, sequence: Int64? = nil) -> Request {
  let identity = sequence.map { ProducerSequence(producer: "p", sequence: $0) }
  return ProduceRequest(topic: topic, records: [ProduceRecord(key: key, value: .integer(value), identity: identity)]).request()
}

private func placeOf(_ response: Response?) throws -> RecordPlace {
  let response = try #require(response)
  #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
  return try #require(try ProduceResponse(response.document()).places.first)
}

private func values(_ bench: TestBench, _ broker: Endpoint, _ partition: Int, topic: String = QueueAPI.inboundTopic) throws -> [Int64] {
  let response = try #require(bench.insist(broker, ConsumeRequest(topic: topic, partition: partition, offset: 0, count: 1_000).request()))
  return try ConsumeResponse(response.document()).messages.map { try JSONField($0.value).integer() }
}

@Suite struct QueueClusterTests {
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

  @Test func topicsAreCreatedOnceAndKnownToAll() throws {
    let bench = bench()
    let orders = TopicDescription(name: "orders", retentionMilliseconds: 60_000)
    #expect(bench.insist(brokers[1], orders.request())?.status == 201)
    #expect(bench.insist(brokers[2], orders.request())?.status == 200)
    #expect(bench.ask(brokers[0], TopicDescription(name: "orders", isCompacted: true).request())?.status == 409)
    let stored = try placeOf(bench.insist(brokers[0], produce(7, topic: "orders")))
    #expect(stored.offset == 0)
    #expect(try values(bench, brokers[2], stored.partition, topic: "orders") == [7])
    for broker in brokers {
      #expect(bench.ask(broker, produce(1, topic: "nowhere"))?.status == 404)
      #expect(bench.ask(broker, ConsumeRequest(topic: "nowhere", partition: 0, offset: 0, count: 1).request())?.status == 404)
    }
    // A topic is there after all brokers have crashed at once.
    for node in 0..<3 { bench.host.crash(NodeID(UInt16(node))) }
    for node in 0..<3 { bench.host.restart(NodeID(UInt16(node)), after: .milliseconds(10)) }
    bench.run(for: .seconds(2))
    #expect(try placeOf(bench.insist(brokers[1], produce(8, topic: "orders"))).offset == 1)
    for name in ["", "a b", "a/b", "a\u{7}"] {
      let request = Request.json(.post, "/topics") { writer in
        writer.beginObject()
        writer.member("name", name)
        writer.endObject()
      }
      #expect(bench.ask(brokers[0], request)?.status == 400, "\(name)")
    }
  }

  @Test func groupsDivideThePartitionsAndFenceWhoLostThem() throws {
    let bench = bench()
    _ = try placeOf(bench.insist(brokers[0], produce(0)))
    let join = JoinRequest(topics: [QueueAPI.inboundTopic], sessionTimeout: .seconds(2)).request(group: "g")
    let alone = try Assignment(try #require(bench.insist(brokers[0], join)).document())
    #expect(alone.partitions.count == QueueAPI.partitionCount)
    let second = try Assignment(try #require(bench.insist(brokers[1], join)).document())
    let beat = HeartbeatRequest(generation: alone.generation).request(group: "g", member: alone.member)
    let news = try Assignment(try #require(bench.insist(brokers[2], beat)).document())
    #expect(second.generation > alone.generation && news.generation == second.generation)
    #expect(Set(news.partitions).isDisjoint(with: second.partitions))
    #expect(news.partitions.count + second.partitions.count == QueueAPI.partitionCount)
    let offset = [GroupOffset(second.partitions[0], offset: 1)]
    let stale = CommitRequest(member: alone.member, generation: alone.generation, offsets: offset).request(group: "g")
    #expect(bench.ask(brokers[0], stale)?.status == 409)
    let stranger = CommitRequest(member: "nobody", generation: second.generation, offsets: offset).request(group: "g")
    #expect(bench.ask(brokers[0], stranger)?.status == 404)
    let present = CommitRequest(member: second.member, generation: second.generation, offsets: offset).request(group: "g")
    #expect(bench.insist(brokers[0], present)?.status == 200)
    #expect(try GroupOffsets(try #require(bench.insist(brokers[2], Request(.get, "/groups/g/offsets"))).document()).offsets == offset)
    // Who is silent for longer than its session is not known any more.
    bench.run(for: .seconds(4))
    #expect(bench.ask(brokers[0], present)?.status == 404)
    #expect(bench.ask(brokers[0], beat)?.status == 404)
    let unknown = CommitRequest(
      member: nil, generation: 0, offsets: [GroupOffset(TopicPartition(topic: "nowhere", partition: 0), offset: 1)]
    ).request(group: "g")
    #expect(bench.ask(brokers[0], unknown)?.status == 404)
    #expect(bench.defects.isEmpty)
  }

  private func groups(_ bench: TestBench, _ query: String = "") throws -> GroupList {
    try GroupList(try #require(bench.insist(brokers[1], Request(.get, "/groups\(query)"))).document())
  }

  private func commit(_ group: String, _ member: Assignment? = nil) -> Request {
    CommitRequest(
      member: member?.member, generation: member?.generation ?? 0,
      offsets: [GroupOffset(TopicPartition(topic: QueueAPI.inboundTopic, partition: 3), offset: 7)]
    ).request(group: group)
  }

  @Test func groupsAreListedAndDeleted() throws {
    let bench = bench()
    for number in 0..<5 { #expect(bench.insist(brokers[number % 3], commit("g\(number)"))?.status == 200) }
    let join = JoinRequest(topics: [QueueAPI.inboundTopic]).request(group: "g9")
    let member = try Assignment(try #require(bench.insist(brokers[0], join)).document())
    #expect(try groups(bench).groups.map(\.group) == ["g0", "g1", "g2", "g3", "g4", "g9"])
    let page = try groups(bench, "?after=g3&count=1")
    #expect(page.groups == [GroupSummary(group: "g4", members: 0, partitions: 1)] && page.next == "g4")
    #expect(try groups(bench, "?after=g4") == GroupList(groups: [GroupSummary(group: "g9", members: 1, partitions: 0)], next: nil))
    #expect(bench.ask(brokers[2], Request(.delete, "/groups/g9"))?.status == 409)
    #expect(bench.ask(brokers[2], Request(.delete, "/groups/g7"))?.status == 404)
    for broker in brokers { #expect(bench.insist(broker, Request(.delete, "/groups/g\(broker.index)"))?.status == 204) }
    #expect(bench.insist(brokers[0], Request(.delete, "/groups/g9/members/\(member.member)"))?.status == 204)
    #expect(bench.ask(brokers[0], Request(.delete, "/groups/g9"))?.status == 404, "it has committed nothing")
    for node in 0..<3 { bench.host.crash(NodeID(UInt16(node))) }
    for node in 0..<3 { bench.host.restart(NodeID(UInt16(node)), after: .milliseconds(10)) }
    bench.run(for: .seconds(2))
    #expect(try groups(bench).groups.map(\.group) == ["g3", "g4"])
    #expect(try GroupOffsets(try #require(bench.insist(brokers[2], Request(.get, "/groups/g1/offsets"))).document()).offsets.isEmpty)
    #expect(bench.defects.isEmpty)
  }

  /// A group that consumes keeps its place though it commits nothing, also when another broker coordinates; the others
  /// are forgotten.
  @Test func offsetsOfUnusedGroupsExpire() throws {
    let bench = bench {
      $0.groupRetention = .seconds(4)
      $0.groupUpkeepInterval = .milliseconds(200)
    }
    let join = JoinRequest(topics: [QueueAPI.inboundTopic], sessionTimeout: .seconds(30)).request(group: "in-use")
    let member = try Assignment(try #require(bench.insist(brokers[0], join)).document())
    #expect(bench.insist(brokers[0], commit("in-use", member))?.status == 200)
    #expect(bench.insist(brokers[0], commit("unused"))?.status == 200)
    bench.run(for: .seconds(2))
    #expect(try groups(bench).groups.map(\.group) == ["in-use", "unused"])
    bench.run(for: .seconds(3))
    #expect(try groups(bench).groups.map(\.group) == ["in-use"])
    // Its members are unknown from now on, and its time begins.
    for node in 0..<3 { bench.host.crash(NodeID(UInt16(node))) }
    for node in 0..<3 { bench.host.restart(NodeID(UInt16(node)), after: .milliseconds(10)) }
    bench.run(for: .seconds(1))
    #expect(try groups(bench).groups == [GroupSummary(group: "in-use", members: 0, partitions: 1)])
    bench.run(for: .seconds(4))
    #expect(try groups(bench).groups.isEmpty)
    #expect(bench.defects.isEmpty)
  }

  private func addresses(_ bench: TestBench, _ broker: Endpoint) throws -> [Int64: String] {
    let document = try #require(bench.insist(broker, Request(.get, "/brokers"))).document()
    var found: [Int64: String] = [:]
    for element in try document.member("brokers").elements(maximum: 9) {
      found[try element.member("number").integer()] = try element.optionalMember("address")?.string(maximumBytes: 256) ?? "none"
    }
    return found
  }

  /// A broker that starts again hears a leader of which only its registry's log tells, though it does not know yet what
  /// of it is committed.
  @Test func aBrokerThatStartsHearsALeaderThatItWasNotToldOf() throws {
    let founders = (1...3).map { ServerID(UInt32($0)) }
    let plans = (1...4).map { number in
      // Brokers run on the nodes of their own numbers; node 0 is nobody's.
      let known = (1...(number == 4 ? 4 : 3)).map { (ServerID(UInt32($0)), NodeID(UInt16($0))) }
      let configuration = MessageQueueConfiguration(
        raft: RaftServerConfiguration(
          server: ServerID(UInt32(number)), nodes: Dictionary(uniqueKeysWithValues: known), founders: number == 4 ? [] : founders))
      return NodePlan("queue-\(number)") { MessageQueue(configuration) }
    }
    let bench = TestBench([NodePlan("nobody") { Responder { _, _ in nil } }] + plans)
    #expect(bench.insist(Endpoint(1), BrokerAddress(number: 4, address: "10.0.0.4:7004").request())?.status == 200)
    let change = Request.json(.post, "/raft/groups/0/membership") { writer in
      writer.beginObject()
      writer.name("voters")
      writer.beginArray()
      for number in 1...4 { writer.value(number) }
      writer.endArray()
      writer.endObject()
    }
    #expect(bench.insist(Endpoint(1), change)?.status == 202)
    bench.run(for: .seconds(2))
    let transfer = Request.json(.post, "/raft/groups/0/transfer") { writer in
      writer.beginObject()
      writer.member("to", 4)
      writer.endObject()
    }
    #expect(bench.insist(Endpoint(1), transfer)?.status == 202)
    bench.run(for: .seconds(2))
    func leader(by broker: UInt16) throws -> Int64? {
      let status = try #require(bench.insist(Endpoint(broker), Request(.get, "/raft"))).document()
      return try status.member("groups").elements(maximum: 100)[0].optionalMember("leader")?.integer()
    }
    #expect(try leader(by: 1) == 4)
    bench.host.crash(NodeID(3))
    bench.host.restart(NodeID(3), after: .milliseconds(10))
    bench.run(for: .seconds(3))
    #expect(try leader(by: 3) == 4)
    let shown = try #require(bench.insist(Endpoint(3), Request(.get, "/brokers")))
    #expect(String(decoding: shown.body, as: UTF8.self).contains("10.0.0.4:7004"))
    #expect(bench.defects.isEmpty)
  }

  /// What the host could not read stays out of the registry, and what says the same is the same.
  @Test func aBrokersAddressIsReadAsHostsReadIt() throws {
    let bench = bench { _ in }
    for address in [
      "a/b:+80@h:+9", "10.0.0.4:+7004", "10.0.0.4", "10.0.0.4:60000", "10.0.0.4:7004@", "10.0.0.4:7004@+9", "10.0.0.4:7004@h:0",
      "[::g]:7004",
      "a:1@b:2@c:3", "user@10.0.0.4:7004", "é:7004",
    ] {
      #expect(NodeAddresses(address) == nil, "\(address)")
      let refused = try #require(bench.ask(brokers[0], BrokerAddress(number: 11, address: address).request()))
      #expect(refused.status == 400 && String(decoding: refused.body, as: UTF8.self).contains("HOST:PORT@PORT"), "\(address)")
    }
    #expect(try addresses(bench, brokers[0])[11] == nil)
    for (written, kept) in [
      ("10.0.0.4:7004@17004", "10.0.0.4:7004"), ("10.0.0.4:07004@10.0.0.4:7104", "10.0.0.4:7004@7104"), ("[::1]:7004", "[::1]:7004"),
      ("a_b:60000@c:1", "a_b:60000@c:1"),
    ] {
      #expect(bench.insist(brokers[0], BrokerAddress(number: 11, address: written).request())?.status == 200)
      // Until the broker that is asked has applied it.
      bench.run(for: .seconds(1))
      #expect(try addresses(bench, brokers[0])[11] == kept)
    }
    #expect(bench.defects.isEmpty)
  }

  @Test func brokersAreShownWithTheirAddressesAndFoundersStayWhereTheyAre() throws {
    let configured: [Int64: String] = [1: "10.0.0.1:7001", 2: "10.0.0.2:7002", 3: "none"]
    let bench = bench {
      $0.addresses = [ServerID(1): "10.0.0.1:7001", ServerID(2): "10.0.0.2:7002"]
    }
    for broker in brokers { #expect(try addresses(bench, broker) == configured) }
    for (number, address) in [(UInt32(2), "10.0.0.9:7002"), (3, "10.0.0.3:7003")] {
      let refused = try #require(bench.ask(brokers[0], BrokerAddress(number: number, address: address).request()))
      #expect(refused.status == 409 && String(decoding: refused.body, as: UTF8.self).contains("ADDRESS_CONFIGURED"))
    }
    // What is so already may be said again, and newcomers may move.
    for (number, address) in [(UInt32(2), "10.0.0.2:7002"), (4, "10.0.0.4:7004"), (4, "10.0.0.5:7005")] {
      #expect(bench.insist(brokers[1], BrokerAddress(number: number, address: address).request())?.status == 200)
    }
    for node in 0..<3 { bench.host.crash(NodeID(UInt16(node))) }
    for node in 0..<3 { bench.host.restart(NodeID(UInt16(node)), after: .milliseconds(10)) }
    bench.run(for: .seconds(2))
    for broker in brokers { #expect(try addresses(bench, broker) == configured.merging([4: "10.0.0.5:7005"]) { $1 }) }
    #expect(bench.defects.isEmpty)
  }

  /// Who leads each partition, as a broker knows it.
  private func leaders(_ bench: TestBench) throws -> [Int64] {
    let document = try #require(bench.insist(brokers[0], Request(.get, "/topics"))).document()
    let topic = try #require(try document.member("topics").elements(maximum: 9).first)
    return try topic.member("partitions").elements(maximum: 12).map { try $0.optionalMember("leader")?.integer() ?? 0 }
  }

  /// One broker leads all while the others are away; when they have been back for a while, each leads what it should.
  @Test func leadersMoveBackToABalance() throws {
    let preferred = (0..<12).map { Int64([1, 2, 3][($0 + 1) % 3]) }
    for isOn in [true, false] {
      let bench = bench {
        $0.balancesLeaders = isOn
        $0.balancePatience = .seconds(2)
      }
      bench.host.crash(NodeID(1))
      bench.run(for: .seconds(2))
      bench.host.restart(NodeID(1), after: .zero)
      _ = try placeOf(bench.insist(brokers[0], produce(0)))
      let before = try leaders(bench)
      #expect(before != preferred)
      // Four offices of a third each, one in a second and broker; what is produced meanwhile waits for no longer than a
      // handing over.
      for value in Int64(1)...70 {
        #expect(bench.ask(brokers[Int(value) % 3], produce(value), within: .seconds(2))?.status == 200, "value \(value)")
        bench.run(for: .milliseconds(200))
      }
      let after = try leaders(bench)
      #expect(after == (isOn ? preferred : before), "\(after)")
      let transfers = bench.facts(.raftStood).count { $0.subject & 1 == 1 }
      #expect((transfers > 0) == isOn && transfers <= 12)
      #expect(bench.defects.isEmpty)
    }
  }

  /// An office is not handed over while the membership of any group changes.
  @Test func noLeaderMovesWhileAMembershipChanges() throws {
    let bench = bench {
      $0.raft.founders = [ServerID(1), ServerID(2)]
      $0.balancePatience = .seconds(1)
    }
    bench.host.crash(NodeID(2))
    bench.host.crash(NodeID(1))
    bench.host.restart(NodeID(1), after: .seconds(1))
    _ = try placeOf(bench.insist(brokers[0], produce(0)))
    // The registry's group begins to change to a pair of which one is away: that comes to no end.
    let change = Request(.post, "/raft/groups/0/membership", body: Array(#"{"voters":[1,3]}"#.utf8))
    #expect(bench.insist(brokers[0], change)?.status == 202)
    let before = bench.facts(.raftStood).count { $0.subject & 1 == 1 }
    bench.run(for: .seconds(6))
    #expect(bench.facts(.raftStood).count { $0.subject & 1 == 1 } == before)
    bench.host.restart(NodeID(2), after: .zero)
    bench.run(for: .seconds(12))
    #expect(bench.facts(.raftStood).count { $0.subject & 1 == 1 } > before, "once it is through they move")
    #expect(bench.defects.isEmpty)
  }
}
