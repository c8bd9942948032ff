// Answers that wait for their clients: which requests get one, how much of them a node keeps, and how fast they must be
// taken.

import Hosting
import Live
import Testing
import Vocabulary

@Suite(.serialized) struct AnswerTests {
  @Test(arguments: [
    "POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    "POST /a HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Close\r\ncontent-length: 0\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n",
    "POST /stream HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
  ])
  func whatComesBehindTheLastRequestIsNone(_ last: String) async throws {
    try await withNode(CountingMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send(last + "POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
      let answer = client.readResponse()
      #expect(answer?.text == "1" && answer?.field("connection") == "close")
      #expect(client.readToEnd() == "")
      let other = try RawClient(port: port)
      other.send("GET /count HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(other.readResponse()?.text == "2", "the request behind it was carried out, for nobody")
    }
  }

  @Test func whatIsBehindAnAbortedExchangeIsAbandoned() async throws {
    try await withNode(AbortingMachine()) { port, _, kept in
      let client = try RawClient(port: port)
      client.send((1...3).map { "GET /\($0) HTTP/1.1\r\nhost: a\r\n\r\n" }.joined())
      #expect(client.readResponse()?.text == "first")
      #expect(try await eventually { kept.records.observations.contains { $0.observation.fact == .probe } }, "the third has left")
      #expect(kept.records.defects == [])
    }
  }

  /// Room for one answer of `LargeMachine`, and not for two.
  private func narrow(_ change: (inout LiveLimits) -> Void = { _ in }) -> LiveLimits {
    .changed {
      $0.streams.accountBytes = 2 * 60_000_000
      $0.pressedBodyWindow = .seconds(600)
      $0.bodyWindow = .seconds(600)
      $0.writeStallTimeout = .seconds(600)
      change(&$0)
    }
  }

  private func ask(_ port: Int, _ requests: String...) throws -> RawClient {
    let client = try RawClient(port: port, receiveBufferBytes: 4_096)
    client.send(requests.map { "\($0) HTTP/1.1\r\nhost: a\r\n\r\n" }.joined())
    return client
  }

  @Test func answersThatNobodyReadsAreBounded() async throws {
    try await withNode(LargeMachine(), narrow()) { port, _, kept in
      let silent = try ask(port, "GET /large", "GET /large", "GET /small", "POST /large", "GET /small")
      #expect(try await eventually { kept.records.observations.count == 5 }, "all were carried out")
      let first = silent.readResponse()
      #expect(first?.status == 200 && first?.body.count == LargeMachine.bytes)
      let second = silent.readResponse()
      #expect(second?.status == 503 && second?.field("retry-after") == "1" && second?.text.contains("OVERLOADED") == true)
      #expect(silent.readResponse()?.status == 200, "what is little has room")
      #expect(silent.readToEnd() == "", "an answer would say that a POST was not carried out")
      let next = try ask(port, "GET /large", "GET /small")
      #expect(next.readResponse()?.body.count == LargeMachine.bytes, "what was taken is given back")
      #expect(next.readResponse()?.status == 200)
    }
  }

  @Test func anAnswerIsInTheAccountUntilItIsTaken() async throws {
    // Nine tenths of an overrun, which half a window after another is an answer like any other.
    let limits = narrow { $0.streams.accountBytes = 8 * 12_500_000 }
    try await withNode(LargeMachine(streamedBytes: 12_000_000), limits) { port, _, kept in
      let silent = try (0..<6).map { _ in try ask(port, "GET /streamed") }
      #expect(try await eventually { kept.records.observations.count == 6 })
      let other = try ask(port, "GET /streamed", "GET /half")
      #expect(other.readResponse()?.status == 200)
      while !String(decoding: other.unread.suffix(4_000), as: UTF8.self).contains("HTTP/1.1 "), other.readMore() {}
      #expect(String(decoding: other.unread.suffix(4_000), as: UTF8.self).contains("HTTP/1.1 503 "), "streams that are complete count")
      for client in silent { client.close() }
      #expect(try await eventually { try ask(port, "GET /half").readResponse()?.status == 200 })
    }
  }

  @Test func whoTakesAnAnswerSlowlyGivesWay() async throws {
    try await withNode(LargeMachine(), narrow { $0.pressedBodyWindow = .milliseconds(100) }) { port, _, _ in
      let silent = try ask(port, "GET /large")
      #expect(silent.readMore())
      #expect(try await eventually { try ask(port, "GET /large").readResponse()?.status == 200 })
      #expect(silent.readToEnd().utf8.count < LargeMachine.bytes)
    }
  }

  @Test func anAnswerHasItsPace() async throws {
    let limits = LiveLimits.changed {
      $0.bodyWindow = .milliseconds(200)
      $0.bodyBytesPerWindow = 20_000_000
      $0.writeStallTimeout = .seconds(600)
    }
    try await withNode(LargeMachine(), limits) { port, _, _ in
      let slow = try ask(port, "GET /large")
      var taken = 0
      // Some of it at all times.
      #expect(
        try await eventually {
          taken += slow.read(16_384).count
          return slow.isAtEnd || taken >= LargeMachine.bytes
        })
      #expect(taken < LargeMachine.bytes, "a little now and then is no pace")
    }
  }
}

/// Answers with the number of requests so far.
private struct CountingMachine: Machine {
  private var count = 0

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { head.target == "/stream" ? .stream : .whole(limitBytes: 100) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, _), .stream(let id, .finished):
      count += 1
      turn.reply(id, Response(status: 200, body: Array("\(count)".utf8)))
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}

/// At the third request gives the second up and answers the first; states which was abandoned.
private struct AbortingMachine: Machine {
  private var waiting: [ExchangeID] = []

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, _):
      waiting.append(id)
      guard waiting.count == 3 else { return }
      turn.abort(waiting[1])
      turn.reply(waiting[0], Response(status: 200, body: Array("first".utf8)))
    case .abandoned(let id): if waiting.count == 3, id == waiting[2] { turn.observe(.probe, subject: 1) }
    case .response, .failed, .message, .timer, .durable, .completed, .stream: break
    }
  }
}

/// Answers long, whole or as a stream that is complete at once; states each request.
private struct LargeMachine: Machine {
  static let bytes = 50_000_000
  let streamedBytes: Int

  init(streamedBytes: Int = 0) { self.streamedBytes = streamedBytes }

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event else { return }
    turn.observe(.probe, subject: 1)
    switch request.head.target {
    case "/large": turn.reply(id, Response(status: 200, body: [UInt8](repeating: 0x78, count: Self.bytes)))
    case "/half": turn.reply(id, Response(status: 200, body: [UInt8](repeating: 0x78, count: Self.bytes / 2)))
    case "/streamed":
      turn.accept(id, ResponseHead(status: 200))
      turn.send([id], [UInt8](repeating: 0x79, count: streamedBytes))
      turn.finish(id)
    default: turn.reply(id, Response(status: 200))
    }
  }
}
