// A server's groups over one journal on a simulated disk: what is opened and written is there after a restart.

import Durable
import Kernel
import Raft
import Testing
import Vocabulary
import World

private let one = ServerID(1)

/// One life after the other of a server that is alone, on one disk.
final class LoneServer {
  let disk: SimulatedDisk
  var configuration: RaftServerConfiguration
  var server: RaftServer
  var turn: Turn
  private var lives: UInt32 = 0

  init(seed: UInt64 = 1, groupCount: Int = 1, configure: (inout RaftServerConfiguration) -> Void = { _ in }) throws {
    disk = SimulatedDisk(random: RandomStream(seed: seed))
    configuration = RaftServerConfiguration(server: one, nodes: [one: NodeID(0)], groupCount: groupCount, founders: [one])
    configure(&configuration)
    server = RaftServer(configuration)
    turn = Turn(node: NodeID(0), incarnation: 0, disk: disk, random: RandomStream(seed: seed))
    try start()
  }

  /// Begins a life on what the disk holds.
  func start() throws {
    server = RaftServer(configuration)
    turn = Turn(node: NodeID(0), incarnation: lives, disk: disk, random: RandomStream(seed: UInt64(lives)), now: turn.now)
    lives += 1
    try server.start(&turn)
    settle()
  }

  /// Ends the turn, and makes all that was written durable, until nothing more is asked.
  func settle() {
    for _ in 0..<10 {
      server.finish(&turn)
      guard disk.isDirty else { return }
      disk.sync(upTo: disk.position)
      _ = server.handle(.durable(disk.position), &turn)
    }
  }
}

@Suite struct RaftServerTests {
  @Test func groupsThatAreOpenedLaterAreThereAfterARestart() throws {
    let life = try LoneServer()
    #expect(life.server.groupCount == 1)
    life.server.open(upTo: 3, founders: [one], &life.turn)
    life.settle()
    #expect(life.server.groupCount == 3)
    #expect(life.server.group(GroupID(2))?.isLeader == true, "who is alone waits for nobody")
    let position = try life.server.propose([7], to: GroupID(2), life.disk)
    life.settle()
    #expect(life.server.group(GroupID(2))?.commitIndex == position.index)

    life.disk.crash()
    try life.start()
    #expect(life.server.groupCount == 3)
    #expect(try life.server.entries(GroupID(2), from: position.index, count: 1, life.disk).first?.bytes == [7])
    // A group that no entry came to is known all the same, with its founders.
    #expect(life.server.group(GroupID(1))?.membership == Membership(voters: [one]))
    #expect(life.server.journalBytes > 0)
  }

  @Test func whoFoundedAGroupIsKnownWhenTheOldSegmentsAreGone() throws {
    let life = try LoneServer { $0.segmentBytes = 512 }
    life.server.open(upTo: 2, founders: [one, ServerID(9)], &life.turn)
    for number in UInt8(0)..<100 {
      _ = try life.server.propose(Array(repeating: number, count: 40), to: GroupID(0), life.disk)
      life.settle()
      if number % 10 == 9, let index = life.server.group(GroupID(0))?.commitIndex {
        life.server.compact(GroupID(0), upTo: index, state: [number], &life.turn)
        life.settle()
      }
    }
    #expect(life.server.journalBytes < 3_000)
    try life.start()
    #expect(life.server.groupCount == 2)
    #expect(life.server.group(GroupID(1))?.membership == Membership(voters: [one, ServerID(9)]))
  }
}
