// What the brokers of one cluster agree on: topics, consumer groups, who the brokers are, who leads what.

import MessageQueue
import MonitoringAPI
import Raft
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct QueueCoordinationTests: QueueClusterSuite {
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
    // One that votes is not cut off by a wrong address, whoever is asked.
    for broker in UInt16(1)...3 {
      let refused = try #require(bench.ask(Endpoint(broker), BrokerAddress(number: 4, address: "10.0.0.4:7009").request()))
      #expect(refused.status == 409 && String(decoding: refused.body, as: UTF8.self).contains("ADDRESS_IN_USE"))
      #expect(bench.insist(Endpoint(broker), BrokerAddress(number: 4, address: "10.0.0.4:7004").request())?.status == 200)
    }
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
      // Four leaderships of a third each, one in a second and broker; what is produced meanwhile waits for no longer
      // than a handing over.
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

  /// A leadership is not transferred while the membership of any group changes.
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
