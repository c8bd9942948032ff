// The cost model: a busy node makes work wait, a full mailbox refuses, and a deadline crosses as the time that is left.

import ProvingGround
import Testing
import Vocabulary
import World

/// Sends a number of requests at once and states, for each answer, its status and the millisecond of its arrival.
private struct Burst: Machine {
  let count: Int

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for _ in 0..<count {
      _ = turn.call(Endpoint(NodeID(0)), Request(.get, "/", deadline: Deadline(turn.now + .milliseconds(700))), .immediately)
    }
  }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .response(_, let response) = event {
      turn.observe(.probe, subject: UInt64(response.status), value: UInt64(turn.now.nanoseconds / 1_000_000))
    }
  }
}

@Suite struct QueueingTests {
  private func fly(count: Int, mailboxLimit: Int) -> Notebook {
    let notebook = Notebook()
    var cost = CostModel.service
    cost.exchangeTurn = .milliseconds(10)
    cost.mailboxLimit = mailboxLimit
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("server", cost: cost) {
          Scripted(onEvent: { event, turn in
            guard case .request(let id, let request) = event else { return }
            turn.observe(.probe, subject: 1, value: UInt64(max(0, request.deadline.remaining(at: turn.arrived).milliseconds)))
            turn.reply(id, Response(status: 200))
          })
        }, NodePlan("client", cost: .client) { Burst(count: count) },
      ])
    host.recorder = notebook
    host.startAll()
    host.run(until: 2_000_000_000)
    return notebook
  }

  @Test func requestsWaitForABusyNodeOneBehindTheOther() {
    let answers = fly(count: 20, mailboxLimit: 100).probes(of: 1)
    #expect(answers.count == 20)
    for (index, answer) in answers.enumerated() {
      // The k-th answer leaves after k turns of 10 ms; the network takes less than 10 ms.
      #expect((UInt64(index + 1) * 10...UInt64(index + 2) * 10).contains(answer.value))
    }
  }

  @Test func aFullMailboxAnswers503AtOnce() {
    let answers = fly(count: 20, mailboxLimit: 5).probes(of: 1)
    #expect(answers.count == 20)
    let refused = answers.filter { $0.subject == 503 }
    #expect((12...15).contains(refused.count))
    #expect(refused.allSatisfy { $0.value < 10 })
  }

  @Test func aDeadlineCrossesAsTheTimeThatIsLeft() {
    let left = fly(count: 1, mailboxLimit: 5).probes(of: 0)
    #expect(left.count == 1)
    #expect(left.allSatisfy { (690...700).contains($0.value) })
  }
}
