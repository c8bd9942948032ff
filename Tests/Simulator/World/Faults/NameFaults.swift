// One test for each fault of names: it bites while it is in force, and not before or after. A caller asks every 10 ms for
// what it was named, for a second; the fault is in force from 200 ms to 600 ms.

import Kernel
import Testing
import Vocabulary
import World

@Suite struct NameFaults {
  /// What became of the calls of a flight.
  private struct Flown {
    /// Milliseconds at which a call left, and how it ended.
    var calls: [(atMilliseconds: Int64, outcome: ExchangeOutcome)] = []
    /// Who answered those that were answered, in order.
    var servers: [Endpoint] = []
    /// How long each call took, in milliseconds; of one that has not ended a very long time.
    var took: [Int64] = []
    var host: SimulatedHost

    func outcomes(from: Int64, until: Int64) -> [ExchangeOutcome] {
      calls.filter { $0.atMilliseconds >= from && $0.atMilliseconds < until }.map(\.outcome)
    }
  }

  private static let answer = ExchangeOutcome.answered(Response(status: 200))

  /// A caller (node 0), an outside server (node 1, `server.example`), an inside one (node 2, `inner.internal`), and one
  /// that calls nobody by name (node 3), which calls node 2.
  private func fly(seed: UInt64 = 1, named: Destination.Namer = .user, host name: String = "server.example", under faults: [PlannedFault])
    throws -> Flown
  {
    let notebook = Notebook()
    let callee = Callee.destination(try Destination("http://\(name)", namedBy: named))
    func asking(_ callee: Callee) -> Scripted {
      Scripted(
        onStart: { _ = $0.wake(after: .milliseconds(10)) },
        onEvent: { event, turn in
          guard case .timer = event else { return }
          _ = turn.call(callee, Request(.get, "/"))
          _ = turn.wake(after: .milliseconds(10))
        })
    }
    func answering() -> Scripted {
      Scripted(onEvent: { event, turn in if case .request(let id, _) = event { turn.reply(id, Response(status: 200)) } })
    }
    var server = NodePlan("server", cost: .client) { answering() }
    server.isOutside = true
    let host = SimulatedHost(
      seed: seed,
      plans: [
        NodePlan("caller", cost: .client, isRecorded: true) { asking(callee) }, server, NodePlan("inner", cost: .client) { answering() },
        NodePlan("bystander", cost: .client) { asking(.endpoint(Endpoint(2))) },
      ])
    // One answer behind the other, so that the first within a fault is the first that was asked for.
    host.names.latency = .uniform(.microseconds(100)...(.milliseconds(5)))
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 1_000_000_000)
    var flown = Flown(host: host)
    for record in notebook.exchanges where record.caller == NodeID(0) {
      flown.calls.append((record.startedAt.nanoseconds / 1_000_000, record.outcome))
      flown.servers.append(record.endpoint)
      flown.took.append((record.endedAt - record.startedAt).nanoseconds / 1_000_000)
    }
    return flown
  }

  @Test func withoutFaultEveryNameLeadsToItsNode() throws {
    let flown = try fly(under: [])
    #expect(flown.calls.count > 90 && flown.calls.allSatisfy { $0.outcome == Self.answer })
    #expect(Set(flown.servers) == [Endpoint(1)])
    // What is inside is nothing that a user may name, whatever it is called.
    #expect(Set(try fly(host: "inner.internal", under: []).calls.map(\.outcome)) == [.failed(.forbidden)])
    #expect(Set(try fly(named: .operator, host: "inner.internal", under: []).calls.map(\.outcome)) == [Self.answer])
    #expect(Set(try fly(host: "nobody.example", under: []).calls.map(\.outcome)) == [.failed(.unresolvable)])
  }

  @Test func aNameThatIsReboundLeadsElsewhereFromTheSecondTimeOn() throws {
    let fault = window(NameRebinding(of: NodeID(1), to: NodeID(2)))
    for seed in UInt64(1)...10 {
      let flown = try fly(seed: seed, under: fault)
      let during = flown.outcomes(from: 220, until: 580)
      #expect(during.count > 30 && during.allSatisfy { $0 == .failed(.forbidden) }, "seed \(seed)")
      #expect(flown.outcomes(from: 0, until: 190).allSatisfy { $0 == Self.answer })
      #expect(flown.outcomes(from: 650, until: 1_000).filter { $0 != .pending }.allSatisfy { $0 == Self.answer })
      // The first look-up within the fault led where it should.
      let first = flown.calls.first { $0.outcome == .failed(.forbidden) }?.atMilliseconds ?? 0
      #expect(first > 200 && !flown.servers.contains(Endpoint(2)))
    }
    // An operator's leads there: the policy is of users.
    let operators = try fly(named: .operator, under: fault)
    #expect(operators.servers.contains(Endpoint(2)) && operators.calls.allSatisfy { $0.outcome == Self.answer || $0.outcome == .pending })
  }

  @Test func aHiddenNameIsNotKnown() throws {
    let flown = try fly(under: window(HiddenName(of: NodeID(1))))
    let during = flown.outcomes(from: 220, until: 580)
    #expect(during.count > 30 && during.allSatisfy { $0 == .failed(.unresolvable) })
    #expect(flown.outcomes(from: 0, until: 150).allSatisfy { $0 == Self.answer })
    #expect(flown.outcomes(from: 600, until: 950).allSatisfy { $0 == Self.answer })
  }

  @Test func slowNamesAreLateAndAtLastFail() throws {
    // As late as lets no more calls be under way than have connections; the others would wait for those.
    let late = try fly(under: window(SlowNames(by: .milliseconds(30))))
    #expect(late.outcomes(from: 0, until: 150).allSatisfy { $0 == Self.answer })
    #expect(late.outcomes(from: 220, until: 580).allSatisfy { $0 == Self.answer })
    let pairs = zip(late.calls, late.took)
    let during = pairs.filter { $0.0.atMilliseconds >= 220 && $0.0.atMilliseconds < 580 }
    #expect(during.count > 30 && during.allSatisfy { $0.1 >= 30 && $0.1 < 40 })
    let apart = pairs.filter { $0.0.atMilliseconds < 190 || $0.0.atMilliseconds > 610 && $0.0.atMilliseconds < 950 }
    #expect(apart.count > 30 && apart.allSatisfy { $0.1 < 10 })
    let tooLate = try fly(under: window(SlowNames(by: .seconds(6))))
    tooLate.host.run(until: 7_000_000_000)
    #expect(tooLate.outcomes(from: 220, until: 580).allSatisfy { $0 == .pending || $0 == .failed(.refused) })
  }

  @Test func theHashCoversDestinationsAndResolutions() throws {
    func hash(_ flown: Flown, _ node: UInt16) -> String { flown.host.traceHash(of: NodeID(node)).description }
    let plain = try fly(under: [])
    #expect(try hash(fly(under: []), 0) == hash(plain, 0))
    #expect(try hash(fly(named: .operator, under: []), 0) != hash(plain, 0))
    #expect(try hash(fly(host: "server.example.", under: []), 0) != hash(plain, 0))
    let rebound = try fly(under: window(NameRebinding(of: NodeID(1), to: NodeID(2))))
    #expect(hash(rebound, 0) != hash(plain, 0))
    // Whom a fault of names does not touch has the same flight.
    #expect(hash(rebound, 3) == hash(plain, 3) && hash(rebound, 2) == hash(plain, 2))
    let hidden = try fly(under: window(HiddenName(of: NodeID(2))))
    #expect(hash(hidden, 0) == hash(plain, 0) && hash(hidden, 1) == hash(plain, 1))
  }

  @Test func aCallIsGivenUpWhileItsNameIsLookedUp() throws {
    let notebook = Notebook()
    let destination = Callee.destination(try Destination("http://server.internal:8080", namedBy: .operator))
    var heard = 0
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("caller", cost: .client, isRecorded: true) {
          Scripted(
            onStart: { turn in
              turn.cancelCall(turn.call(destination, Request(.get, "/"), .immediately))
              let stream = turn.open(destination, Request(.post, "/"), .streamed, .immediately)
              // Sent before there is a connection: it follows the head.
              turn.send([stream], [1, 2, 3], .immediately)
              turn.finish(stream, .normal, .immediately)
              turn.abort(turn.open(destination, Request(.get, "/"), .webSocket, .immediately))
            }, onEvent: { event, _ in if case .stream(_, .finished) = event { heard += 1 } })
        },
        NodePlan("server", cost: .client) {
          Scripted(onEvent: { event, turn in
            guard case .request(let id, let request) = event else { return }
            turn.reply(id, Response(status: 200, body: request.body))
          })
        },
      ])
    host.recorder = notebook
    host.startAll()
    host.run(until: 2_000_000_000)
    #expect(notebook.exchanges.map(\.outcome) == [.cancelled])
    #expect(notebook.streams.map(\.outcome) == [.cancelled(.connectionLost), .finished(.normal)])
    #expect(notebook.streams.last?.messages.map(\.bytes) == [[1, 2, 3], [1, 2, 3]])
    #expect(heard == 1 && notebook.defects.isEmpty)
  }

  @Test func aCrashEndsLookUps() throws {
    let notebook = Notebook()
    let destination = Callee.destination(try Destination("http://server.internal:8080", namedBy: .operator))
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("caller", cost: .client, isRecorded: true) { Scripted(onStart: { _ = $0.call(destination, Request(.get, "/")) }) },
        NodePlan("server", cost: .client) { Scripted() },
      ])
    host.recorder = notebook
    host.plan([PlannedFault(at: .microseconds(1), for: .milliseconds(1), ProcessKill(of: NodeID(0)))])
    host.startAll()
    host.run(until: 2_000_000_000)
    host.closeRecords()
    // The first life's, cut off; and the second's, which the server never answered.
    #expect(notebook.exchanges.map(\.outcome) == [.pending, .pending])
    #expect(notebook.exchanges.map(\.endpoint) == [.elsewhere, Endpoint(1)])
  }
}
