// The proof that both hosts let a stream be quiet, and its receiver grant nothing, for as long as they like; and that
// what goes far beyond a window is given up where nobody takes it (`StreamLimits.overrunTimeout`).

import ProvingGround
import Vocabulary

/// POST /quiet takes a stream in and answers how long it was, POST /ignored grants nothing, GET /flood answers with one long
/// message and is complete once that was taken, GET /lost answers how many floods were given up.
struct QuietServer: Machine {
  let messageBytes: Int
  private var quiet: [ExchangeID: Int] = [:]
  private var floods: Set<ExchangeID> = []
  private var lost = 0

  init(messageBytes: Int) { self.messageBytes = messageBytes }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { head.method == .post ? .stream : .whole(limitBytes: 0) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      if request.head.target == "/lost" { return turn.reply(id, Response(status: 200, body: Array("\(lost)".utf8))) }
      floods.insert(id)
      turn.accept(id, ResponseHead(status: 200))
      turn.send([id], [UInt8](repeating: 0x66, count: messageBytes))
    case .stream(let id, let part):
      switch part {
      case .opened(let head, _, _): if head.target == "/quiet" { quiet[id] = 0 }
      case .received(let bytes, _):
        guard let count = quiet[id] else { return }
        quiet[id] = count + bytes.count
        turn.grant(id, bytes.count)
      case .finished: if let count = quiet.removeValue(forKey: id) { turn.reply(id, Response(status: 200, body: Array("\(count)".utf8))) }
      case .credit: if floods.remove(id) != nil { turn.finish(id) }
      case .aborted(let closure):
        if floods.remove(id) != nil {
          lost += 1
          turn.observe(.probe, subject: 10, value: UInt64(closure.code))
        }
      case .accepted: break
      }
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed: break
    }
  }
}

/// Asks for each in turn, and states with the step's number 1 where it went as it must.
struct QuietClient: Machine {
  enum Step: UInt64, CaseIterable, Sendable {
    /// Sends, is quiet, sends again, and is answered.
    case quietUpload = 1
    /// Grants nothing for a while, and gets all.
    case latePermission
    /// Never grants: the long message is given up, which it hears of from the server, since it has not taken what came
    /// before the end.
    case noPermission
    /// Sends a long message to one who never grants.
    case ignoredUpload
  }

  let server: Endpoint
  let messageBytes: Int
  let pause: TimeSpan
  private var step = Step.quietUpload
  private var id: ExchangeID?
  private var received: [UInt8] = []
  private var receivedBytes = 0

  init(server: Endpoint, messageBytes: Int, pause: TimeSpan) {
    self.server = server
    self.messageBytes = messageBytes
    self.pause = pause
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { begin(&turn) }

  private mutating func begin(_ turn: inout Turn) {
    received = []
    receivedBytes = 0
    switch step {
    case .quietUpload:
      let opened = turn.open(server, RequestHead(method: .post, target: "/quiet"))
      id = opened
      turn.send([opened], [UInt8](repeating: 0x61, count: 10))
      _ = turn.wake(after: pause)
    case .latePermission:
      id = turn.open(server, Request(.get, "/flood"))
      _ = turn.wake(after: pause)
    case .noPermission:
      id = turn.open(server, Request(.get, "/flood"))
      _ = turn.wake(after: pause)
    case .ignoredUpload:
      let opened = turn.open(server, RequestHead(method: .post, target: "/ignored"))
      id = opened
      turn.send([opened], [UInt8](repeating: 0x61, count: messageBytes))
    }
  }

  private mutating func end(_ holds: Bool, _ turn: inout Turn) {
    turn.observe(.probe, subject: step.rawValue, value: holds ? 1 : 0)
    guard let next = Step(rawValue: step.rawValue + 1) else { return turn.observe(.probe, subject: 0, value: 1) }
    step = next
    begin(&turn)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      guard let id else { return }
      switch step {
      case .quietUpload:
        turn.send([id], [UInt8](repeating: 0x61, count: 10))
        turn.finish(id)
      case .latePermission: turn.grant(id, messageBytes)
      case .noPermission: _ = turn.call(server, Request(.get, "/lost"))
      case .ignoredUpload: break
      }
    case .response(_, let response):
      guard step == .noPermission else { return end(false, &turn) }
      guard response.body != Array("0".utf8) else {
        _ = turn.wake(after: pause)
        return
      }
      if let id { turn.abort(id) }
      end(true, &turn)
    case .stream(let heard, let part):
      guard heard == id else { return }
      switch part {
      case .received(let bytes, _):
        receivedBytes += bytes.count
        if bytes.count < 100 { received += bytes }
      case .finished:
        switch step {
        case .quietUpload: end(received == Array("20".utf8), &turn)
        case .latePermission: end(receivedBytes == messageBytes, &turn)
        case .noPermission, .ignoredUpload: end(false, &turn)
        }
      case .aborted(let closure):
        switch step {
        case .quietUpload, .latePermission: end(false, &turn)
        case .noPermission: break
        case .ignoredUpload: end(closure == .connectionLost, &turn)
        }
      case .opened, .accepted, .credit: break
      }
    case .failed: end(false, &turn)
    case .request, .abandoned, .message, .durable, .completed: break
    }
  }
}

/// Runs the script in `world`, ends the world, and says what did not hold. Its streams are quiet for `pause`, which must be
/// less than the world's `StreamLimits.overrunTimeout`; messages of `messageBytes` go far beyond a window.
public func failuresOfQuietStreamProof(in world: any HostedWorld, messageBytes: Int, pause: TimeSpan) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  world.place(PlacedNode(server, name: "server", isServing: true) { QuietServer(messageBytes: messageBytes) })
  world.place(
    PlacedNode(client, name: "client") { QuietClient(server: Endpoint(server), messageBytes: messageBytes, pause: pause) })
  let result = try await world.run(untilProbe: 0, of: client, limit: .seconds(120))
  await world.end()
  let records = world.records
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  if result != 1 { failures.append("the script did not come to its end") }
  for step in QuietClient.Step.allCases where records.probe(step.rawValue, of: client) != 1 { failures.append("step \(step)") }
  // Who grants nothing does not take what stands before the end, and hears of it once it does.
  if records.probe(10, of: server) != UInt64(StreamClosure.connectionLost.code) {
    failures.append("the sender of an answer does not hear that it was given up")
  }
  return failures
}
