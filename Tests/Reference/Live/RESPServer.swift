// A small server that speaks RESP, with manners that the test chooses, and what asks it through the adapter.

import Hosting
import Live
import Synchronization
import Testing
import Vocabulary
import Wire

/// Answers commands as the test wants, each connection on a thread of its own.
final class RESPServer: Sendable {
  /// What it says to a command on its how many-th connection (from 0), byte for byte; nil closes the connection.
  typealias Manners = @Sendable (_ words: [String], _ connection: Int) -> String?

  let port: Int
  private let kept = Mutex<[(connection: Int, words: [String])]>([])

  /// Commands that came, with the number of their connections.
  var heard: [(connection: Int, words: [String])] { kept.withLock { $0 } }

  init(connections: Int = 4, _ manners: @escaping Manners) throws {
    let listener = try RawServer()
    port = listener.port
    let held = Handed(listener)
    TestThread.start { [self] in
      for number in 0..<connections {
        guard let client = held.value.accept(patienceMilliseconds: 900_000) else { return }
        client.patienceMilliseconds = 900_000
        let handed = Handed(client)
        TestThread.start { [self] in serve(handed.value, number, manners) }
      }
    }
  }

  private func serve(_ client: RawClient, _ number: Int, _ manners: Manners) {
    var reader = RESPReader()
    while client.readMore() {
      reader.feed(client.read(client.unread.count))
      while let value = try? reader.next() {
        let words = (value.elements ?? []).map { String(decoding: $0.content ?? [], as: UTF8.self) }
        kept.withLock { $0.append((number, words)) }
        guard let answer = manners(words, number) else { return client.close() }
        client.send(answer)
      }
    }
  }
}

/// Hands something to the thread that uses it alone.
private final class Handed<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Makes requests of an adapter, each a while after the answer to the one before.
private struct OneByOne: Machine {
  let requests: [Request]
  let pause: TimeSpan
  private var next = 0

  init(_ requests: [Request], pause: TimeSpan) {
    self.requests = requests
    self.pause = pause
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { ask(&turn) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response, .failed: _ = turn.wake(after: pause)
    case .timer: ask(&turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func ask(_ turn: inout Turn) {
    guard next < requests.count else { return }
    next += 1
    _ = turn.call(Endpoint(9), requests[next - 1])
  }
}

/// Makes all requests at once.
private struct AtOnce: Machine {
  let requests: [Request]

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { for request in requests { _ = turn.call(Endpoint(9), request) } }
  mutating func handle(_ event: Event, _ turn: inout Turn) {}
}

/// Has the requests made of an adapter; returns the answers by the requests' order.
func answersOfRESP(
  port: Int, _ requests: [Request], atOnce: Bool = false, pause: TimeSpan = .milliseconds(1), answerWithin: TimeSpan = .minutes(10)
) async throws -> [(status: Int, text: String, link: String?)] {
  var configuration = LiveConfiguration()
  configuration.limits.adapterTimeout = .minutes(20)
  configuration.adapters[Endpoint(9)] = RESPAdapter(HostAndPort(host: "127.0.0.1", port: port), answerWithin: answerWithin)
  let kept = KeptRecords()
  let host = try LiveHost(
    [
      LiveNodeSpecification(NodeID(0), name: "caller", isRecorded: true) {
        atOnce ? AtOnce(requests: requests) as any Machine : OneByOne(requests, pause: pause)
      }
    ], configuration, recorder: kept)
  try await host.start()
  _ = try await eventually { kept.records.exchanges.count == requests.count }
  await host.stop(grace: .zero)
  return kept.records.exchanges.sorted { $0.id < $1.id }.map { record in
    guard case .answered(let response) = record.outcome else { return (0, "\(record.outcome)", nil) }
    return (response.status, String(decoding: response.body, as: UTF8.self), response.head.headers["link"])
  }
}

/// A request with commands.
func commands(_ all: [String]..., at target: String = "/commands") -> Request {
  var body: [UInt8] = []
  for words in all { RESPValue.command(words.map { Array($0.utf8) }).write(into: &body) }
  return Request(.post, target, body: body)
}
