// The proof that both hosts keep as many calls under way to one place as they may and no more, let others wait, refuse
// what goes beyond that, and send nothing of a call that was given up while it waited, nor let others wait for it. And
// that what is too long for every host is sent by none.
//
// Limits: a host that may open few files keeps fewer connections; the proof takes any number up to the bound.

import ProvingGround
import Vocabulary

/// Counts the requests that are there at once, for a while; then answers them, and whatever comes, at once.
private struct PatientServer: Machine {
  private var waiting: [ExchangeID] = []
  private var isOpen = false

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 0) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      if request.head.target == CrowdingClient.givenUp { turn.observe(.probe, subject: 2, value: 1) }
      if isOpen { return turn.reply(id, Response(status: 200)) }
      if waiting.isEmpty { _ = turn.wake(after: .milliseconds(500)) }
      waiting.append(id)
    case .timer:
      turn.observe(.probe, subject: 1, value: UInt64(waiting.count))
      isOpen = true
      for id in waiting { turn.reply(id, Response(status: 200)) }
      waiting.removeAll()
    case .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Calls more often at once than a host has connections and room for calls that wait.
private struct CrowdingClient: Machine {
  static let givenUp = "/given-up"
  static let calls = HostLimits.waitingCalls + 75

  let callee: Callee
  private var answered: UInt64 = 0
  private var refused: UInt64 = 0

  init(callee: Callee) { self.callee = callee }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    // As many as there are connections at most, and then some that wait.
    for number in 0..<100 { _ = turn.call(callee, Request(.get, "/\(number)")) }
    turn.cancelCall(turn.call(callee, Request(.get, Self.givenUp)))
    for number in 100..<Self.calls { _ = turn.call(callee, Request(.get, "/\(number)")) }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response: answered += 1
    case .failed(_, .refused): refused += 1
    case .request, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: return turn.observe(.probe, subject: 9, value: 1)
    }
    guard answered + refused == UInt64(Self.calls) else { return }
    turn.observe(.probe, subject: 3, value: refused)
    turn.observe(.probe, subject: 4, value: answered)
  }
}

/// Runs the script in `world`, ends the world, and says what did not hold; empty if all did. `toDestination`: the server
/// is called where it listens, not as an endpoint.
public func failuresOfCallPoolProof(in world: any HostedWorld, toDestination: Bool) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  let port = world.port(of: server)
  world.name("server.test", [server])
  let callee: Callee =
    toDestination
    ? .destination(Destination(.http, HostAndPort(host: "server.test", port: port), namedBy: .operator)) : .endpoint(Endpoint(server))
  world.place(PlacedNode(server, name: "server", isServing: true) { PatientServer() })
  world.place(PlacedNode(client, name: "client", isRecorded: true) { CrowdingClient(callee: callee) })
  let answered = try await world.run(untilProbe: 4, of: client, limit: .seconds(60))
  await world.end()
  let records = world.records
  let limit = UInt64(toDestination ? HostLimits.callsPerDestination : HostLimits.callsPerEndpoint)
  var failures: [String] = []
  // Of a burst those too wait whose connections are being opened.
  if answered != UInt64(HostLimits.waitingCalls) { failures.append("\(answered.map { "\($0)" } ?? "none") of all calls were answered") }
  if records.probe(3, of: client) != 75 { failures.append("\(records.probe(3, of: client) ?? 0) calls were refused, not 75") }
  let atOnce = records.probe(1, of: server) ?? 0
  if !(min(8, limit)...limit).contains(atOnce) { failures.append("\(atOnce) calls were there at once, where \(limit) may") }
  if records.probe(2, of: server) != nil { failures.append("a call that was given up while it waited was sent") }
  if records.probe(9, of: client) != nil { failures.append("the client heard what it must not hear") }
  let outcomes = records.exchanges.map(\.outcome)
  if outcomes.count(where: { $0 == .failed(.refused) }) != 75 { failures.append("the records do not say which calls were refused") }
  if outcomes.count(where: { $0 == .cancelled }) != 1 { failures.append("the records do not say which call was given up") }
  return failures + records.defects.map { "\($0.node): \($0.what)" }
}

/// Has calls wait, gives as many of them up as there can be connections, and makes one more, which stands behind those.
private struct FickleClient: Machine {
  static let last = "/last"
  let callee: Callee
  private var answered: UInt64 = 0

  init(callee: Callee) { self.callee = callee }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for number in 0..<HostLimits.callsPerEndpoint { _ = turn.call(callee, Request(.get, "/\(number)")) }
    for _ in 0..<HostLimits.callsPerEndpoint { turn.cancelCall(turn.call(callee, Request(.get, CrowdingClient.givenUp))) }
    _ = turn.call(callee, Request(.get, Self.last))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response: answered += 1
    case .request, .failed, .abandoned, .message, .timer, .durable, .completed, .stream:
      return turn.observe(.probe, subject: 9, value: 1)
    }
    if answered == HostLimits.callsPerEndpoint + 1 { turn.observe(.probe, subject: 4, value: answered) }
  }
}

/// Runs a client that gives up calls which wait, so many that each connection that becomes free may find one of them
/// first in the row: who stands behind them has it. Says what did not hold.
public func failuresOfGivenUpRowProof(in world: any HostedWorld, toDestination: Bool) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  let port = world.port(of: server)
  world.name("server.test", [server])
  let callee: Callee =
    toDestination
    ? .destination(Destination(.http, HostAndPort(host: "server.test", port: port), namedBy: .operator)) : .endpoint(Endpoint(server))
  world.place(PlacedNode(server, name: "server", isServing: true) { PatientServer() })
  world.place(PlacedNode(client, name: "client", isRecorded: true) { FickleClient(callee: callee) })
  let answered = try await world.run(untilProbe: 4, of: client, limit: .seconds(30))
  await world.end()
  let records = world.records
  var failures: [String] = []
  let targets = records.exchanges.filter { if case .answered = $0.outcome { true } else { false } }.map(\.request.head.target)
  if answered == nil || !targets.contains(FickleClient.last) {
    failures.append("\(targets.count) of \(HostLimits.callsPerEndpoint + 1) calls were answered")
  }
  if records.probe(2, of: server) != nil { failures.append("a call that was given up while it waited was sent") }
  if records.probe(9, of: client) != nil { failures.append("the client heard what it must not hear") }
  return failures + records.defects.map { "\($0.node): \($0.what)" }
}

/// Sends its peer a message that is too long, and one that is not; states as probe 1 what it hears itself.
private struct LongWinded: Machine {
  let peer: NodeID
  func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(5)) }
  func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      turn.message(to: peer, [UInt8](repeating: 1, count: HostLimits.peerMessageBytes + 1))
      turn.message(to: peer, [UInt8](repeating: 2, count: HostLimits.peerMessageBytes))
    case .message(_, let bytes): turn.observe(.probe, subject: 1, value: UInt64(bytes.count))
    case .request, .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }
}

/// Runs two peers of which each sends the other one message that is too long for every host. Says what did not hold.
public func failuresOfPeerMessageBoundProof(in world: any HostedWorld) async throws -> [String] {
  for index in UInt16(0)...1 {
    world.place(PlacedNode(NodeID(index), name: "peer-\(index)", isServing: true) { LongWinded(peer: NodeID(1 - index)) })
  }
  var failures: [String] = []
  for index in UInt16(0)...1 {
    let heard = try await world.run(untilProbe: 1, of: NodeID(index), limit: .seconds(60))
    if heard != UInt64(HostLimits.peerMessageBytes) { failures.append("node \(index) heard \(heard ?? 0) bytes") }
  }
  await world.end()
  let long = "sent a message of \(HostLimits.peerMessageBytes + 1) bytes to a peer, which takes \(HostLimits.peerMessageBytes) at most"
  let defects = world.records.defects.sorted { $0.node < $1.node }.map { "\($0.node): \($0.what)" }
  if defects != [NodeID(0), NodeID(1)].map({ "\($0): \(long)" }) { failures.append("the defects are \(defects)") }
  return failures
}
