// A server's groups over one journal on a simulated disk: what is opened and written is there after a restart.

import Durable
import Kernel
import Raft
import Testing
import Vocabulary
import Wire
import World

private let one = ServerID(1)

/// One life after the other of a server on one disk; it is alone, or the test speaks for the others.
final class LoneServer {
  let disk: SimulatedDisk
  var configuration: RaftServerConfiguration
  var server: RaftServer
  var turn: Turn
  private var lives: UInt32 = 0

  init(seed: UInt64 = 1, groupCount: Int = 1, servers: [ServerID] = [one], configure: (inout RaftServerConfiguration) -> Void = { _ in })
    throws
  {
    disk = SimulatedDisk(random: RandomStream(seed: seed))
    configuration = RaftServerConfiguration(
      server: one, nodes: Dictionary(uniqueKeysWithValues: servers.map { ($0, NodeID(UInt16($0.value))) }), groupCount: groupCount,
      founders: servers)
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

  /// Gives it a message of another server, and makes what it wrote durable.
  func receive(_ message: RaftMessage, _ group: GroupID, from server: ServerID) {
    _ = self.server.handle(.message(from: NodeID(UInt16(server.value)), Self.batch(message, group)), &turn)
    settle()
  }

  /// A batch of one message.
  static func batch(_ message: RaftMessage, _ group: GroupID) -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    writer.byte(1)
    writer.varint(UInt64(group.value))
    message.write(to: &writer)
    return writer.finish()
  }

  /// One batch of all that these say.
  static func joined(_ batches: [[UInt8]]) -> [UInt8] { [1] + batches.flatMap { $0.dropFirst() } }

  /// Lets a tick come.
  func tick() {
    turn.now = turn.now + .milliseconds(10)
    var wakes: [TimerID] = []
    while let pending = turn.effects.next() { if case .wake(let timer, _) = pending.effect { wakes.append(timer) } }
    for timer in wakes { _ = server.handle(.timer(timer), &turn) }
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
    life.server.open(1..<3, founders: [one], &life.turn)
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

  /// What is opened has the founders that were named for it, whatever else is open or is not; a gap would leave groups
  /// that nobody founded.
  @Test func aGroupHasNoFoundersButItsOwn() throws {
    let others = [ServerID(7), ServerID(8), ServerID(9)]
    // A server that waits to be added knows nobody who founded its first group.
    let life = try LoneServer(servers: [])
    #expect(!life.server.open(2..<3, founders: others, &life.turn) && life.server.groupCount == 1, "there is no group 1 yet")
    #expect(life.server.open(1..<3, founders: others, &life.turn))
    life.settle()
    #expect(life.server.group(GroupID(0))?.membership == Membership(voters: []), "nobody told who founded it")
    #expect(life.server.open(1..<4, founders: [one], &life.turn))
    #expect(life.server.group(GroupID(2))?.membership == Membership(voters: others), "it is open already")
    #expect(life.server.group(GroupID(3))?.membership == Membership(voters: [one]))
    #expect(life.server.open(0..<1, founders: others, &life.turn))
    life.settle()
    try life.start()
    #expect((0..<3).allSatisfy { life.server.group(GroupID(UInt16($0)))?.membership == Membership(voters: others) })
  }

  /// It falls silent, and asks its host for a new start, once: there may be room then.
  @Test func aServerWhoseDiskRefusesAWriteAsksForANewStart() throws {
    let life = try LoneServer(servers: [one, ServerID(2), ServerID(3)])
    while life.turn.effects.next() != nil {}
    life.disk.capacityBytes = life.disk.used
    life.server.open(1..<2, founders: [one], &life.turn)
    for _ in 0..<2 { life.server.finish(&life.turn) }
    var reasons: [String] = []
    var others = 0
    while let pending = life.turn.effects.next() {
      if case .restart(let reason) = pending.effect { reasons.append(reason) } else { others += 1 }
    }
    #expect(reasons.count == 1 && reasons[0].contains("refused a write") && others == 0, "\(reasons), \(others)")
    life.disk.capacityBytes = 1 << 30
    try life.start()
    #expect(!life.server.hasFailed)
  }

  /// An entry that cannot be read and that another server lacks: the leader has patience, for the disk may recover, and
  /// then asks for a new start.
  @Test func whatCannotBeReadForLongIsGotFromTheOthersByANewStart() throws {
    let (second, third) = (ServerID(2), ServerID(3))
    for recovers in [true, false] {
      let life = try LoneServer(servers: [one, second, third]) { $0.recentLimitBytes = 0 }
      for _ in 0..<80 { life.tick() }
      life.receive(RaftMessage(term: Term(1), .preVoteResponse(isGranted: true)), GroupID(0), from: second)
      life.receive(RaftMessage(term: Term(1), .voteResponse(isGranted: true)), GroupID(0), from: second)
      let last = try life.server.propose([7], to: GroupID(0), life.disk)
      func hears(_ server: ServerID, _ index: LogIndex) {
        life.receive(
          RaftMessage(term: Term(1), .appendResponse(RaftMessage.AppendResponse(.matched(index), round: 0))), GroupID(0), from: server)
      }
      life.settle()
      hears(second, last.index)
      life.tick()
      #expect(life.server.group(GroupID(0))?.commitIndex == last.index)
      life.disk.medium.readFailureProbability = 1
      for round in 0..<1_200 {
        hears(second, last.index)
        hears(third, .zero)
        life.tick()
        if recovers, round == 500 { life.disk.medium.readFailureProbability = 0 }
        if round == 600 { #expect(!life.server.hasFailed) }
      }
      #expect(life.server.hasFailed == !recovers)
      #expect(recovers || life.server.failure?.contains("could not be read for 10") == true, "\(life.server.failure ?? "none")")
    }
  }

  @Test func whoFoundedAGroupIsKnownWhenTheOldSegmentsAreGone() throws {
    let life = try LoneServer { $0.segmentBytes = 512 }
    life.server.open(1..<2, founders: [one, ServerID(9)], &life.turn)
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

  /// A quiet group's entries are carried forward, so that a busy one's old segments can go, and a crash at any moment
  /// loses nothing.
  @Test func aQuietGroupDoesNotPinTheJournal() throws {
    for seed in UInt64(1)...30 {
      let life = try LoneServer(seed: seed, groupCount: 3) {
        $0.segmentBytes = 2_048
        $0.journalLimitBytes = seed == 30 ? 1 << 30 : 8_192
        $0.recentLimitBytes = seed % 2 == 0 ? 0 : 1 << 20
      }
      var random = RandomStream(seed: seed)
      /// What each group holds for certain: its entries' bytes by index.
      var held: [[UInt64: [UInt8]]] = [[:], [:], [:]]
      var longest = 0
      for round in 0..<400 {
        // Group 0 is busy, the others say something now and then.
        let number = round < 12 ? round % 3 : random.chance(0.03) ? 1 + Int(random.below(2)) : 0
        let group = GroupID(UInt16(number))
        let bytes = random.bytes(40 + Int(random.below(200)))
        let position = try life.server.propose(bytes, to: group, life.disk)
        if random.chance(0.9) {
          life.settle()
          if life.server.group(group)?.commitIndex == position.index { held[number][position.index.value] = bytes }
        } else {
          life.server.finish(&life.turn)
        }
        if number == 0, random.chance(0.3), let index = life.server.group(group)?.commitIndex {
          held[0] = held[0].filter { $0.key > index.value }
          life.server.compact(group, upTo: index, state: [1], &life.turn)
        }
        life.tick()
        if random.chance(0.8) { life.settle() }
        longest = max(longest, life.server.journalBytes)
        if random.chance(0.03) {
          life.disk.crash()
          try life.start()
        }
        if round % 20 == 0 {
          for (number, entries) in held.enumerated() {
            for (index, bytes) in entries.sorted(by: { $0.key < $1.key }) {
              let found = try life.server.entries(GroupID(UInt16(number)), from: LogIndex(index), count: 1, life.disk)
              #expect(found.first?.bytes == bytes, "seed \(seed), round \(round): group \(number), index \(index)")
            }
          }
        }
      }
      // The last seed is the control: nothing is carried, and the journal is pinned.
      #expect((longest < 40_000) == (seed < 30), "seed \(seed): the journal grew to \(longest) bytes")
    }
  }
}
