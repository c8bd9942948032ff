// Frames by hand: fragments, pings, limits, and what breaks RFC 6455.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

@Suite(.serialized) struct WebSocketTests {
  private static let handshake =
    "GET /socket HTTP/1.1\r\nhost: a\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-version: 13\r\n"
    + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

  /// Answers the handshake by hand.
  private func connect(_ port: Int) throws -> RawClient {
    let client = try RawClient(port: port)
    client.send(Self.handshake)
    let response = try #require(client.readResponse())
    #expect(response.status == 101)
    #expect(response.field("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455")
    return client
  }

  /// One frame of a client, masked.
  private func frame(_ first: UInt8, _ payload: [UInt8], masked: Bool = true) -> [UInt8] {
    let mask: [UInt8] = [1, 2, 3, 4]
    var bytes = [first]
    let flag: UInt8 = masked ? 0x80 : 0
    if payload.count < 126 {
      bytes.append(flag | UInt8(payload.count))
    } else {
      bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    }
    if masked { bytes += mask }
    return bytes + payload.enumerated().map { masked ? $1 ^ mask[$0 % 4] : $1 }
  }

  /// The next short frame of the server.
  private func read(_ client: RawClient) -> (first: UInt8, payload: [UInt8])? {
    let head = client.read(2)
    guard head.count == 2, head[1] < 126 else { return nil }
    return (head[0], client.read(Int(head[1])))
  }

  @Test func fragmentsPingsAndClose() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try connect(port)
      client.send(frame(0x01, Array("he".utf8)) + frame(0x89, [7, 7]) + frame(0x00, Array("ll".utf8)) + frame(0x80, Array("o".utf8)))
      let pong = read(client)
      #expect(pong?.first == 0x8A && pong?.payload == [7, 7])
      let echo = read(client)
      #expect(echo?.first == 0x81 && echo?.payload == Array("hello".utf8))
      client.send(frame(0x88, [0x03, 0xE8]))
      let close = read(client)
      #expect(close?.first == 0x88 && close?.payload == [0x03, 0xE8])
      #expect(client.readToEnd() == "")
    }
  }

  @Test func anEarlyFrameIsNotLost() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send(Array(Self.handshake.utf8) + frame(0x81, Array("early".utf8)))
      #expect(client.readResponse()?.status == 101)
      #expect(read(client)?.payload == Array("early".utf8))
    }
  }

  @Test func whatBreaksTheProtocolIsClosedWithItsCode() async throws {
    let cases: [(String, [UInt8], UInt16)] = [
      ("unmasked", frame(0x81, [0x61], masked: false), 1002),
      ("reserved bit", frame(0xC1, [0x61]), 1002),
      ("reserved opcode", frame(0x83, [0x61]), 1002),
      ("continuation of nothing", frame(0x80, [0x61]), 1002),
      ("text within fragments", frame(0x01, [0x61]) + frame(0x81, [0x61]), 1002),
      ("bad UTF-8", frame(0x81, [0xC3, 0x28]), 1007),
      ("too long", frame(0x82, [UInt8](repeating: 0, count: 1_001)), 1009),
      ("too long in pieces", frame(0x02, [UInt8](repeating: 0, count: 600)) + frame(0x80, [UInt8](repeating: 0, count: 600)), 1009),
    ]
    try await withNode(StubbornMachine()) { port, _, kept in
      for (name, bytes, code) in cases {
        let client = try connect(port)
        client.send(bytes)
        let close = read(client)
        #expect(close?.first == 0x88, "\(name)")
        #expect(close?.payload.prefix(2).reduce(UInt16(0)) { $0 << 8 | UInt16($1) } == code, "\(name)")
        #expect(client.readToEnd() == "", "\(name)")
      }
      #expect(kept.records.defects == [])
    }
  }

  @Test func aSilentPeerIsPingedAndGivenUp() async throws {
    try await withNode(StubbornMachine(), .changed { $0.streams.pingInterval = .milliseconds(50) }) { port, _, _ in
      let client = try connect(port)
      #expect(read(client)?.first == 0x89)
      _ = client.readToEnd()
      #expect(client.isAtEnd)
    }
  }

  @Test func whoPingsWithoutReadingIsAnsweredTheLatestOnly() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port, receiveBufferBytes: 4_096)
      client.send(Self.handshake)
      #expect(client.readResponse()?.status == 101)
      // Far more answers than both systems' buffers hold, while nothing is read; all are taken, since answers pile up
      // nowhere.
      let count = 90_000
      let part = 1_000
      let masked = frame(0x89, [UInt8](repeating: 0, count: 100))
      for start in stride(from: 0, to: count, by: part) {
        var pings: [UInt8] = []
        for number in start..<start + part {
          let place = pings.count + 6
          pings += masked
          for byte in 0..<3 { pings[place + byte] ^= UInt8(truncatingIfNeeded: number >> (16 - 8 * byte)) }
        }
        #expect(client.send(pings) == pings.count)
      }
      client.send(frame(0x81, Array("end".utf8)))
      var pongs = 0
      var latest = -1
      // The answer to the latest waits until there is room, and may come behind what was sent meanwhile.
      while latest < count - 1, let next = read(client) {
        guard next.first == 0x8A else { continue }
        pongs += 1
        let number = next.payload.prefix(3).reduce(0) { $0 << 8 | Int($1) }
        #expect(number > latest)
        latest = number
      }
      #expect(pongs < count * 3 / 4, "\(pongs) answers to \(count) pings that nobody read")
      #expect(latest == count - 1, "the latest ping is answered")
    }
  }

  @Test func aRefusedWebSocketLeavesItsConnectionToTheNextRequest() async throws {
    try await withNode(RefusingSocketMachine(), .changed { $0.idleTimeout = .milliseconds(300) }) { port, _, _ in
      for target in ["/refused", "/accepted"] {
        let client = try RawClient(port: port)
        client.send(Self.handshake.replacing("/socket", with: target))
        #expect(client.readResponse()?.status == (target == "/refused" ? 403 : 200), "\(target)")
        client.send("GET /other HTTP/1.1\r\nhost: a\r\n\r\n")
        // The last chunk, which is no response.
        if target == "/accepted" { _ = client.readResponse() }
        let next = try #require(client.readResponse(), "\(target): nothing answers the next request")
        #expect(next.status == 204)
        // And it is closed once it is idle.
        _ = client.readToEnd()
        #expect(client.isAtEnd)
      }
    }
  }

  @Test func aFullMailboxHoldsSocketsBackAndLosesNothing() async throws {
    try await withNode(CountingSocketMachine(), .changed { $0.mailboxEvents = 4 }) { port, _, _ in
      let client = try connect(port)
      // Empty messages use no credit.
      for _ in 0..<50 { client.send((0..<1_000).flatMap { _ in frame(0x82, []) }) }
      client.send(frame(0x81, Array("count".utf8)))
      #expect(read(client)?.payload == Array("50000".utf8))
    }
  }

  @Test func anIdleSocketCostsNoTurnsAndFewAreTold() async throws {
    try await withNode(CreditCounter()) { port, _, kept in
      let client = try connect(port)
      for number in 0..<20 {
        client.send(frame(0x81, [UInt8](repeating: 0x61, count: 10)))
        #expect(read(client)?.payload.count == 10, "\(number)")
      }
      // Several looks of the host at its time-outs.
      try await Task.sleep(nanoseconds: 900_000_000)
      #expect(kept.records.observations.isEmpty, "credit was told where nothing was blocked")
    }
  }

  @Test func aStopSaysGoingAway() async throws {
    try await withNode(StubbornMachine()) { port, host, _ in
      let client = try connect(port)
      async let stopped: Void = host.stop(grace: .seconds(2))
      #expect(read(client)?.payload == [0x03, 0xE9])
      client.send(frame(0x88, [0x03, 0xE9]))
      #expect(client.readToEnd() == "")
      await stopped
    }
  }

  @Test func oneBufferGoesToManyAndASlowReaderIsLeftOut() async throws {
    try await withNode(FanMachine()) { port, _, kept in
      let readers = try (0..<5).map { _ in try connect(port) }
      let slow = try RawClient(port: port, receiveBufferBytes: 2_048)
      slow.send(Self.handshake)
      #expect(slow.readResponse()?.status == 101)
      readers[0].send(frame(0x81, Array("to all".utf8)))
      for reader in readers + [slow] { #expect(read(reader)?.payload == Array("to all".utf8)) }
      // Bigger messages until the one that reads nothing has no credit left; all others get each of them.
      let payload = [UInt8](repeating: 0x7A, count: 30_000)
      var leftOut = false
      for _ in 0..<2_000 where !leftOut {
        readers[0].send(frame(0x82, payload))
        for reader in readers {
          let bytes = reader.read(4 + payload.count)
          #expect(bytes.count == 4 + payload.count && bytes[0] == 0x82 && bytes.last == 0x7A)
        }
        leftOut = kept.records.observations.contains { $0.observation.value > 0 }
      }
      #expect(leftOut, "the credit of a reader that stands still ends")
      #expect(kept.records.defects == [])
    }
  }
}
