// The loads of model services, against somebody who answers each task at once or never.

import Load
import ModelServicesAPI
import ModelServicesLoad
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// Answers tasks with 200 and anything, but those whose block begins with a certain number of characters; counts registrations.
private struct Answerer: Machine {
  final class Taken {
    var requests: [Request] = []
  }

  let taken: Taken
  let delay: TimeSpan
  private var held: [TimerID: ExchangeID] = [:]

  init(_ taken: Taken, delay: TimeSpan = .zero) {
    self.taken = taken
    self.delay = delay
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      taken.requests.append(request)
      // The first registration is lost.
      if taken.requests.count == 1, request.head.target == "/services" { return }
      held[turn.wake(after: delay)] = id
    case .timer(let timer): if let id = held.removeValue(forKey: timer) { turn.reply(id, Response(status: 200), .immediately) }
    case .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

@Suite struct ModelServicesLoadTests {
  @Test func aBlockIsMissedBehindItsTime() {
    for (delay, missed) in [(TimeSpan.milliseconds(5), 0), (.milliseconds(12), 200)] {
      let taken = Answerer.Taken()
      let plan = AudioStreamsPlan(streams: 2, from: .zero, until: .seconds(1), service: "effect")
      let bench = TestBench([
        NodePlan("registry", cost: .client) { Answerer(taken, delay: delay) },
        NodePlan("load", cost: .client) { AudioStreams(plan, registry: Endpoint(0)) },
      ])
      bench.run(for: .seconds(2))
      let blocks = bench.facts(.audioBlock)
      #expect(blocks.count == 200 && taken.requests.count == 200, "\(blocks.count) blocks")
      #expect(blocks.count { $0.value == 1 } == missed)
    }
  }

  @Test func anOperatorRegistersOneAfterTheOtherUntilHeIsAnswered() {
    let taken = Answerer.Taken()
    let registrations = (1...3).map { ServiceRegistration("effect", .audioEffect, version: $0) }
    let steps =
      registrations.map { OperatorStep(at: .zero, .register($0)) } + [OperatorStep(at: .seconds(5), .swap("effect", to: 2, gradual: .zero))]
    let bench = TestBench([
      NodePlan("registry", cost: .client) { Answerer(taken) },
      NodePlan("operator", cost: .client) { ModelOperator(steps, registry: Endpoint(0)) },
    ])
    bench.run(for: .seconds(4))
    let bodies = taken.requests.map { String(decoding: $0.body, as: UTF8.self) }
    let expected = registrations.map { String(decoding: $0.request().body, as: UTF8.self) }
    #expect(bodies == [expected[0]] + expected, "the first was lost, and asked for again before the next")
    bench.run(for: .seconds(2))
    #expect(taken.requests.last?.head.target == "/services/effect/swap")
  }

  @Test func tasksComeAtTheirTimesAlsoWhenNobodyAnswers() {
    let taken = Answerer.Taken()
    let plan = TaskLoadPlan(
      arrivals: Arrivals(perSecond: 100, spacing: .even), from: .zero, until: .seconds(2), targets: [.init("effect", .audioEffect)],
      contextShare: 0.5, scopes: 3)
    let bench = TestBench([
      NodePlan("registry", cost: .client) { Answerer(taken, delay: .seconds(60)) },
      NodePlan("load", cost: .client) { TaskLoad(plan, registry: Endpoint(0)) },
    ])
    bench.run(for: .seconds(6))
    #expect((198...201).contains(taken.requests.count))
    let withContext = taken.requests.count { request in (try? request.document())?.value["context"] != nil }
    #expect((60...140).contains(withContext))
    let timed = bench.facts(.timed)
    #expect(timed.count == taken.requests.count && timed.allSatisfy { LoadOutcome.parts(of: $0.value).0 == .failed })
  }
}
