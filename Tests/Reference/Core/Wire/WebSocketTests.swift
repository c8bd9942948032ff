// WebSocket frames: RFC 6455's examples, the edge cases of the Autobahn suite, and random streams in random pieces.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct WebSocketTests {
  private func read(
    _ bytes: [UInt8], role: WebSocketRole = .client, maximum: Int = 1 << 20, piece: Int = .max
  ) -> (messages: [WebSocketMessage], code: UInt16?) {
    var reader = WebSocketReader(role: role, maximumMessageBytes: maximum)
    var messages: [WebSocketMessage] = []
    var rest = bytes[...]
    repeat {
      reader.receive(rest.prefix(piece))
      rest = rest.dropFirst(piece)
      do throws(WebSocketError) {
        while let message = try reader.next() { messages.append(message) }
      } catch {
        #expect(throws: error) { try reader.next() }
        return (messages, error.closeCode)
      }
    } while !rest.isEmpty
    return (messages, nil)
  }

  @Test func examplesOfRFC6455() {
    let hello: [UInt8] = [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]
    #expect(WebSocketFrame.text("Hello").encoded() == hello)
    #expect(read(hello).messages == [.text("Hello")])
    let masked: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
    #expect(WebSocketFrame.text("Hello").encoded(maskingKey: 0x37FA_213D) == masked)
    #expect(read(masked, role: .server).messages == [.text("Hello")])
    let fragments: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]
    #expect(read(fragments).messages == [.text("Hello")])
    #expect(WebSocketFrame.fragments(.text, Array("Hello".utf8), maximumBytes: 3).flatMap { $0.encoded() } == fragments)
    #expect(WebSocketFrame.binary([UInt8](repeating: 7, count: 256)).encoded().prefix(4) == [0x82, 0x7E, 0x01, 0x00])
    let large = WebSocketFrame.binary([UInt8](repeating: 7, count: 65_536)).encoded()
    #expect(large.prefix(10) == [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0])
    #expect(read(large).messages == [.binary([UInt8](repeating: 7, count: 65_536))])
  }

  @Test func lengthsAtTheEdges() {
    for count in [0, 1, 7, 8, 9, 125, 126, 127, 128, 65_535, 65_536, 65_537] {
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      #expect(read(WebSocketFrame.binary(payload).encoded(), piece: 1000).messages == [.binary(payload)])
      let masked = WebSocketFrame.binary(payload).encoded(maskingKey: 0xDEAD_BEEF)
      #expect(read(masked, role: .server, piece: 997).messages == [.binary(payload)])
    }
  }

  @Test func controlFramesBetweenFragments() {
    var bytes: [UInt8] = []
    WebSocketFrame(.text, Array("ab".utf8), isFinal: false).append(onto: &bytes)
    WebSocketFrame.ping([1, 2]).append(onto: &bytes)
    WebSocketFrame(.continuation, [], isFinal: false).append(onto: &bytes)
    WebSocketFrame.pong([3]).append(onto: &bytes)
    WebSocketFrame(.continuation, Array("c".utf8)).append(onto: &bytes)
    WebSocketFrame.close(WebSocketClose(code: 1000, reason: "bye")).append(onto: &bytes)
    WebSocketFrame.text("ignored").append(onto: &bytes)
    for piece in [1, 2, 3, 5, .max] {
      let result = read(bytes, piece: piece)
      #expect(result.messages == [.ping([1, 2]), .pong([3]), .text("abc"), .close(WebSocketClose(code: 1000, reason: "bye"))])
      #expect(result.code == nil)
    }
  }

  @Test func violations() {
    let cases: [([UInt8], UInt16, String)] = [
      ([0xC1, 0x00], 1002, "reserved bit 1"), ([0xA1, 0x00], 1002, "reserved bit 2"), ([0x91, 0x00], 1002, "reserved bit 3"),
      ([0x83, 0x00], 1002, "opcode 3"), ([0x87, 0x00], 1002, "opcode 7"), ([0x8B, 0x00], 1002, "opcode 11"),
      ([0x8F, 0x00], 1002, "opcode 15"), ([0x09, 0x00], 1002, "fragmented ping"), ([0x08, 0x00], 1002, "fragmented close"),
      ([0x89, 0x7E, 0x00, 0x7E], 1002, "ping of 126 bytes"), ([0x80, 0x00], 1002, "continuation first"),
      ([0x00, 0x00], 1002, "continuation first, open"), ([0x01, 0x00, 0x81, 0x00], 1002, "text within text"),
      ([0x01, 0x00, 0x02, 0x00], 1002, "binary within text"), ([0x81, 0x00, 0x80, 0x00], 1002, "continuation after the end"),
      ([0x81, 0x80, 0, 0, 0, 0], 1002, "masked by the server"), ([0x82, 0x7E, 0x00, 0x7D], 1002, "16-bit length of 125"),
      ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 1002, "64-bit length of 65,535"),
      ([0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002, "64-bit length with its top bit"),
      ([0x82, 0x7F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 1009, "the longest length"),
      ([0x88, 0x01, 0x03], 1002, "close with one byte"), ([0x88, 0x02, 0x03, 0xE7], 1002, "close 999"),
      ([0x88, 0x02, 0x03, 0xEC], 1002, "close 1004"), ([0x88, 0x02, 0x03, 0xED], 1002, "close 1005"),
      ([0x88, 0x02, 0x03, 0xEE], 1002, "close 1006"), ([0x88, 0x02, 0x03, 0xF7], 1002, "close 1015"),
      ([0x88, 0x02, 0x0B, 0xB7], 1002, "close 2999"), ([0x88, 0x02, 0x13, 0x88], 1002, "close 5000"),
      ([0x88, 0x03, 0x03, 0xE8, 0xFF], 1007, "close reason"), ([0x81, 0x01, 0xFF], 1007, "text of 0xFF"),
      ([0x81, 0x02, 0xC0, 0x80], 1007, "overlong"), ([0x81, 0x03, 0xED, 0xA0, 0x80], 1007, "surrogate"),
      ([0x81, 0x04, 0xF4, 0x90, 0x80, 0x80], 1007, "above U+10FFFF"), ([0x81, 0x01, 0xC3], 1007, "cut character"),
      ([0x01, 0x01, 0xC3, 0x80, 0x01, 0x28], 1007, "wrong continuation over fragments"),
    ]
    for (bytes, code, name) in cases {
      #expect(read(bytes).code == code, "\(name)")
      #expect(read(bytes, piece: 1).code == code, "\(name)")
    }
    #expect(read([0x81, 0x00], role: .server).code == 1002)
  }

  @Test func closeCodesThatMayBeSent() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] as [UInt16] {
      #expect(read(WebSocketFrame.close(WebSocketClose(code: code)).encoded()).messages == [.close(WebSocketClose(code: code))])
    }
    #expect(read(WebSocketFrame.close().encoded()).messages == [.close(WebSocketClose())])
    let long = WebSocketFrame.close(WebSocketClose(code: 1000, reason: String(repeating: "é", count: 100)))
    #expect(long.payload.count == 124)
    #expect(read(long.encoded()).messages == [.close(WebSocketClose(code: 1000, reason: String(repeating: "é", count: 61)))])
  }

  @Test func textFailsAtItsFirstWrongByte() {
    // The message is long and not complete, but its third byte is wrong already.
    #expect(read([0x81, 0x7E, 0x10, 0x00, 0x61, 0x62, 0xFF]).code == 1007)
    // A character over three fragments is fine.
    #expect(read([0x01, 0x01, 0xE2, 0x00, 0x01, 0x82, 0x80, 0x01, 0xAC]).messages == [.text("€")])
  }

  @Test func messagesOverTheLimit() {
    #expect(read(WebSocketFrame.binary([1, 2, 3]).encoded(), maximum: 3).messages == [.binary([1, 2, 3])])
    // By the header alone.
    #expect(read([0x82, 0x04], maximum: 3).code == 1009)
    #expect(read([0x02, 0x02, 1, 2, 0x00, 0x02], maximum: 3).code == 1009)
    // Control frames do not count.
    #expect(read(WebSocketFrame.ping([1, 2, 3, 4]).encoded(), maximum: 3).messages == [.ping([1, 2, 3, 4])])
  }

  @Test(arguments: 0..<200 as Range<UInt64>) func randomStreamsInRandomPieces(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    let role: WebSocketRole = random.chance(1, of: 2) ? .server : .client
    var bytes: [UInt8] = []
    var expected: [WebSocketMessage] = []
    func send(_ frame: WebSocketFrame, _ random: inout RandomStream) {
      frame.append(onto: &bytes, maskingKey: role == .server ? UInt32(truncatingIfNeeded: random.next()) : nil)
    }
    for _ in 0..<(1 + random.index(below: 8)) {
      let isText = random.chance(1, of: 2)
      let text = random.text(maximumScalars: 80)
      let payload = isText ? Array(text.utf8) : random.bytes(random.index(below: 400))
      let frames = WebSocketFrame.fragments(isText ? .text : .binary, payload, maximumBytes: 1 + random.index(below: 100))
      for (index, frame) in frames.enumerated() {
        if index > 0, random.chance(1, of: 5) {
          let ping = random.bytes(random.index(below: 126))
          send(.ping(ping), &random)
          expected.append(.ping(ping))
        }
        send(frame, &random)
      }
      expected.append(isText ? .text(text) : .binary(payload))
    }
    var reader = WebSocketReader(role: role)
    var messages: [WebSocketMessage] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = 1 + random.index(below: 60)
      reader.receive(rest.prefix(count))
      rest = rest.dropFirst(count)
      while let message = try reader.next() { messages.append(message) }
    }
    #expect(messages == expected, "seed \(seed)")
    // Flipped bits are refused or read as something, and never trap.
    for _ in 0..<20 {
      var flipped = bytes
      flipped[random.index(below: flipped.count)] ^= 1 << UInt8(random.index(below: 8))
      _ = read(flipped, role: role, piece: 1 + random.index(below: 50))
    }
  }

  @Test func validatorAgreesWithTheLibraryHoweverItIsCut() {
    for seed in 0..<3000 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      var bytes = Array(random.text(maximumScalars: 20).utf8)
      if random.chance(1, of: 2), !bytes.isEmpty { bytes[random.index(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
      var validator = UTF8Validator()
      var isValid = true
      var rest = bytes[...]
      while !rest.isEmpty, isValid {
        let count = 1 + random.index(below: 20)
        isValid = validator.firstInvalidByte(in: Array(rest.prefix(count)).span) == nil
        rest = rest.dropFirst(count)
      }
      #expect((isValid && validator.isAtBoundary) == (String(validating: bytes, as: UTF8.self) != nil), "seed \(seed)")
    }
  }
}
