// What becomes of a node's calls when the server refuses, vanishes, answers nonsense, or has too much to do.

import Hosting
import Live
import Testing
import Vocabulary

@Suite(.serialized) struct CallerTests {
  private static let caller = NodeID(0)
  private static let outside = Endpoint(9)

  /// Makes the calls and waits until all have ended; the records are in the order of their ends.
  private func outcomes(
    of calls: [(Endpoint, Request)], patience: TimeSpan? = nil, port: Int?, limits: LiveLimits = LiveLimits(),
    _ serve: () throws -> Void = {}
  ) async throws -> [ExchangeRecord] {
    var configuration = LiveConfiguration()
    configuration.directory[Self.outside] = port.map { Destination(NetworkAddress(host: "127.0.0.1", port: $0)) }
    configuration.limits = limits
    let kept = KeptRecords()
    let host = try LiveHost(
      [LiveNodeSpecification(Self.caller, name: "caller", isRecorded: true) { CallingMachine(calls, patience: patience) }], configuration,
      recorder: kept)
    try await host.start()
    try serve()
    _ = try await eventually { kept.records.exchanges.count == calls.count }
    await host.stop(grace: .zero)
    return kept.records.exchanges
  }

  private func outcome(whenAnswered bytes: String, _ request: Request = Request(.get, "/x")) async throws -> ExchangeOutcome? {
    let server = try RawServer()
    return try await outcomes(of: [(Self.outside, request)], port: server.port) {
      let connection = try #require(server.accept())
      _ = connection.readRequestHead()
      connection.send(bytes)
      connection.close()
    }.first?.outcome
  }

  @Test func answersOfEveryFraming() async throws {
    #expect(
      try await outcome(whenAnswered: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        == .answered(Response(status: 200, headers: ["content-length": "2"], body: [0x6F, 0x6B])))
    let chunked = try await outcome(
      whenAnswered: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n")
    #expect(chunked == .answered(Response(status: 200, headers: ["transfer-encoding": "chunked"], body: [0x6F, 0x6B])))
    #expect(try await outcome(whenAnswered: "HTTP/1.0 200 OK\r\n\r\nok") == .answered(Response(status: 200, body: [0x6F, 0x6B])))
    #expect(try await outcome(whenAnswered: "HTTP/1.1 204\r\n\r\n") == .answered(Response(status: 204)))
    #expect(
      try await outcome(whenAnswered: "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", Request(.head, "/x"))
        == .answered(Response(status: 200, headers: ["content-length": "99"])))
  }

  @Test func failuresHaveTheirNames() async throws {
    let deadPort = try RawServer().port
    #expect(try await outcomes(of: [(Self.outside, Request(.get, "/x"))], port: deadPort).map { $0.outcome } == [.failed(.refused)])
    #expect(try await outcomes(of: [(Self.outside, Request(.get, "/x"))], port: nil).map { $0.outcome } == [.failed(.unresolvable)])
    #expect(try await outcome(whenAnswered: "") == .failed(.connectionLost))
    #expect(try await outcome(whenAnswered: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok") == .failed(.connectionLost))
    #expect(try await outcome(whenAnswered: "220 smtp.example.org\r\n\r\n") == .failed(.malformedResponse))
    #expect(try await outcome(whenAnswered: "HTTP/1.1 101 Switching Protocols\r\n\r\n") == .failed(.malformedResponse))
    #expect(
      try await outcome(whenAnswered: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno\r\n") == .failed(.malformedResponse))
  }

  @Test func longResponsesAreCutOff() async throws {
    let server = try RawServer()
    let records = try await outcomes(
      of: [(Self.outside, Request(.get, "/x"))], port: server.port, limits: .changed { $0.responseBytes = 10 }
    ) {
      let connection = try #require(server.accept())
      _ = connection.readRequestHead()
      connection.send("HTTP/1.1 200 OK\r\n\r\n12345678901")
    }
    #expect(records.first?.outcome == .failed(.responseTooLarge))
  }

  @Test func connectionsAreKeptAndBoundedAndTheQueueToo() async throws {
    let server = try RawServer()
    let calls = (0..<6).map { (Self.outside, Request(.get, "/\($0)", deadline: Deadline(Instant(nanoseconds: 60_000_000_000)))) }
    let records = try await outcomes(
      of: calls, port: server.port,
      limits: .changed {
        $0.connectionsPerEndpoint = 1
        $0.waitingCallsPerEndpoint = 4
      }
    ) {
      let connection = try #require(server.accept())
      for number in 0..<4 {
        let head = try #require(connection.readRequestHead())
        #expect(head.hasPrefix("GET /\(number) HTTP/1.1\r\n"))
        #expect(head.contains("request-timeout-milliseconds: "), "the deadline crosses as the time left")
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
      }
      #expect(server.accept(patienceMilliseconds: 50) == nil, "one connection serves them all")
    }
    // At the start the one connection is still being opened, so all six wait, and the last two find the queue full.
    #expect(records.filter { $0.outcome == .failed(.refused) }.count == 2)
    #expect(records.filter { if case .answered = $0.outcome { true } else { false } }.count == 4)
  }

  /// A server that closes behind a 413 without saying so: the next request must not meet the closed connection.
  @Test func whatFollowsA413GoesOnANewConnection() async throws {
    let server = try RawServer()
    let calls = (0..<2).map { (Self.outside, Request(.post, "/\($0)")) }
    let records = try await outcomes(of: calls, port: server.port, limits: .changed { $0.connectionsPerEndpoint = 1 }) {
      let first = try #require(server.accept())
      _ = first.readRequestHead()
      first.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
      let second = try #require(server.accept())
      #expect(try #require(second.readRequestHead()).hasPrefix("POST /1 "))
      second.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    }
    #expect(records.map { $0.outcome.status } == [413, 200])
  }

  /// A kept connection that the server closes as it is used again: once more where that is safe, an error where it is
  /// not.
  @Test(arguments: [Method.get, .post]) func aKeptConnectionThatClosesUnderARequest(_ method: Method) async throws {
    let server = try RawServer()
    let calls = [(Self.outside, Request(.get, "/0")), (Self.outside, Request(method, "/1"))]
    let records = try await outcomes(of: calls, port: server.port, limits: .changed { $0.connectionsPerEndpoint = 1 }) {
      let first = try #require(server.accept())
      _ = first.readRequestHead()
      first.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
      #expect(try #require(first.readRequestHead()).hasPrefix("\(method.token) /1 "), "the connection is used again")
      first.close()
      guard method.isIdempotent else { return }
      let second = try #require(server.accept())
      #expect(try #require(second.readRequestHead()).hasPrefix("GET /1 "))
      second.close()
    }
    // The second time it is a new connection: what breaks then is told.
    #expect(records.map { $0.outcome.status } == [200, nil])
    #expect(records.last?.outcome == .failed(.connectionLost))
  }

  @Test func aCancelledCallClosesItsConnectionAndFreesItsPlace() async throws {
    let server = try RawServer()
    let calls = (0..<2).map { (Self.outside, Request(.get, "/\($0)")) }
    let records = try await outcomes(
      of: calls, patience: .milliseconds(100), port: server.port, limits: .changed { $0.connectionsPerEndpoint = 1 }
    ) {
      let connection = try #require(server.accept())
      _ = connection.readRequestHead()
      #expect(connection.readToEnd() == "", "the server sees that the caller left")
    }
    #expect(records.map { $0.outcome } == [.cancelled, .cancelled])
  }

  /// A sweep may meet the first bytes of a new connection on their way to the socket, long after the host began.
  @Test func aNewConnectionIsNotTakenForAStalledOne() async throws {
    var configuration = LiveConfiguration()
    configuration.limits = .changed {
      $0.pooledIdleTimeout = .milliseconds(1)
      $0.writeStallTimeout = .milliseconds(50)
    }
    let (waves, width) = (60, 16)
    let kept = KeptRecords()
    let host = try LiveHost(
      [
        LiveNodeSpecification(Self.caller, name: "caller", isRecorded: true) {
          WaveMachine(endpoint: Endpoint(1), waves: waves, width: width, every: .milliseconds(12))
        },
        LiveNodeSpecification(NodeID(1), name: "server", listen: .ephemeral) { ReversingMachine(waitsFor: 1) },
      ], configuration, recorder: kept)
    try await host.start()
    #expect(try await eventually { kept.records.exchanges.count >= waves * width })
    await host.stop(grace: .zero)
    let answered = kept.records.exchanges.count { if case .answered = $0.outcome { true } else { false } }
    #expect(answered == waves * width)
  }
}

extension ExchangeOutcome {
  /// The status of an answer; nil where none came.
  fileprivate var status: Int? {
    if case .answered(let response) = self { response.status } else { nil }
  }
}
