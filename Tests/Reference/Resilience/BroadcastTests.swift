// Telling many listeners: by machines in the simulated world, one of whom takes nothing.

import Kernel
import Resilience
import TestBench
import Testing
import Vocabulary
import World

/// Tells each POST's body to those who listen to its path.
private struct Teller: Machine {
  var broadcast = Broadcast<String>(maximumListeners: 2, maximumWaitingBytes: 100_000)

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request) where request.head.method == .get:
      guard broadcast.add(id, request.head.target) else { return turn.reply(id, Response(status: 503), .immediately) }
      turn.accept(id, ResponseHead(status: 200), .immediately)
      broadcast.tell(id, [0], &turn)
    case .request(let id, let request):
      let told = broadcast.tell(request.body, &turn) { $0 == request.head.target }.receivers
      turn.reply(id, Response(status: 200, body: [UInt8(told)]), .immediately)
    case .stream(let id, let part): if !broadcast.hear(id, part, &turn) { broadcast.forget(id) }
    case .abandoned(let id): broadcast.forget(id)
    case .response, .failed, .message, .timer, .durable, .completed: break
    }
  }
}

/// Listens to a path, and takes in what it hears unless it is told not to.
private struct Hearer: Machine {
  final class Heard {
    var bytes: [UInt8] = []
    var ends = 0
  }

  let heard: Heard
  let path: String
  let takes: Bool

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.open(Endpoint(0), Request(.get, path)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .stream(let id, .received(let bytes, _)):
      heard.bytes += bytes
      if takes { turn.grant(id, bytes.count) }
    case .stream(_, .aborted), .stream(_, .finished), .failed: heard.ends += 1
    case .stream, .request, .response, .abandoned, .message, .timer, .durable, .completed: break
    }
  }
}

@Suite struct BroadcastTests {
  @Test func eachHearsWhatConcernsItAndWhoIsTooSlowIsCutOff() throws {
    let (quick, slow) = (Hearer.Heard(), Hearer.Heard())
    let bench = TestBench([
      NodePlan("teller") { Teller() }, NodePlan("quick") { Hearer(heard: quick, path: "/a", takes: true) },
      NodePlan("slow") { Hearer(heard: slow, path: "/a", takes: false) },
    ])
    bench.run(for: .milliseconds(100))
    #expect(quick.bytes == [0] && slow.bytes == [0])
    #expect(bench.ask(Endpoint(0), Request(.get, "/a"))?.status == 503, "a third does not fit")
    #expect(bench.ask(Endpoint(0), Request(.post, "/b", body: [9]))?.body == [0])
    var sent: [UInt8] = [0]
    var told: [UInt8] = []
    for number in 0..<40 as Range<UInt8> {
      let body = [UInt8](repeating: number, count: 10_000)
      sent += body
      told += try #require(bench.ask(Endpoint(0), Request(.post, "/a", body: body))).body
      bench.run(for: .milliseconds(5))
    }
    #expect(quick.bytes == sent && quick.ends == 0)
    #expect(slow.ends == 1 && slow.bytes.count < sent.count && slow.bytes.elementsEqual(sent.prefix(slow.bytes.count)))
    #expect(told.first == 2 && told.last == 1)
    #expect(bench.defects.isEmpty)
  }
}
