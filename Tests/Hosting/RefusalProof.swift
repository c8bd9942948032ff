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

  func handle(_ event: Event, _ turn: inout Turn) { if case .request(let id, _) = event { turn.reply(id, Response(status: 99)) } }
}

/// Asks for what is refused, and says 0 once all has been answered.
struct RefusedClient: Machine {
  let server: Endpoint
  private var waiting = 4

  init(server: Endpoint) { self.server = server }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    _ = turn.call(server, Request(.get, "/socket"))
    _ = turn.call(server, Request(.post, "/long", body: [UInt8](repeating: 1, count: RefusingServer.limitBytes + 1)))
    _ = turn.call(server, Request(.get, "/invalid"))
    _ = turn.open(server, RequestHead(method: .get, target: "/plain"), webSocket: true)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response, .stream(_, .finished):
      waiting -= 1
      if waiting == 0 { turn.observe(.probe, subject: 0, value: 1) }
    case .request, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
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
    ("/socket", .webSocketOnly), ("/long", .bodyTooLarge(limitBytes: RefusingServer.limitBytes)), ("/invalid", .invalidAnswer),
  ]
  for (target, refusal) in expected {
    var answer: Response?
    for exchange in records.exchanges where exchange.request.head.target == target {
      if case .answered(let response) = exchange.outcome { answer = response }
    }
    compare(target, answer?.head.status, answer?.head.headers, answer?.body, refusal)
  }
  let stream = records.streams.first { $0.request.head.target == "/plain" }
  compare("/plain", stream?.answer?.status, stream?.answer?.headers, stream?.messages.flatMap(\.bytes), .notAWebSocket)
  if HTTPRefusal.webSocketOnly.response.head.headers["sec-websocket-version"] != "13" { failures.append("the version is not named") }
  return failures
}
