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
    // A phrase is for people, in whatever encoding (RFC 9112, section 4).
    for phrase in ["Kein\tInhalt, schön", "\u{1F600}", " "] {
      #expect(try await outcome(whenAnswered: "HTTP/1.1 204 \(phrase)\r\n\r\n") == .answered(Response(status: 204)), "\(phrase)")
    }
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
    for line in ["HTTP/1.1 200 a\u{1}b", "HTTP/1.1 200 a\u{7F}", "HTTP/1.1 2\u{E9}0 x", "HTTP/1.\u{E9} 200 x"] {
      #expect(try await outcome(whenAnswered: "\(line)\r\ncontent-length: 0\r\n\r\n") == .failed(.malformedResponse), "\(line)")
    }
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

  /// The caller's own machine moves the endpoint while a call to it is under way, or while it is being connected to: what
  /// is called from then on is called where it is now.
  @Test(arguments: [false, true]) func anEndpointThatMovesIsCalledWhereItIs(_ whileConnecting: Bool) async throws {
    let (old, new) = (try RawServer(), try RawServer())
    let port = new.port
    var configuration = LiveConfiguration()
    configuration.limits.connectionsPerEndpoint = 1
    configuration.directory[Self.outside] = Destination(.http, HostAndPort(host: "old.test", port: old.port), namedBy: .operator)
    let released = Released()
    if !whileConnecting { released.release() }
    configuration.lookUp = { _ in
      released.wait()
      return [IPAddress(127, 0, 0, 1)]
    }
    let kept = KeptRecords()
    let host = try LiveHost(
      [
        LiveNodeSpecification(Self.caller, name: "caller", isRecorded: true) {
          MovingMachine(endpoint: Self.outside, to: "127.0.0.1:\(port)@1")
        }
      ], configuration, recorder: kept)
    try await host.start()
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    var first: RawClient?
    if !whileConnecting {
      let accepted = try #require(old.accept())
      #expect(accepted.readRequestHead()?.hasPrefix("GET /0 ") == true)
      first = accepted
    }
    #expect(try await eventually { kept.records.observations.contains { $0.observation.fact == .probe } }, "it has moved")
    released.release()
    first?.send(answer)
    let second = try #require(new.accept(), "nobody calls where it is now")
    for number in (whileConnecting ? 0 : 1)...1 {
      #expect(second.readRequestHead()?.hasPrefix("GET /\(number) ") == true)
      second.send(answer)
    }
    if let first { #expect(first.readToEnd() == "", "a connection that leads elsewhere is kept") }
    #expect(try await eventually { kept.records.exchanges.count == 2 })
    await host.stop(grace: .zero)
    #expect(kept.records.exchanges.map { $0.outcome.status } == [200, 200])
  }

  /// A server that says that it closes, beside something else, means it.
  @Test func aConnectionThatIsToCloseIsNotUsedAgain() async throws {
    let server = try RawServer()
    let calls = (0..<2).map { (Self.outside, Request(.post, "/\($0)")) }
    let records = try await outcomes(of: calls, port: server.port, limits: .changed { $0.connectionsPerEndpoint = 1 }) {
      let first = try #require(server.accept())
      _ = first.readRequestHead()
      first.send("HTTP/1.1 200 OK\r\nconnection: keep-alive, Close\r\ncontent-length: 0\r\n\r\n")
      #expect(first.readToEnd() == "", "it is used again, or kept")
      let second = try #require(server.accept())
      #expect(try #require(second.readRequestHead()).hasPrefix("POST /1 "))
      second.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    }
    #expect(records.map { $0.outcome.status } == [200, 200])
  }

  /// What a server answers to the key of a WebSocket.
  private func accept(key: String) async throws -> String? {
    try await withNode(CountingSocketMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send(
        "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
          + "sec-websocket-key: \(key)\r\n\r\n")
      return client.readResponse()?.field("sec-websocket-accept")
    }
  }

  /// An answer of 101 begins a WebSocket only where it is what was asked for (RFC 6455, section 4.1).
  @Test(
    arguments: [
      ("upgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n", nil, true), ("upgrade: websocket\r\n", nil, false),
      ("upgrade: websocket\r\nconnection: close\r\n", nil, false), ("connection: upgrade\r\n", nil, false),
      ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-extensions: permessage-deflate\r\n", nil, false),
      ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: chat\r\n", nil, false),
      ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: chat\r\n", "other, chat", true),
      ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: Chat\r\n", "other, chat", false),
      ("upgrade: websocket\r\nconnection: upgrade\r\n", "other, chat", true),
    ] as [(String, String?, Bool)])
  func anUpgradeIsWhatWasAskedFor(_ fields: String, _ protocols: String?, _ isTaken: Bool) async throws {
    let server = try RawServer()
    var configuration = LiveConfiguration()
    configuration.directory[Self.outside] = Destination(NetworkAddress(host: "127.0.0.1", port: server.port))
    let kept = KeptRecords()
    let host = try LiveHost(
      [
        LiveNodeSpecification(Self.caller, name: "caller", isRecorded: true) {
          UpgradingMachine(endpoint: Self.outside, protocols: protocols)
        }
      ], configuration, recorder: kept)
    try await host.start()
    let connection = try #require(server.accept())
    let head = try #require(connection.readRequestHead())
    let line = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("sec-websocket-key: ") })
    let accept = try #require(try await accept(key: String(line.dropFirst("sec-websocket-key: ".count))))
    // Closed with 1000 at once.
    connection.send(
      Array("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: \(accept)\r\n\(fields)\r\n".utf8) + [0x88, 2, 3, 0xE8])
    #expect(try await eventually { kept.records.streams.count == 1 })
    await host.stop(grace: .zero)
    #expect(kept.records.streams.first?.outcome == (isTaken ? .finished(.normal) : .failed(.malformedResponse)))
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

/// Calls an endpoint, says 50 ms later that it is elsewhere, and calls it again; states when it moved.
private struct MovingMachine: Machine {
  let endpoint: Endpoint
  let address: String

  init(endpoint: Endpoint, to address: String) {
    self.endpoint = endpoint
    self.address = address
  }

  func start(_ turn: inout Turn) throws(StartRefusal) {
    _ = turn.call(endpoint, Request(.get, "/0"))
    _ = turn.wake(after: .milliseconds(50))
  }

  func handle(_ event: Event, _ turn: inout Turn) {
    guard case .timer = event else { return }
    turn.locate(endpoint, at: address)
    _ = turn.call(endpoint, Request(.get, "/1"))
    turn.observe(.probe, subject: 1)
  }
}

/// Opens a WebSocket.
private struct UpgradingMachine: Machine {
  let endpoint: Endpoint
  let protocols: String?

  func start(_ turn: inout Turn) throws(StartRefusal) {
    var head = RequestHead(method: .get, target: "/socket")
    if let protocols { head.headers.append("sec-websocket-protocol", protocols) }
    _ = turn.open(endpoint, head, webSocket: true)
  }

  func handle(_ event: Event, _ turn: inout Turn) {}
}
