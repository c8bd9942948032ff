// The proof that both hosts resolve, judge and reach destinations alike, and that nothing inside is reached by who may
// not name it.

import Resilience
import Vocabulary

/// Asks one thing after the other and states how each ended: the status, or 1,000 and more for a failure.
struct DestinationClient: Machine {
  /// One thing that is asked.
  struct Step: Sendable {
    var callee: Callee
    var request: Request
    /// Nil of a call.
    var form: StreamForm?
  }

  private let steps: [Step]
  private let redirects: Redirects
  private var place = 0
  private var stream: ExchangeID?
  private var calls = Calls<Int>()
  private var pause: TimerID?

  init(_ steps: [Step], redirects: Redirects = .none) {
    self.steps = steps
    self.redirects = redirects
  }

  func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 0) }
  mutating func start(_ turn: inout Turn) throws(StartRefusal) { ask(&turn) }

  private mutating func ask(_ turn: inout Turn) {
    guard place < steps.count else { return turn.observe(.probe, subject: 0, value: 1) }
    let step = steps[place]
    if let form = step.form {
      stream = turn.open(step.callee, step.request, form)
    } else {
      let policy = CallPolicy(attemptTimeout: .seconds(10), attempts: 1, retry: .never, redirects: redirects)
      calls.call(step.callee, step.request, policy: policy, then: place, &turn)
    }
  }

  private mutating func ended(_ value: UInt64, _ turn: inout Turn) {
    place += 1
    turn.observe(.probe, subject: UInt64(place), value: value)
    // So that connections that were kept are given up.
    pause = turn.wake(after: .milliseconds(30))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer) where timer == pause: return ask(&turn)
    case .stream(let id, .accepted(let head)) where id == stream:
      stream = nil
      turn.abort(id)
      return ended(UInt64(head.status), &turn)
    case .failed(let id, let failure) where id == stream:
      stream = nil
      return ended(Self.code(failure), &turn)
    case .request, .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
    guard case .mine(let completions) = calls.settle(event, &turn) else { return }
    for completion in completions {
      switch completion.outcome {
      case .success(let response): ended(UInt64(response.status), &turn)
      case .failure(.status(let response)): ended(UInt64(response.status), &turn)
      case .failure(.transport(let failure)): ended(Self.code(failure), &turn)
      case .failure(.redirected(let mistake, _)): ended(Self.code(mistake), &turn)
      case .failure(.timedOut), .failure(.circuitOpen), .failure(.bulkheadFull): ended(1_999, &turn)
      }
    }
  }

  static func code(_ failure: TransportFailure) -> UInt64 {
    switch failure {
    case .refused: 1_001
    case .connectionLost: 1_002
    case .unresolvable: 1_003
    case .responseTooLarge: 1_004
    case .malformedResponse: 1_005
    case .forbidden: 1_006
    case .untrusted: 1_007
    }
  }

  static func code(_ mistake: RedirectMistake) -> UInt64 {
    switch mistake {
    case .tooManyHops: 2_001
    case .noLocation: 2_002
    case .leavesTLS: 2_003
    }
  }
}

/// Counts what reaches it, tells the count as probe 0, and answers: `/to` with a redirect by the status and to the place
/// that the request names, anything else with 200; `/socket` becomes a WebSocket. A request with `authorization` is told
/// as probe 1, one whose method is GET as probe 2.
struct DestinationServer: Machine {
  private var requests: UInt64 = 0

  func intake(_ head: RequestHead) -> Intake { head.target == "/socket" ? .webSocket(limitBytes: 1_000) : .whole(limitBytes: 1_000) }
  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      note(request.head, &turn)
      guard request.head.target == "/to", let status = request.head.headers["x-status"].flatMap({ Int($0) }) else {
        return turn.reply(id, Response(status: 200, body: Array(request.head.method.token.utf8)))
      }
      var headers = Headers()
      if let location = request.head.headers["x-location"] { headers.append("location", location) }
      turn.reply(id, Response(status: status, headers: headers))
    case .stream(let id, .opened(let head, _, _)):
      note(head, &turn)
      turn.accept(id, ResponseHead(status: 101))
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }

  private mutating func note(_ head: RequestHead, _ turn: inout Turn) {
    requests += 1
    turn.observe(.probe, subject: 0, value: requests)
    turn.observe(.probe, subject: 1, value: head.headers["authorization"] == nil ? 0 : 1)
    turn.observe(.probe, subject: 2, value: head.method == .get ? 1 : 0)
  }
}

/// Has a client in `world` ask for destinations that an operator and that a user named, ends the world, and says what did
/// not hold. The world must give up connections that are kept within 30 ms.
public func failuresOfDestinationProof(in world: any HostedWorld) async throws -> [String] {
  let (outside, inside, client) = (NodeID(0), NodeID(1), NodeID(2))
  world.name("outside.test", [outside])
  world.name("inside.test", [inside])
  world.name("rebinding.test", [outside, inside])
  let (outsidePort, insidePort) = (world.port(of: outside), world.port(of: inside))
  // Who is reached at a rebinding name is told by the address alone.
  func destination(_ host: String, _ port: Int, _ namer: Destination.Namer) -> Callee {
    .destination(Destination(.http, HostAndPort(host: host, port: port), namedBy: namer))
  }
  let get = Request(.get, "/x")
  let script: [(what: String, step: DestinationClient.Step, expected: UInt64)] = [
    ("a user's public name is called", .init(callee: destination("outside.test", outsidePort, .user), request: get), 200),
    ("a user's name that leads inside is not", .init(callee: destination("inside.test", insidePort, .user), request: get), 1_006),
    ("an operator's is", .init(callee: destination("inside.test", insidePort, .operator), request: get), 200),
    ("a name is called while it leads outside", .init(callee: destination("rebinding.test", outsidePort, .user), request: get), 200),
    ("and no more once it leads inside", .init(callee: destination("rebinding.test", outsidePort, .user), request: get), 1_006),
    ("a name that is not known", .init(callee: destination("unknown.test", 80, .user), request: get), 1_003),
    ("a private address", .init(callee: destination("192.168.7.7", 80, .user), request: get), 1_006),
    ("one that hides in IPv6", .init(callee: destination("::ffff:10.0.0.1", 80, .user), request: get), 1_006),
    ("a socket that is not there", .init(callee: .destination(Destination(localSocket: "/nowhere/socket")), request: get), 1_001),
    (
      "a WebSocket to a public name",
      .init(callee: destination("outside.test", outsidePort, .user), request: Request(.get, "/socket"), form: .webSocket), 101
    ),
    (
      "a WebSocket to a name that leads inside",
      .init(callee: destination("inside.test", insidePort, .user), request: Request(.get, "/socket"), form: .webSocket), 1_006
    ),
    ("a stream to a name that is not known", .init(callee: destination("unknown.test", 80, .operator), request: get, form: .whole), 1_003),
  ]
  place(in: world, outside: outside, inside: inside)
  world.place(PlacedNode(client, name: "client", isRecorded: true) { DestinationClient(script.map(\.step)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: .seconds(60))
  await world.end()
  let records = world.records
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  if result != 1 { failures.append("the script did not come to its end") }
  for (index, line) in script.enumerated() {
    let found = records.probe(UInt64(index + 1), of: client)
    if found != line.expected { failures.append("\(line.what): \(found.map { "\($0)" } ?? "nothing") in place of \(line.expected)") }
  }
  if records.probe(0, of: inside) != 1 { failures.append("\(records.probe(0, of: inside) ?? 0) requests reached the inside, 1 may") }
  let calls = script.filter { $0.step.form == nil }
  if records.exchanges.map(\.destination) != calls.map(\.step.callee.destination) {
    failures.append("records of calls are not of the destinations: \(records.exchanges.map { "\($0.destination?.description ?? "-")" })")
  }
  return failures
}

/// Has a client in `world` be redirected, ends the world, and says what did not hold.
public func failuresOfRedirectProof(in world: any HostedWorld) async throws -> [String] {
  let (outside, inside, client) = (NodeID(0), NodeID(1), NodeID(2))
  world.name("outside.test", [outside])
  world.name("also-outside.test", [outside])
  world.name("inside.test", [inside])
  let (outsidePort, insidePort) = (world.port(of: outside), world.port(of: inside))
  func step(_ status: Int, _ location: String?, _ method: Method = .get, _ namer: Destination.Namer = .user) -> DestinationClient.Step {
    var headers: Headers = ["x-status": "\(status)", "authorization": "Bearer secret"]
    if let location { headers.append("x-location", location) }
    return .init(
      callee: .destination(Destination(.http, HostAndPort(host: "outside.test", port: outsidePort), namedBy: namer)),
      request: Request(method, "/to", headers: headers, body: method == .get ? [] : [1]))
  }
  let elsewhere = "http://also-outside.test:\(outsidePort)/there"
  let inner = "http://inside.test:\(insidePort)/there"
  let script: [(what: String, step: DestinationClient.Step, expected: UInt64)] = [
    ("a redirect without a host", step(302, "/there"), 200),
    ("a redirect to another name", step(307, elsewhere, .post), 200),
    ("a user's redirect to the inside", step(302, inner), 1_006),
    ("a user's redirect to an address inside", step(303, "http://127.0.0.3:1/", .post), 1_006),
    ("a redirect to itself", step(302, "/to"), 2_001),
    ("a redirect to nowhere", step(301, nil), 2_002),
    ("a redirect to a socket", step(301, "unix:/run/docker.sock"), 2_002),
    ("an answer that is no redirect", step(304, "/there"), 304),
    ("an operator's redirect to the inside", step(302, inner, .post, .operator), 200),
  ]
  place(in: world, outside: outside, inside: inside)
  world.place(
    PlacedNode(client, name: "client", isRecorded: true) { DestinationClient(script.map(\.step), redirects: Redirects(maximumHops: 3)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: .seconds(60))
  await world.end()
  let records = world.records
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  if result != 1 { failures.append("the script did not come to its end") }
  for (index, line) in script.enumerated() {
    let found = records.probe(UInt64(index + 1), of: client)
    if found != line.expected { failures.append("\(line.what): \(found.map { "\($0)" } ?? "nothing") in place of \(line.expected)") }
  }
  if records.probe(0, of: inside) != 1 { failures.append("\(records.probe(0, of: inside) ?? 0) requests reached the inside, 1 may") }
  if records.probe(1, of: inside) != 0 { failures.append("the proof of who asks went to another host") }
  if records.probe(2, of: inside) != 1 { failures.append("a POST stayed one behind 302") }
  return failures
}

private func place(in world: any HostedWorld, outside: NodeID, inside: NodeID) {
  var one = PlacedNode(outside, name: "outside", isServing: true) { DestinationServer() }
  one.isOutside = true
  world.place(one)
  world.place(PlacedNode(inside, name: "inside", isServing: true) { DestinationServer() })
}

extension Callee {
  /// The destination that it is; nil of an endpoint.
  fileprivate var destination: Destination? {
    switch self {
    case .endpoint: nil
    case .destination(let destination): destination
    }
  }
}
