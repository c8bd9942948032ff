// The classes of cases of the public WebSocket suite (framing, pings and pongs, reserved bits, opcodes, fragmentation,
// UTF-8 and where it fails, closes and their codes, sizes), driven by hand against an echo: bytes in any pieces, and what
// comes back. Extensions are not offered, and so not tested.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

/// A WebSocket by hand.
private final class HandSocket {
  let client: RawClient

  init(port: Int, target: String = "/echo") throws {
    client = try RawClient(port: port)
    client.send(
      "GET \(target) HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    guard client.readResponse()?.status == 101 else { throw RawClient.Failure(what: "no WebSocket") }
  }

  /// One frame as a client sends it; `bits` are the reserved ones.
  static func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, bits: UInt8 = 0, mask: [UInt8] = [9, 8, 7, 6]) -> [UInt8] {
    var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | bits << 4 | opcode]
    switch payload.count {
    case ..<126: bytes.append(0x80 | UInt8(payload.count))
    case ..<65_536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    default: bytes += [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  struct Frame: Equatable {
    var first: UInt8
    var payload: [UInt8]
    static func close(_ code: UInt16, _ reason: String = "") -> Frame {
      Frame(first: 0x88, payload: [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8))
    }
    static func text(_ text: String) -> Frame { Frame(first: 0x81, payload: Array(text.utf8)) }
    static func binary(_ bytes: [UInt8]) -> Frame { Frame(first: 0x82, payload: bytes) }
    static func pong(_ bytes: [UInt8]) -> Frame { Frame(first: 0x8A, payload: bytes) }
  }

  /// The next frame of the server, or nil at the end of the connection.
  func next() -> Frame? {
    let head = client.read(2)
    guard head.count == 2 else { return nil }
    var count = Int(head[1])
    if count == 126 {
      count = client.read(2).reduce(0) { $0 << 8 | Int($1) }
    } else if count == 127 {
      count = client.read(8).reduce(0) { $0 << 8 | Int($1) }
    }
    return Frame(first: head[0], payload: client.read(count))
  }

  /// Sends `bytes` in pieces of `piece`.
  func send(_ bytes: [UInt8], piece: Int = .max) {
    var rest = bytes[...]
    while !rest.isEmpty {
      client.send(Array(rest.prefix(piece)))
      rest = rest.dropFirst(piece)
    }
  }

  /// All that the server sends until it closes.
  func all() -> [Frame] {
    var frames: [Frame] = []
    while let frame = next() { frames.append(frame) }
    return frames
  }
}

@Suite(.serialized) struct WebSocketConformanceTests {
  private typealias Frame = HandSocket.Frame
  private func text(_ text: String) -> [UInt8] { HandSocket.frame(1, Array(text.utf8)) }
  private static let closeFrame = HandSocket.frame(8, [0x03, 0xE8])

  /// Sends `bytes`, and then a close: what comes back before the connection ends.
  private func answers(_ port: Int, _ bytes: [UInt8], piece: Int = .max, closing: Bool = true, target: String = "/echo") -> [Frame] {
    do {
      let socket = try HandSocket(port: port, target: target)
      socket.send(bytes + (closing ? Self.closeFrame : []), piece: piece)
      return socket.all()
    } catch {
      Issue.record("no connection: \(error)")
      return []
    }
  }

  @Test func messagesOfAllSizesComeBack() async throws {
    try await withNode(StreamProbe()) { port, _, kept in
      for count in [0, 1, 125, 126, 127, 128, 4_096, 65_535, 65_536, 65_537, 1_048_576] {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(answers(port, HandSocket.frame(2, payload)) == [.binary(payload), .close(1_000)], "\(count) bytes")
        let ascii = payload.map { 0x20 + $0 % 0x5F }
        let back = answers(port, HandSocket.frame(1, ascii), piece: max(997, count / 20))
        #expect(back == [Frame(first: 0x81, payload: ascii), .close(1_000)], "\(count) bytes of text")
      }
      #expect(kept.records.defects == [])
    }
  }

  @Test func pingsAreAnsweredWithTheirPayload() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      for count in [0, 1, 124, 125] {
        let payload = (0..<count).map { UInt8($0) }
        for piece in [1, .max] {
          #expect(answers(port, HandSocket.frame(9, payload), piece: piece) == [.pong(payload), .close(1_000)])
        }
      }
      let many = (0..<10).flatMap { HandSocket.frame(9, [UInt8($0)]) }
      #expect(answers(port, many) == (0..<10).map { .pong([UInt8($0)]) } + [.close(1_000)])
      // Pongs that nobody asked for are nothing.
      #expect(answers(port, HandSocket.frame(10, [1, 2]) + HandSocket.frame(9, [3])) == [.pong([3]), .close(1_000)])
      #expect(answers(port, HandSocket.frame(9, [UInt8](repeating: 1, count: 126))) == [.close(1_002)])
    }
  }

  @Test func whatBreaksFramingIsClosedWith1002() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      for bits in 1...7 as ClosedRange<UInt8> {
        for opcode in [1, 2, 8, 9, 10] as [UInt8] {
          let bytes = text("before") + HandSocket.frame(opcode, [], bits: bits) + text("after")
          #expect(answers(port, bytes).last == .close(1_002), "bits \(bits) opcode \(opcode)")
        }
      }
      for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] {
        #expect(answers(port, text("a") + HandSocket.frame(opcode, [1])).last == .close(1_002), "opcode \(opcode)")
      }
      let cases: [(String, [UInt8])] = [
        ("fragmented ping", HandSocket.frame(9, [1], isFinal: false)), ("fragmented pong", HandSocket.frame(10, [1], isFinal: false)),
        ("fragmented close", HandSocket.frame(8, [], isFinal: false)), ("continuation of nothing", HandSocket.frame(0, [1])),
        ("open continuation of nothing", HandSocket.frame(0, [1], isFinal: false)),
        ("text in text", HandSocket.frame(1, [0x61], isFinal: false) + HandSocket.frame(1, [0x62])),
        ("binary in text", HandSocket.frame(1, [0x61], isFinal: false) + HandSocket.frame(2, [0x62])),
        ("continuation after the end", text("a") + HandSocket.frame(0, [0x62])), ("no mask", [0x81, 0x01, 0x61]),
        ("length not shortest, 16 bits", [0x82, 0xFE, 0x00, 0x7D, 0, 0, 0, 0]),
        ("length not shortest, 64 bits", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]),
        ("length with its top bit", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      ]
      for (name, bytes) in cases {
        for piece in [1, .max] { #expect(answers(port, bytes, piece: piece, closing: false).last == .close(1_002), "\(name)") }
      }
    }
  }

  @Test func fragmentsAreJoinedAndPingsComeBetween() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      for piece in [1, 3, .max] {
        let bytes =
          HandSocket.frame(1, Array("frag".utf8), isFinal: false) + HandSocket.frame(9, [7]) + HandSocket.frame(0, [], isFinal: false)
          + HandSocket.frame(10, [8]) + HandSocket.frame(0, Array("ment".utf8)) + HandSocket.frame(2, [], isFinal: false)
          + HandSocket.frame(0, [1]) + HandSocket.frame(0x1, [], isFinal: false) + HandSocket.frame(0, [])
        #expect(answers(port, bytes, piece: piece) == [.pong([7]), .text("fragment"), .binary([1]), .text(""), .close(1_000)])
      }
      // A message in a thousand fragments.
      let payload = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
      let pieces = stride(from: 0, to: payload.count, by: 100).flatMap { (start: Int) -> [UInt8] in
        HandSocket.frame(start == 0 ? 2 : 0, Array(payload[start..<start + 100]), isFinal: start + 100 == payload.count)
      }
      #expect(answers(port, pieces) == [.binary(payload), .close(1_000)])
    }
  }

  @Test func textsAreHeldAgainstUTF8AtEachByte() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      for valid in [
        "κόσμε", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFD}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
        "Hello-µ@ßöäüàá-UTF-8!!",
      ] {
        let bytes = Array(valid.utf8)
        let split = bytes.enumerated().flatMap {
          HandSocket.frame($0.offset == 0 ? 1 : 0, [$0.element], isFinal: $0.offset == bytes.count - 1)
        }
        for (frames, piece) in [(HandSocket.frame(1, bytes), 1), (HandSocket.frame(1, bytes), .max), (split, .max), (split, 2)] {
          #expect(answers(port, frames, piece: piece) == [.text(valid), .close(1_000)], "\(bytes)")
        }
      }
      let invalid: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xF0, 0x80, 0x80, 0x80],
        [0xF0, 0x8F, 0xBF, 0xBF],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xF8, 0x88], [0xFC, 0x84], [0xFE], [0xFF], [0x61, 0xC3],
        [0xE2, 0x82], [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 0x65],
      ]
      for bytes in invalid {
        for piece in [1, .max] { #expect(answers(port, HandSocket.frame(1, bytes), piece: piece) == [.close(1_007)], "\(bytes)") }
      }
      // At its first wrong byte, in a fragment, and in a frame, that are not complete.
      #expect(answers(port, HandSocket.frame(1, [0x61, 0xFF], isFinal: false), closing: false) == [.close(1_007)])
      var unfinished = HandSocket.frame(1, [0xCE, 0xBA, 0xF4, 0x90] + [UInt8](repeating: 0x61, count: 100))
      unfinished.removeLast(100)
      #expect(answers(port, unfinished, piece: 1, closing: false) == [.close(1_007)])
    }
  }

  @Test func closesAreAnsweredAndTheirCodesJudged() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      for code in [1_000, 1_001, 1_002, 1_003, 1_007, 1_008, 1_009, 1_010, 1_011, 1_012, 1_013, 1_014, 3_000, 3_999, 4_000, 4_999]
        as [UInt16]
      {
        let reason = String(repeating: "r", count: code == 1_000 ? 123 : 3)
        let payload = Frame.close(code, reason).payload
        #expect(answers(port, HandSocket.frame(8, payload) + text("ignored"), closing: false) == [.close(code, reason)], "\(code)")
      }
      for code in [0, 999, 1_004, 1_005, 1_006, 1_015, 1_016, 1_100, 2_000, 2_999, 5_000, 65_535] as [UInt16] {
        #expect(answers(port, HandSocket.frame(8, Frame.close(code).payload), closing: false) == [.close(1_002)], "\(code)")
      }
      #expect(answers(port, HandSocket.frame(8, []), closing: false) == [Frame(first: 0x88, payload: [])], "no code")
      #expect(answers(port, HandSocket.frame(8, [3]), closing: false) == [.close(1_002)], "half a code")
      #expect(answers(port, HandSocket.frame(8, [3, 0xE8, 0xC3, 0x28]), closing: false) == [.close(1_007)], "a reason that is no text")
      let long = HandSocket.frame(8, Frame.close(1_000, String(repeating: "r", count: 124)).payload)
      #expect(answers(port, long, closing: false) == [.close(1_002)], "a reason that is too long")
      #expect(answers(port, Self.closeFrame + HandSocket.frame(9, [1]), closing: false) == [.close(1_000)], "a ping behind a close")
      let half = HandSocket.frame(1, Array("half".utf8), isFinal: false)
      #expect(answers(port, half) == [.close(1_000)], "a close within a message")
    }
  }

  @Test func messagesOverTheLimitAreRefusedByTheirHeads() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      func small(_ bytes: [UInt8]) -> [Frame] { answers(port, bytes, closing: false, target: "/small") }
      #expect(small(HandSocket.frame(2, [UInt8](repeating: 1, count: 100)) + Self.closeFrame).count == 2)
      // The head alone is enough.
      #expect(small([0x82, 0x80 | 101, 0, 0, 0, 0]) == [.close(1_009)])
      #expect(small([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]) == [.close(1_009)])
      let pieces =
        HandSocket.frame(2, [UInt8](repeating: 1, count: 60), isFinal: false) + HandSocket.frame(0, [UInt8](repeating: 1, count: 60))
      #expect(small(pieces) == [.close(1_009)])
    }
  }

  /// Random messages in random fragments and pieces come back; with a bit flipped, they do or are refused, and nothing
  /// breaks.
  @Test func randomStreamsInRandomPieces() async throws {
    try await withNode(StreamProbe()) { port, _, kept in
      for seed in 0..<150 as Range<UInt64> {
        var random = RandomStream(seed: seed)
        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }
        var bytes: [UInt8] = []
        var expected: [Frame] = []
        for _ in 0..<(1 + below(6)) {
          let isText = below(2) == 0
          let payload = isText ? Array(String(repeating: "aé€𝄞", count: below(40)).utf8) : (0..<below(400)).map { _ in UInt8(below(256)) }
          let size = 1 + below(90)
          var start = 0
          repeat {
            let end = min(payload.count, start + size)
            let mask = (0..<4).map { _ in UInt8(below(256)) }
            bytes += HandSocket.frame(
              start == 0 ? (isText ? 1 : 2) : 0, Array(payload[start..<end]), isFinal: end == payload.count, mask: mask)
            start = end
            if below(6) == 0, start < payload.count {
              let ping = [UInt8(below(256))]
              bytes += HandSocket.frame(9, ping)
              expected.append(.pong(ping))
            }
          } while start < payload.count
          expected.append(isText ? Frame(first: 0x81, payload: payload) : .binary(payload))
        }
        // Pongs are the host's own, and may come before the machine's answers to earlier messages.
        let back = answers(port, bytes, piece: 1 + below(200))
        #expect(back.last == .close(1_000), "seed \(seed)")
        for isPong in [true, false] {
          #expect(
            back.dropLast().filter { ($0.first == 0x8A) == isPong } == expected.filter { ($0.first == 0x8A) == isPong }, "seed \(seed)")
        }
        bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
        let socket = try HandSocket(port: port)
        socket.send(bytes)
        socket.client.shutdownOutput()
        _ = socket.all()
      }
      #expect(answers(port, text("still here")) == [.text("still here"), .close(1_000)])
      #expect(kept.records.defects == [])
    }
  }
}
