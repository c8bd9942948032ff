// What a machine's kernel keeps, to send it once a cut heals or since it was lost, goes with the power and not with the
// process.

import Testing
import Vocabulary
import World

@Suite struct PowerLossOnLinks {
  private static let seeds = UInt64(1)...40
  private let both = Links(from: [NodeID(0)], to: [NodeID(1)])

  /// What came of one call from node 0 to node 1, over all seeds: when requests came, in milliseconds, and what the
  /// caller heard.
  private struct Outcome {
    var requestsAt: [UInt64] = []
    var answered = 0
    var failed = 0
  }

  /// Node 0 calls at 100 ms in its first life, and node 1 answers after `answerTime`.
  private func call(answerTime: TimeSpan, under faults: [PlannedFault]) -> Outcome {
    var outcome = Outcome()
    for seed in Self.seeds {
      let notebook = Notebook()
      let caller = Scripted(
        onStart: { turn in if turn.incarnation == 0 { _ = turn.wake(after: .milliseconds(100)) } },
        onEvent: { event, turn in
          switch event {
          case .timer: _ = turn.call(Endpoint(NodeID(1)), Request(.get, "/"))
          case .response: turn.observe(.probe, subject: 1)
          case .failed: turn.observe(.probe, subject: 2)
          case .request, .abandoned, .message, .durable, .completed, .stream: break
          }
        })
      let server = Answerer(after: answerTime)
      let host = SimulatedHost(
        seed: seed, plans: [NodePlan("caller", cost: .client) { caller }, NodePlan("server", cost: .client) { server }])
      host.recorder = notebook
      host.plan(faults)
      host.startAll()
      host.run(until: 20_000_000_000)
      #expect(notebook.defects.isEmpty)
      outcome.requestsAt += notebook.probes(of: 1).map(\.value)
      outcome.answered += notebook.probes(of: 0).count { $0.subject == 1 }
      outcome.failed += notebook.probes(of: 0).count { $0.subject == 2 }
    }
    return outcome
  }

  /// Answers each request after a time, and states when it came.
  private struct Answerer: Machine {
    var after: TimeSpan
    var open: [TimerID: ExchangeID] = [:]

    init(after: TimeSpan) { self.after = after }

    mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
    mutating func handle(_ event: Event, _ turn: inout Turn) {
      switch event {
      case .request(let id, _):
        turn.observe(.probe, subject: 0, value: UInt64(turn.now.nanoseconds / 1_000_000))
        open[turn.wake(after: after)] = id
      case .timer(let timer): if let id = open.removeValue(forKey: timer) { turn.reply(id, Response(status: 200)) }
      case .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
      }
    }
  }

  /// From `from` to 500 ms nothing passes, and `end` comes over a process at 200 ms, for 50 ms.
  private func cut(from: Int64, _ end: any Fault) -> [PlannedFault] {
    [
      PlannedFault(at: .milliseconds(from), for: .milliseconds(500 - from), Partition(both)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(50), end),
    ]
  }

  @Test func aRequestThatACutHeldBackIsLostWithItsMachine() {
    let crashed = call(answerTime: .zero, under: cut(from: 50, ProcessCrash(of: NodeID(0))))
    #expect(crashed.requestsAt.isEmpty)
    let killed = call(answerTime: .zero, under: cut(from: 50, ProcessKill(of: NodeID(0))))
    #expect(!killed.requestsAt.isEmpty, "the kernel of a process that ended sends what it was given")
  }

  @Test func anAnswerThatACutHeldBackIsLostWithItsMachine() {
    let crashed = call(answerTime: .milliseconds(50), under: cut(from: 120, ProcessCrash(of: NodeID(1))))
    #expect(crashed.requestsAt.count == Self.seeds.count && crashed.answered == 0)
    #expect(crashed.failed == Self.seeds.count, "its caller hears that the connection broke")
    let killed = call(answerTime: .milliseconds(50), under: cut(from: 120, ProcessKill(of: NodeID(1))))
    #expect(killed.answered > 0 && killed.answered + killed.failed == Self.seeds.count)
  }

  @Test func whatIsToBeSentAgainIsLostWithItsMachine() {
    func lossy(_ end: any Fault) -> [PlannedFault] {
      [
        PlannedFault(at: .milliseconds(50), for: .milliseconds(100), LinkImpairment(.loss, both, probability: 0.7)),
        PlannedFault(at: .milliseconds(120), for: .milliseconds(50), end),
      ]
    }
    let crashed = call(answerTime: .zero, under: lossy(ProcessCrash(of: NodeID(0))))
    #expect(!crashed.requestsAt.isEmpty && crashed.requestsAt.allSatisfy { $0 < 120 })
    let killed = call(answerTime: .zero, under: lossy(ProcessKill(of: NodeID(0))))
    #expect(killed.requestsAt.contains { $0 > 200 })
  }
}
