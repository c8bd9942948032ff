// Bodies that stop half-way: they lose their space, and neither other clients nor other services are kept out by them.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

@Suite(.serialized) struct BodySpaceTests {
  /// A connection that has sent `bytes` of a body of `length`.
  private func sent(_ bytes: Int, of length: Int, to port: Int) throws -> RawClient {
    let client = try RawClient(port: port)
    let text = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: \(length)\r\n\r\n\(String(repeating: "a", count: bytes))"
    // All of it is under way before anything is concluded from it, however busy the machine is; who refuses it may hang
    // up.
    client.send(text, patienceMilliseconds: 60_000)
    return client
  }

  private func status(ofBody bytes: Int, _ port: Int) throws -> Int? { try sent(bytes, of: bytes, to: port).readResponse()?.status }

  @Test func uploadsThatStopHalfWayKeepNobodyOut() async throws {
    // As eight of 8 MiB and the ordinary bounds, a hundred times smaller.
    let limits = LiveLimits.changed {
      $0.requestBodyBytes = 640_000
      $0.pressedBodyWindow = .milliseconds(100)
    }
    try await withNode(StubbornMachine(), limits) { port, _, _ in
      let stopped = try (0..<8).map { _ in try sent(40_000, of: 80_000, to: port) }
      #expect(try await eventually { try status(ofBody: 80_000, port) == 200 })
      let refused = stopped.compactMap { $0.readMore(patienceMilliseconds: 2_000) ? $0.readResponse() : nil }
      #expect(!refused.isEmpty && refused.allSatisfy { $0.status == 408 && $0.field("connection") == "close" })
      #expect(refused.first?.text.contains("REQUEST_TIMEOUT") == true)
      for _ in 0..<10 { #expect(try status(ofBody: 80_000, port) == 200, "their space is there again") }
    }
  }

  @Test func aBodyThatTricklesIsCutOffThoughNobodyElseComes() async throws {
    let limits = LiveLimits.changed {
      $0.bodyWindow = .milliseconds(60)
      $0.bodyBytesPerWindow = 2_000
    }
    try await withNode(StubbornMachine(), limits) { port, _, _ in
      let client = try sent(40_000, of: 80_000, to: port)
      #expect(try await eventually { client.send([0x61]) == 0 || client.readMore(patienceMilliseconds: 5) })
      #expect(client.readResponse()?.status == 408, "a byte now and then is no pace")
      #expect(try status(ofBody: 80_000, port) == 200)
    }
  }

  @Test func aBodyThatIsKeptEndsWithinItsTime() async throws {
    let limits = LiveLimits.changed {
      $0.bodyTimeout = .milliseconds(200)
      $0.bodyBytesPerWindow = 1
    }
    try await withNode(StubbornMachine(), limits) { port, _, _ in
      let client = try sent(10, of: 80_000, to: port)
      #expect(try await eventually { client.send([0x61, 0x61]) == 0 || client.readMore(patienceMilliseconds: 5) })
      #expect(client.readResponse()?.status == 408)
    }
  }

  @Test func oneServiceAndOneConnectionTakeNoMoreThanTheirShare() async throws {
    var configuration = LiveConfiguration()
    configuration.log = Notices().log
    configuration.limits.requestBodyBytes = 100_000
    configuration.limits.requestBodyBytesPerConnection = 50_000
    configuration.limits.pressedBodyWindow = .seconds(600)
    let nodes = [NodeID(0), NodeID(1)]
    let host = try LiveHost(nodes.map { LiveNodeSpecification($0, name: "\($0)", listen: .ephemeral) { StubbornMachine() } }, configuration)
    try await host.start()
    let ports = nodes.map { host.address(of: $0)?.port ?? 0 }
    var waiting = try sent(99_000, of: 100_000, to: ports[0])
    let isRefused = try await eventually {
      // On a busy machine a later body may be read in the midst of it, and then it is this one that finds no space.
      if waiting.readMore(patienceMilliseconds: 0) || waiting.isAtEnd { waiting = try sent(99_000, of: 100_000, to: ports[0]) }
      return try status(ofBody: 40_000, ports[0]) == 503
    }
    #expect(isRefused)
    #expect(try status(ofBody: 100_000, ports[1]) == 200, "another service has its own share")
    waiting.close()
    #expect(try await eventually { try status(ofBody: 100_000, ports[0]) == 200 })
    // Both in one piece, so that no turn comes between them.
    let pipelining = try RawClient(port: ports[1])
    let whole = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 30000\r\n\r\n\(String(repeating: "a", count: 30_000))"
    pipelining.send(whole + whole)
    #expect(pipelining.readResponse()?.status == 200)
    let second = pipelining.readResponse()?.status
    #expect(second == 200 || second == 503, "whether the first was taken before the second came is the loop's affair")
    await host.stop(grace: .zero)
  }

  @Test func halfMessagesOfWebSocketsAreCounted() async throws {
    let limits = LiveLimits.changed {
      $0.requestBodyBytes = 200_000
      $0.pressedBodyWindow = .milliseconds(100)
    }
    try await withNode(SocketMachine(), limits) { port, _, _ in
      // One holds a frame that is not complete, one a message of fragments.
      let frames: [[UInt8]] = [
        [0x82, 0xFF, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 90_000),
        [0x02, 0xFF, 0, 0, 0, 0, 0, 0x01, 0x5F, 0x90, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 90_000),
      ]
      let sockets = try frames.map { bytes in
        let client = try RawClient(port: port)
        client.send(
          "GET /socket HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
            + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        #expect(client.readResponse()?.status == 101)
        client.send(bytes)
        return client
      }
      #expect(try await eventually { try status(ofBody: 180_000, port) == 200 }, "half messages give way")
      for client in sockets { #expect(client.read(4) == [0x88, 0x02, 0x03, 0xF0], "closed with 1008") }
    }
  }
}

/// Takes WebSockets at /socket, and whole bodies elsewhere.
private struct SocketMachine: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake {
    head.target == "/socket" ? .webSocket(limitBytes: 1 << 20) : .whole(limitBytes: 1 << 20)
  }

  func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request): turn.reply(id, Response(status: 200, body: request.body))
    case .stream(let id, .opened): turn.accept(id, ResponseHead(status: 101))
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}
