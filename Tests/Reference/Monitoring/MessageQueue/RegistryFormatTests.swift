// What an earlier version of the registry wrote is still read.

import MessageQueue
import MonitoringAPI
import Raft
import Testing
import Vocabulary
import Wire
import World

/// A broker alone on a disk that the test has written, one event after the other.
private final class LoneBroker {
  let disk: SimulatedDisk
  var broker = MessageQueue()
  var turn: Turn
  var answers: [ExchangeID: Response] = [:]

  init(_ disk: SimulatedDisk) throws {
    self.disk = disk
    turn = Turn(
      node: NodeID(0), incarnation: 1, disk: disk, random: RandomStream(seed: 2), wallClock: WallTime(milliseconds: 1_700_000_000_000))
    try broker.start(&turn)
    settle()
  }

  /// Makes all durable and lets ten ticks come.
  func settle() {
    for _ in 0..<10 {
      var timers: [TimerID] = []
      var awaited: [DiskPosition] = []
      while let pending = turn.effects.next() {
        switch pending.effect {
        case .wake(let timer, _): timers.append(timer)
        case .notifyWhenDurable(let position): awaited.append(position)
        case .reply(let exchange, let response): answers[exchange] = response
        case .call, .cancelCall, .message, .open, .accept, .send, .grant, .finish, .abort, .cancelWake, .compute, .cancelCompute, .locate,
          .restart, .observe:
          break
        }
      }
      disk.sync(upTo: disk.position)
      turn.now = turn.now + .milliseconds(10)
      for position in awaited { broker.handle(.durable(position), &turn) }
      for timer in timers { broker.handle(.timer(timer), &turn) }
    }
  }

  func ask(_ request: Request) throws -> Response {
    let exchange = ExchangeID(UInt64(1_000 + answers.count))
    broker.handle(.request(exchange, request), &turn)
    settle()
    return try #require(answers[exchange])
  }
}

@Suite struct RegistryFormatTests {
  @Test func aSnapshotOfTheFirstVersionIsRead() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let one = ServerID(1)
    var turn = Turn(node: NodeID(0), incarnation: 0, disk: disk, random: RandomStream(seed: 1))
    var server = RaftServer(RaftServerConfiguration(server: one, nodes: [:], groupCount: 13, founders: [one]))
    try server.start(&turn)
    for _ in 0..<4 {
      server.finish(&turn)
      disk.sync(upTo: disk.position)
      _ = server.handle(.durable(disk.position), &turn)
    }
    var writer = ByteWriter(capacity: 64)
    writer.byte(1)
    writer.varint(1)
    writer.count(1)
    writer.prefixedString(QueueAPI.inboundTopic)
    writer.varint(5_000)
    writer.varint(0)
    writer.byte(0)
    writer.count(1)
    writer.varint(1)
    writer.count(1)
    writer.prefixedString("old")
    writer.count(1)
    writer.prefixedString(QueueAPI.inboundTopic)
    writer.count(3)
    writer.varint(7)
    writer.count(1)
    writer.varint(9)
    writer.prefixedString("10.0.0.9:7009")
    #expect(server.group(GroupID(0))?.commitIndex == LogIndex(1))
    server.compact(GroupID(0), upTo: LogIndex(1), state: writer.finish(), &turn)
    disk.sync(upTo: disk.position)

    let broker = try LoneBroker(disk)
    let offsets = try GroupOffsets(try broker.ask(Request(.get, "/groups/old/offsets")).document())
    #expect(offsets.offsets == [GroupOffset(TopicPartition(topic: QueueAPI.inboundTopic, partition: 3), offset: 7)])
    let topic = try #require(try broker.ask(Request(.get, "/topics")).document().member("topics").elements(maximum: 9).first)
    #expect(try topic.member("retention_bytes").integer() == 5_000)
    let groups = try GroupList(try broker.ask(Request(.get, "/groups")).document())
    #expect(groups.groups == [GroupSummary(group: "old", members: 0, partitions: 1)])
  }
}
