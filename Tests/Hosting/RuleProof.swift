// The proof that both hosts treat what a machine does against the rules of exchanges alike: it is stated as a defect, the
// exchange is broken off or answered by the host, and nothing else suffers. And that an answer which has no body has
// none, however it is given.

import ProvingGround
import Vocabulary

/// Breaks a rule for each of its targets.
struct RuleBreaker: Machine {
  /// What a target's server does, and what follows from it.
  enum Target: UInt64, CaseIterable, Sendable {
    /// Answers twice.
    case twice = 1
    /// Answers with a status that is none.
    case noStatus
    /// Sends without having accepted.
    case unaccepted
    /// Accepts, and answers.
    case acceptedAndAnswered
    /// Accepts twice.
    case acceptedTwice
    /// Answers, and accepts.
    case answeredAndAccepted
    /// Accepts HEAD, and sends a body all the same, as GET would have it.
    case headOfStream
    /// The same where the answer is taken whole.
    case headOfStreamTakenWhole
    /// Answers 204, whole and with a body.
    case noContent
    /// Accepts with 204, and sends a body.
    case noContentStream
    /// Takes a request by GET as a stream, though its caller has not finished it: it has no body.
    case bodyOfGet

    var path: String { "/\(self)" }

    /// The defect that its server commits.
    var defect: String? {
      switch self {
      case .twice: "answered an exchange twice, or one that never was"
      case .noStatus: "answered with status 99"
      case .unaccepted: "sent on an exchange that it had not accepted"
      case .acceptedAndAnswered: "answered an exchange that it had accepted as a stream, or one of its own"
      case .acceptedTwice: "accepted an exchange twice, or one of its own"
      case .answeredAndAccepted: "accepted an exchange that it had answered, or one that never was"
      case .headOfStream, .headOfStreamTakenWhole, .noContent, .noContentStream, .bodyOfGet: nil
      }
    }

    /// Whether its server hears that the exchange was broken off.
    var isBrokenOff: Bool {
      switch self {
      case .unaccepted, .acceptedAndAnswered, .acceptedTwice: true
      case .twice, .noStatus, .answeredAndAccepted, .headOfStream, .headOfStreamTakenWhole, .noContent, .noContentStream, .bodyOfGet: false
      }
    }

    static func at(_ path: String) -> Target? { allCases.first { $0.path == path } }
  }

  private var targets: [ExchangeID: Target] = [:]
  private var credits: [ExchangeID: Int] = [:]

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { head.target == Target.bodyOfGet.path ? .stream : .whole(limitBytes: 1_000) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      guard let target = Target.at(request.head.target) else { return turn.reply(id, Response(status: 404)) }
      targets[id] = target
      breakRule(target, id, &turn)
    case .stream(let id, let part): handle(part, of: id, &turn)
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed: break
    }
  }

  private mutating func breakRule(_ target: Target, _ id: ExchangeID, _ turn: inout Turn) {
    switch target {
    case .twice:
      turn.reply(id, Response(status: 200))
      turn.reply(id, Response(status: 201))
    case .noStatus: turn.reply(id, Response(status: 99))
    case .unaccepted: turn.send([id], [1])
    case .acceptedAndAnswered:
      turn.accept(id, ResponseHead(status: 200))
      turn.reply(id, Response(status: 200))
    case .acceptedTwice:
      turn.accept(id, ResponseHead(status: 200))
      turn.accept(id, ResponseHead(status: 200))
    case .answeredAndAccepted:
      turn.reply(id, Response(status: 200))
      turn.accept(id, ResponseHead(status: 200))
    case .headOfStream, .headOfStreamTakenWhole, .noContentStream:
      turn.accept(id, ResponseHead(status: target == .noContentStream ? 204 : 200))
      // As much as blocks it, and once more when it may.
      turn.send([id], [UInt8](repeating: 1, count: initialStreamCreditBytes))
      credits[id] = 0
    case .noContent: turn.reply(id, Response(status: 204, body: [1, 2, 3]))
    case .bodyOfGet: break
    }
  }

  private mutating func handle(_ part: StreamEvent, of id: ExchangeID, _ turn: inout Turn) {
    switch part {
    case .opened: targets[id] = .bodyOfGet
    case .received: turn.observe(.probe, subject: 100, value: 1)
    case .finished: turn.reply(id, Response(status: 200))
    case .credit(let bytes):
      guard let credit = credits[id], credit + bytes == initialStreamCreditBytes else { return }
      credits[id] = nil
      turn.send([id], [2])
      turn.finish(id)
      if let target = targets[id] { turn.observe(.probe, subject: 40 + target.rawValue, value: 1) }
    case .aborted(let closure):
      if let target = targets[id] { turn.observe(.probe, subject: 20 + target.rawValue, value: UInt64(closure.code)) }
    case .accepted: break
    }
  }
}

/// Asks for each target, and states with its number 1 where the answer was as it must be.
struct RuleClient: Machine {
  let server: Endpoint
  private var target: RuleBreaker.Target? = .twice
  private var exchange: ExchangeID?
  private var status = 0
  private var bytes = 0

  init(server: Endpoint) { self.server = server }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { ask(&turn) }

  private mutating func ask(_ turn: inout Turn) {
    guard let target else { return turn.observe(.probe, subject: 0, value: 1) }
    (status, bytes) = (0, 0)
    switch target {
    // By a method that no host repeats of its own.
    case .twice, .noStatus, .unaccepted, .acceptedAndAnswered, .acceptedTwice, .answeredAndAccepted, .noContent, .noContentStream:
      exchange = turn.call(server, Request(.post, target.path))
    case .headOfStream: exchange = turn.open(server, Request(.head, target.path))
    case .headOfStreamTakenWhole: exchange = turn.call(server, Request(.head, target.path))
    case .bodyOfGet:
      let id = turn.open(server, RequestHead(method: .get, target: target.path))
      exchange = id
      for _ in 0..<2 { turn.send([id], [UInt8](repeating: 3, count: 30_000)) }
    }
  }

  /// Whether a status is the one that the target's caller must hear; 0 stands for a broken connection.
  private static func isRight(_ status: Int, _ target: RuleBreaker.Target) -> Bool {
    switch target {
    case .unaccepted, .acceptedAndAnswered, .acceptedTwice: status == 0
    case .noStatus: status == 500
    case .noContent, .noContentStream: status == 204
    case .twice, .answeredAndAccepted, .headOfStream, .headOfStreamTakenWhole, .bodyOfGet: status == 200
    }
  }

  private mutating func end(_ turn: inout Turn) {
    guard let ended = target else { return }
    // A whole answer of the host's own has a body; those of the server have none that may come.
    let isBodyRight = ended == .noStatus ? bytes > 0 : bytes == 0
    turn.observe(.probe, subject: ended.rawValue, value: Self.isRight(status, ended) && isBodyRight ? 1 : 0)
    target = RuleBreaker.Target(rawValue: ended.rawValue + 1)
    ask(&turn)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response(let id, let response):
      guard id == exchange else { return }
      (status, bytes) = (response.status, response.body.count)
      end(&turn)
    case .failed(let id, .connectionLost): if id == exchange { end(&turn) }
    case .stream(let id, let part):
      guard id == exchange else { return }
      switch part {
      case .accepted(let head): status = head.status
      case .received(let part, _): bytes += part.count
      case .finished, .aborted: end(&turn)
      case .opened, .credit: break
      }
    case .request, .failed, .abandoned, .message, .timer, .durable, .completed: break
    }
  }
}

/// Runs `RuleClient` against `RuleBreaker` in `world`, ends the world, and says what did not hold; empty if all did.
public func failuresOfRuleProof(in world: any HostedWorld, limit: TimeSpan = .seconds(60)) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  world.place(PlacedNode(server, name: "server", isServing: true) { RuleBreaker() })
  world.place(PlacedNode(client, name: "client", isRecorded: true) { RuleClient(server: Endpoint(server)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: limit)
  // What the server hears of its last target may come behind what the client hears.
  _ = try await world.run(untilProbe: 40 + RuleBreaker.Target.noContentStream.rawValue, of: server, limit: .seconds(5))
  await world.end()
  let records = world.records
  var failures: [String] = []
  if result == nil { failures.append("the script did not come to its end") }
  for target in RuleBreaker.Target.allCases {
    if records.probe(target.rawValue, of: client) != 1 { failures.append("\(target): the caller heard something else") }
    let code = records.probe(20 + target.rawValue, of: server)
    let expected = target.isBrokenOff ? UInt64(StreamClosure.internalError.code) : nil
    if code != expected { failures.append("\(target): the server heard \(code.map(String.init) ?? "of no end")") }
  }
  for target in [RuleBreaker.Target.headOfStream, .headOfStreamTakenWhole, .noContentStream]
  where records.probe(40 + target.rawValue, of: server) != 1 { failures.append("\(target): the server was never told credit") }
  if records.probe(100, of: server) != nil { failures.append("a body came by GET") }
  let defects = records.defects.map(\.what).sorted()
  let expected = RuleBreaker.Target.allCases.compactMap(\.defect).sorted()
  if defects != expected || records.defects.contains(where: { $0.node != server }) { failures.append("the defects are \(records.defects)") }
  return failures
}
