// The proof that both hosts refuse in the same words what is asked for in a form that there is not, or is too long.

import ProvingGround
import Vocabulary

/// Takes WebSockets at /socket, and little bodies elsewhere.
struct RefusingServer: Machine {
  static let limitBytes = 10

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake {
    head.target == "/socket" ? .webSocket(limitBytes: 100) : .whole(limitBytes: Self.limitBytes)
  }

  func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      let isLong = request.head.target == RefusedClient.longAnswer
      turn.reply(id, isLong ? Response(status: 200, headers: RefusedClient.longField) : Response(status: 99))
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}

/// Asks for what is refused, and says 0 once all has been answered.
struct RefusedClient: Machine {
  let server: Endpoint
  private var waiting = 10

  /// Longer than any head may be.
  static let longField: Headers = ["x-long": String(repeating: "x", count: HostLimits.headBytes)]
  /// More than any head may have.
  static let manyFields = Headers((0...HostLimits.headerFields).map { Headers.Field(name: "x-\($0)", value: "1") })
  static let longTarget = "/" + String(repeating: "t", count: HostLimits.requestLineBytes)
  /// Answered with a head that is too long.
  static let longAnswer = "/long-answer"

  init(server: Endpoint) { self.server = server }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    _ = turn.call(server, Request(.get, "/socket"))
    _ = turn.call(server, Request(.post, "/long", body: [UInt8](repeating: 1, count: RefusingServer.limitBytes + 1)))
    _ = turn.call(server, Request(.get, "/invalid"))
    _ = turn.open(server, RequestHead(method: .get, target: "/plain"), webSocket: true)
    _ = turn.call(server, Request(.get, Self.longTarget))
    _ = turn.call(server, Request(.get, "/long-head", headers: Self.longField))
    _ = turn.call(server, Request(.get, "/many-fields", headers: Self.manyFields))
    _ = turn.open(server, RequestHead(method: .get, target: Self.longTarget + "s"), webSocket: true)
    _ = turn.call(server, Request(.get, Self.longAnswer))
    turn.finish(turn.open(server, RequestHead(method: .post, target: Self.longAnswer), webSocket: false))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response, .failed, .stream(_, .finished):
      waiting -= 1
      if waiting == 0 { turn.observe(.probe, subject: 0, value: 1) }
    case .request, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}

/// Runs the script in `world`, ends the world, and says what did not hold.
public func failuresOfRefusalProof(in world: any HostedWorld) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  world.place(PlacedNode(server, name: "server", isServing: true) { RefusingServer() })
  world.place(PlacedNode(client, name: "client", isRecorded: true) { RefusedClient(server: Endpoint(server)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: .seconds(60))
  await world.end()
  let records = world.records
  var failures: [String] = []
  if result != 1 { failures.append("the script did not come to its end") }
  func compare(_ target: String, _ status: Int?, _ headers: Headers?, _ body: [UInt8]?, _ expected: HTTPRefusal) {
    let words = expected.response
    let lacks = words.head.headers.fields.filter { headers?[$0.name] != $0.value }.map(\.name)
    if status != words.head.status || body != words.body || !lacks.isEmpty {
      failures.append("\(target): status \(status ?? 0), without \(lacks), \(String(decoding: body ?? [], as: UTF8.self))")
    }
  }
  let expected: [(String, HTTPRefusal)] = [
    (RefusedClient.longTarget, .targetTooLong(limitBytes: HostLimits.requestLineBytes)),
    ("/long-head", .headTooLong(limitBytes: HostLimits.headBytes)), ("/many-fields", .tooManyFields(limit: HostLimits.headerFields)),
    ("/socket", .webSocketOnly), ("/long", .bodyTooLarge(limitBytes: RefusingServer.limitBytes)), ("/invalid", .invalidAnswer),
  ]
  for (target, refusal) in expected {
    var answer: Response?
    for exchange in records.exchanges where exchange.request.head.target == target {
      if case .answered(let response) = exchange.outcome { answer = response }
    }
    compare(target, answer?.head.status, answer?.head.headers, answer?.body, refusal)
  }
  let streams: [(String, HTTPRefusal)] = [
    ("/plain", .notAWebSocket), (RefusedClient.longTarget + "s", .targetTooLong(limitBytes: HostLimits.requestLineBytes)),
  ]
  for (target, refusal) in streams {
    let stream = records.streams.first { $0.request.head.target == target }
    compare(target, stream?.answer?.status, stream?.answer?.headers, stream?.messages.flatMap(\.bytes), refusal)
  }
  let unread = records.exchanges.filter { $0.request.head.target == RefusedClient.longAnswer }.map(\.outcome)
  if unread != [.failed(.malformedResponse)] { failures.append("an answer with a head that is too long: \(unread)") }
  let unreadStreams = records.streams.filter { $0.request.head.target == RefusedClient.longAnswer }.map(\.outcome)
  if unreadStreams != [.failed(.malformedResponse)] { failures.append("the same of a stream: \(unreadStreams)") }
  if HTTPRefusal.webSocketOnly.response.head.headers["sec-websocket-version"] != "13" { failures.append("the version is not named") }
  return failures
}
