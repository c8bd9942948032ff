// The proof that both hosts mean the same by every form of exchange: one body, to be called with a world of either
// kind.

import ProvingGround
import Vocabulary

/// Runs `StreamProbeClient` against `StreamProbe` in `world`, ends the world, and says what did not hold; empty if all
/// did. `limit` bounds the whole in the host's time; one message has `longMessageBytes`.
public func failuresOfStreamProof(
  in world: any HostedWorld, longMessageBytes: Int = 300_000, limit: TimeSpan = .seconds(240)
) async throws -> [String] {
  let server = NodeID(0)
  let client = NodeID(1)
  world.place(PlacedNode(server, name: "probe", isServing: true) { StreamProbe() })
  world.place(
    PlacedNode(client, name: "client", isRecorded: true) {
      StreamProbeClient(server: Endpoint(server), longMessageBytes: longMessageBytes)
    })
  let result = try await world.run(untilProbe: 0, of: client, limit: limit)
  await world.end()
  let records = world.records
  var failures: [String] = []
  if result == nil { failures.append("the script did not come to its end within \(limit.seconds) s") }
  for step in StreamProbeClient.Step.allCases where records.probe(step.rawValue, of: client) != 1 {
    failures.append("step \(step) did not hold")
  }
  // The one send without credit, which the script provokes.
  let provoked = "sent 1 bytes on a stream with a credit of -1"
  if records.defects.count(where: { $0.node == server && $0.what == provoked }) != 1 { failures.append("no defect was recorded") }
  for defect in records.defects where defect.what != provoked { failures.append("\(defect.node): \(defect.what)") }
  if !records.exchanges.contains(where: { $0.outcome == .cancelled }) { failures.append("the cancelled long poll was not recorded") }
  failures += failuresOfStreamRecords(records.streams, caller: client, longMessageBytes: longMessageBytes)
  return failures
}

/// What the records of the script's streams do not say as it went.
private func failuresOfStreamRecords(_ streams: [StreamRecord], caller: NodeID, longMessageBytes: Int) -> [String] {
  var failures: [String] = []
  func expect(_ holds: Bool, _ what: String) { if !holds { failures.append("stream records: \(what)") } }
  func outcomes(_ target: String) -> [StreamOutcome] { streams.filter { $0.request.head.target == target }.map(\.outcome) }
  expect(streams.allSatisfy { $0.caller == caller && $0.outcome != .pending && $0.endedAt >= $0.openedAt }, "one has not ended")
  expect(outcomes("/echo").filter { $0 == .finished(.normal) }.count == 2, "echoes: \(outcomes("/echo"))")
  let closed = StreamClosure(code: 4_002, reason: Array("enough".utf8))
  expect(outcomes("/echo").last == closed.map { .finished($0) }, "the answer to a close: \(outcomes("/echo"))")
  let asked = [(4_001, "because"), (4_003, "at once")].compactMap { StreamClosure(code: $0.0, reason: Array($0.1.utf8)) }
  expect(outcomes("/closing") == asked.map { .finished($0) }, "closes: \(outcomes("/closing"))")
  expect(outcomes("/small") == [.finished(.messageTooLarge), .finished(.invalidPayload)], "refusals: \(outcomes("/small"))")
  expect(outcomes("/greedy") == [.finished(.internalError)], "a defect: \(outcomes("/greedy"))")
  expect(outcomes("/upload") == [.finished(.normal), .cancelled(.connectionLost)], "uploads: \(outcomes("/upload"))")
  for refused in ["/refused", "/refused-whole"] {
    expect(outcomes(refused) == [.finished(.normal)], "a refused WebSocket: \(outcomes(refused))")
    expect(streams.first { $0.request.head.target == refused }?.answer?.status == 404, "the head of a refusal")
  }
  let echo = streams.first { $0.request.head.target == "/echo" }
  let (sent, received) = (echo?.messages.filter(\.isFromCaller) ?? [], echo?.messages.filter { !$0.isFromCaller } ?? [])
  expect(
    sent.count == 40 && sent.map(\.bytes) == received.map(\.bytes) && sent.map(\.isText) == received.map(\.isText), "an echo's messages")
  expect(echo?.answer?.status == 101 && echo?.form == .webSocket, "an echo's head")
  let long = streams.filter { $0.request.head.target == "/echo" }.dropFirst().first
  expect((long?.keptBytes ?? 0) == 2 * longMessageBytes && long?.omittedMessages == 0, "the long message")
  let events = streams.first { $0.request.head.target == "/events" }
  expect(events?.form == .whole && events?.request.body.isEmpty == false && events?.messages.isEmpty == false, "the event stream")
  expect(zip(echo?.messages ?? [], (echo?.messages ?? []).dropFirst()).allSatisfy { $0.at <= $1.at }, "messages out of order")
  return failures
}
