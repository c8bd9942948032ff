// Streams in the simulated world beyond what both hosts prove: cuts, silence, crashes, full mailboxes, records, hashes.

import Hosting
import Kernel
import ProvingGround
import Testing
import Vocabulary
import World

/// Two closures: what a server and a client do with the events of streams.
private func world(
  seed: UInt64 = 1, faults: [PlannedFault] = [], intake: Intake = .webSocket(limitBytes: 1_000_000), mailboxLimit: Int = 8_192,
  limits: StreamLimits = StreamLimits(), server: @escaping (Event, inout Turn) -> Void, start: @escaping (inout Turn) -> Void,
  client: @escaping (Event, inout Turn) -> Void
) -> (host: SimulatedHost, notebook: Notebook) {
  let notebook = Notebook()
  var cost = CostModel.service
  cost.mailboxLimit = mailboxLimit
  let host = SimulatedHost(
    seed: seed,
    plans: [
      NodePlan("server", cost: cost) { Taking(intake: intake, onEvent: server) },
      NodePlan("client", cost: .client, isRecorded: true) { Scripted(onStart: start, onEvent: client) },
    ])
  host.streamLimits = limits
  host.recorder = notebook
  host.plan(faults)
  host.startAll()
  return (host, notebook)
}

/// As `Scripted`, with an intake.
private struct Taking: Machine {
  var intake: Intake
  var onEvent: (Event, inout Turn) -> Void

  func intake(_ head: RequestHead) -> Intake { intake }
  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  mutating func handle(_ event: Event, _ turn: inout Turn) { onEvent(event, &turn) }
}

private let head = RequestHead(method: .get, target: "/socket")

/// Accepts, and states how each stream ended: probe 1 finished, 2 aborted, with the code.
private func accepting(_ event: Event, _ turn: inout Turn) {
  guard case .stream(let id, let part) = event else { return }
  switch part {
  case .opened: turn.accept(id, ResponseHead(status: 101))
  case .finished(let closure): turn.observe(.probe, subject: 1, value: UInt64(closure.code))
  case .aborted(let closure): turn.observe(.probe, subject: 2, value: UInt64(closure.code))
  case .received(let bytes, _): turn.grant(id, bytes.count)
  case .accepted, .credit: break
  }
}

private let bothWays = Links(from: [NodeID(0)], to: [NodeID(1)], bothWays: true)

@Suite struct StreamTests {
  @Test func anOverrunHasItsAccount() async throws {
    for seed in UInt64(1)...5 {
      var limits = StreamLimits()
      limits.accountBytes = 8 * 300_000
      let failures = try await failuresOfOverrunProof(in: SimulatedWorld(seed: seed, streamLimits: limits), messageBytes: 250_000)
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func aSilentPeerIsGivenUpAfterThreeIntervalsAndNotBefore() {
    for (seconds, isGivenUp) in [(15, false), (200, true)] as [(Int64, Bool)] {
      let cut = PlannedFault(at: .seconds(5), for: .seconds(seconds), Partition(bothWays))
      let (host, notebook) = world(
        faults: [cut], server: accepting, start: { _ = $0.open(Endpoint(0), head, webSocket: true) }, client: accepting)
      host.run(until: 160_000_000_000)
      for node in [0, 1] as [UInt16] {
        let ends = notebook.probes(of: node)
        #expect(ends.map(\.value) == (isGivenUp ? [1_006] : []), "node \(node), cut for \(seconds) s")
        #expect(ends.allSatisfy { $0.subject == 2 })
      }
    }
  }

  @Test func anIdleStreamCostsNoTurns() {
    let (host, _) = world(server: accepting, start: { _ = $0.open(Endpoint(0), head, webSocket: true) }, client: accepting)
    host.run(until: 1_000_000_000)
    let turns = host.turnsTaken
    host.run(until: 1_000_000_000_000)
    #expect(host.turnsTaken == turns, "pings are the hosts' own")
  }

  @Test func aFullMailboxAnswersStreamsToo() {
    var statuses: [Int] = []
    let (host, notebook) = world(
      mailboxLimit: 4, server: accepting, start: { turn in for _ in 0..<50 { _ = turn.open(Endpoint(0), head, webSocket: true) } },
      client: { event, _ in if case .stream(_, .accepted(let head)) = event { statuses.append(head.status) } })
    host.pause(NodeID(0), until: 500_000_000)
    host.run(until: 2_000_000_000)
    #expect(statuses.count == 50 && statuses.filter { $0 == 503 }.count == 46, "\(statuses)")
    #expect(notebook.defects.isEmpty)
  }

  /// What else befalls the links while they are cut again and again: nothing, a latency that outlasts a cut, losses.
  private static var impairments: [[PlannedFault]] {
    [
      [], [PlannedFault(at: .zero, for: .seconds(2), SlowLink(bothWays, extraLatency: .milliseconds(150)))],
      [PlannedFault(at: .zero, for: .seconds(2), LinkImpairment(.loss, bothWays, probability: 0.3))],
    ]
  }

  @Test(arguments: impairments.indices) func underCutsMessagesComeInOrderAndWithoutGaps(_ impairment: Int) {
    var received = 0
    for seed in UInt64(1)...40 {
      var expected: UInt8 = 0
      var hasEnded = false
      var isWrong = false
      var socket: ExchangeID?
      var next: UInt8 = 0
      let faults = (0..<6).map { PlannedFault(at: .milliseconds(50 + 200 * Int64($0)), for: .milliseconds(100), Partition(bothWays)) }
      let (host, _) = world(
        seed: seed, faults: faults + Self.impairments[impairment],
        server: { event, turn in
          guard case .stream(let id, let part) = event else { return }
          switch part {
          case .opened: turn.accept(id, ResponseHead(status: 101))
          case .received(let bytes, _):
            if bytes != [expected] || hasEnded { isWrong = true }
            expected &+= 1
            received += 1
            turn.grant(id, 1)
          case .finished, .aborted: hasEnded = true
          case .accepted, .credit: break
          }
        },
        start: { turn in
          socket = turn.open(Endpoint(0), head, webSocket: true)
          _ = turn.wake(after: .milliseconds(5))
        },
        client: { event, turn in
          if case .stream(_, .aborted) = event { socket = nil }
          guard case .timer = event, let id = socket else { return }
          turn.send([id], [next])
          next &+= 1
          _ = turn.wake(after: .milliseconds(5))
        })
      host.run(until: 3_000_000_000)
      #expect(!isWrong, "seed \(seed): \(expected)")
    }
    #expect(received > 100)
  }

  /// How a caller leaves a stream that it has just opened.
  enum Leaving: CaseIterable { case aborting, crashing }

  /// Whatever the network does, and however early the caller leaves: a server that accepted hears of it.
  @Test(arguments: impairments.indices, Leaving.allCases) func aServerHearsThatItsCallerLeft(_ impairment: Int, _ leaving: Leaving) {
    for form in [StreamForm.whole, .streamed, .webSocket] {
      var opened = 0
      for seed in UInt64(1)...60 {
        var open: Set<ExchangeID> = []
        let cuts = impairment == 0 ? [PlannedFault(at: .milliseconds(9), for: .milliseconds(20), Partition(bothWays))] : []
        var socket: ExchangeID?
        let (host, _) = world(
          seed: seed, faults: Self.impairments[impairment] + cuts,
          intake: form == .webSocket ? .webSocket(limitBytes: 1_000) : .stream,
          server: { event, turn in
            guard case .stream(let id, let part) = event else { return }
            switch part {
            case .opened:
              opened += 1
              open.insert(id)
              turn.accept(id, ResponseHead(status: form == .webSocket ? 101 : 200))
              turn.send([id], [1])
            case .aborted: open.remove(id)
            case .finished where form == .webSocket: open.remove(id)
            case .finished, .received, .accepted, .credit: break
            }
          },
          start: { if $0.incarnation == 0 { _ = $0.wake(after: .milliseconds(10)) } },
          client: { event, turn in
            guard case .timer = event else { return }
            if let socket { return turn.abort(socket) }
            socket = turn.open(.endpoint(Endpoint(0)), Request(head: RequestHead(method: .post, target: "/"), body: []), form)
            if leaving == .aborting { _ = turn.wake(after: .microseconds(Int64(seed * 10))) }
          })
        if leaving == .crashing {
          host.plan([PlannedFault(at: .microseconds(10_000 + Int64(seed * 10)), for: .seconds(1), ProcessKill(of: NodeID(1)))])
        }
        host.run(until: 120_000_000_000)
        #expect(open.isEmpty, "\(form), seed \(seed)")
      }
      #expect(opened > 0, "\(form)")
    }
  }

  @Test func aCrashOfEitherEndIsRecorded() {
    let (host, notebook) = world(server: accepting, start: { _ = $0.open(Endpoint(0), head, webSocket: true) }, client: accepting)
    host.run(until: 100_000_000)
    host.crash(NodeID(0))
    host.run(until: 200_000_000)
    #expect(notebook.streams.map(\.outcome) == [.aborted(.connectionLost)])
    #expect(notebook.probes(of: 1).map(\.value) == [1_006])
    let (other, records) = world(server: accepting, start: { _ = $0.open(Endpoint(0), head, webSocket: true) }, client: accepting)
    other.run(until: 100_000_000)
    other.crash(NodeID(1))
    other.run(until: 200_000_000)
    #expect(records.streams.map(\.outcome) == [.pending] && records.streams.first?.answer?.status == 101)
    #expect(records.probes(of: 0).map(\.value) == [1_006])
  }

  @Test func theHashCoversHeadsCodesReasonsAndKinds() {
    func hash(_ fields: Headers = [:], code: UInt16 = 4_000, reason: String = "a", isText: Bool = false) -> TraceHash {
      let (host, _) = world(
        server: accepting, start: { _ = $0.open(Endpoint(0), RequestHead(method: .get, target: "/", headers: fields), webSocket: true) },
        client: { event, turn in
          guard case .stream(let id, .accepted) = event, let closure = StreamClosure(code: code, reason: Array(reason.utf8)) else { return }
          turn.send([id], [0x61], isText: isText)
          turn.finish(id, closure)
        })
      host.run(until: 1_000_000_000)
      return host.traceHash
    }
    #expect(hash() == hash())
    for other in [hash(["a": "b"]), hash(code: 4_001), hash(reason: "b"), hash(isText: true)] { #expect(other != hash()) }
  }

  @Test func whatIsGivenUpBeforeItCouldLeaveNeverLeaves() {
    for isCall in [false, true] {
      let (host, notebook) = world(
        intake: isCall ? .whole(limitBytes: 1_000) : .webSocket(limitBytes: 1_000),
        server: { event, turn in turn.observe(.probe, subject: 1) },
        start: { turn in
          do throws(DiskError) { try turn.disk.write(FileName(fixed: "log"), at: 0, [1]) } catch { return }
          // Both wait for the disk; that they are given up does not.
          let id = isCall ? turn.call(Endpoint(0), Request(.get, "/")) : turn.open(Endpoint(0), head, webSocket: true)
          turn.abort(id, .normal, .immediately)
        }, client: { _, _ in })
      host.run(until: 1_000_000_000)
      #expect(notebook.probes(of: 0) == [])
    }
  }

  @Test func aCallThatIsAbortedIsGivenUp() {
    var call: ExchangeID?
    let (host, notebook) = world(
      intake: .whole(limitBytes: 1_000),
      server: { event, turn in if case .abandoned = event { turn.observe(.probe, subject: 1) } },
      start: { turn in
        call = turn.call(Endpoint(0), Request(.get, "/"))
        _ = turn.wake(after: .milliseconds(50))
      },
      client: { event, turn in if case .timer = event, let id = call { turn.abort(id) } })
    host.run(until: 1_000_000_000)
    #expect(notebook.probes(of: 0).count == 1 && notebook.exchanges.map(\.outcome) == [.cancelled])
  }

  @Test func aRecordIsBoundedAndHasNoGaps() {
    var record = StreamRecord(
      caller: NodeID(0), endpoint: Endpoint(1), id: ExchangeID(1), request: Request(.get, "/"), form: .webSocket, openedAt: .zeroTime)
    let long = [UInt8](repeating: 1, count: StreamRecord.byteLimit / 2)
    for _ in 0..<3 { record.note(StreamMessage(at: .zeroTime, isFromCaller: true, isText: false, bytes: long)) }
    record.note(StreamMessage(at: .zeroTime, isFromCaller: true, isText: false, bytes: [1]))
    #expect(record.messages.count == 2 && record.omittedMessages == 2 && record.omittedBytes == long.count + 1)
  }

  @Test func closuresThatMayBeSent() {
    for code in [1_000, 1_003, 1_007, 1_014, 3_000, 4_999] as [UInt16] { #expect(StreamClosure(code: code) != nil) }
    for code in [0, 999, 1_004, 1_005, 1_006, 1_015, 2_999, 5_000, 65_535] as [UInt16] { #expect(StreamClosure(code: code) == nil) }
    #expect(StreamClosure(code: 1_000, reason: [UInt8](repeating: 0x61, count: 123)) != nil)
    #expect(StreamClosure(code: 1_000, reason: [UInt8](repeating: 0x61, count: 124)) == nil)
    #expect(StreamClosure(code: 1_000, reason: [0xC3, 0x28]) == nil)
  }
}

extension Instant {
  fileprivate static let zeroTime = Instant(nanoseconds: 0)
}
