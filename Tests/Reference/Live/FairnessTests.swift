// Nodes on one loop: however much one has to do, another gets its turns meanwhile. Judged by counts of turns, not by
// time: the busy one goes on until the other was reached, or until it has taken as many turns as it may.

import Hosting
import Live
import Synchronization
import Testing
import Vocabulary

/// What both nodes of a test know.
final class Meeting: Sendable {
  let turns = Atomic<Int>(0)
  let isMet = Atomic<Bool>(false)
}

/// Answers a request, and from then on has a next turn at once, until the other node was reached.
struct BusyMachine: Machine {
  enum Way: CaseIterable, Sendable {
    /// The next event is there within the turn.
    case atOnce
    /// The next event is a wake that is due at once.
    case byWakes
  }

  let meeting: Meeting
  let way: Way
  let most: Int
  /// How long a turn keeps the loop, beyond what it must.
  var turnTime = TimeSpan.zero

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .request(let id, _) = event { turn.reply(id, Response(status: 200)) }
    let count = meeting.turns.add(1, ordering: .relaxed).newValue
    if turnTime != .zero {
      let clock = ContinuousClock()
      let end = clock.now + .nanoseconds(turnTime.nanoseconds)
      while clock.now < end {}
    }
    guard count < most, !meeting.isMet.load(ordering: .relaxed) else { return }
    switch way {
    case .atOnce: _ = turn.notifyWhenDurable()
    case .byWakes: _ = turn.wake(after: .zero)
    }
  }
}

/// Answers how many turns the busy one has taken.
private struct MeetingMachine: Machine {
  let meeting: Meeting

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, _) = event else { return }
    meeting.isMet.store(true, ordering: .relaxed)
    turn.reply(id, Response(status: 200, body: Array("\(meeting.turns.load(ordering: .relaxed))".utf8)))
  }
}

@Suite(.serialized) struct FairnessTests {
  /// How many turns the busy node had taken when the other was reached.
  private func turnsBeforeTheOther(_ way: BusyMachine.Way, most: Int, turnTime: TimeSpan = .zero) async throws -> Int {
    let meeting = Meeting()
    var configuration = LiveConfiguration()
    configuration.loops = 1
    configuration.log = Notices().log
    let host = try LiveHost(
      [
        LiveNodeSpecification(NodeID(0), name: "busy", listen: .ephemeral) {
          BusyMachine(meeting: meeting, way: way, most: most, turnTime: turnTime)
        },
        LiveNodeSpecification(NodeID(1), name: "other", listen: .ephemeral) { MeetingMachine(meeting: meeting) },
      ], configuration)
    try await host.start()
    let ports = (0..<2).compactMap { host.address(of: NodeID($0))?.port }
    var count: Int?
    if ports.count == 2 {
      let (busy, other) = (try RawClient(port: ports[0]), try RawClient(port: ports[1]))
      other.patienceMilliseconds = 120_000
      busy.patienceMilliseconds = 120_000
      busy.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      // From its answer on it is busy.
      #expect(busy.readResponse()?.status == 200)
      other.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      count = other.readResponse().flatMap { Int($0.text) }
    }
    await host.stop(grace: .zero)
    return try #require(count)
  }

  @Test(arguments: BusyMachine.Way.allCases) func aNodeWithoutEndToItsEventsKeepsNoOtherOut(_ way: BusyMachine.Way) async throws {
    let most = 1_000_000
    let count = try await turnsBeforeTheOther(way, most: most)
    #expect(count < most, "the other had its turn only when there was nothing left to do")
  }

  @Test func longTurnsMakeShortBatches() async throws {
    let most = 300
    let count = try await turnsBeforeTheOther(.atOnce, most: most, turnTime: .milliseconds(20))
    #expect(count < 256, "a batch of turns that take long ended with the greatest number of turns, not with its time")
  }
}
