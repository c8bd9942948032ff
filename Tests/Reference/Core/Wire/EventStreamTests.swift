// Server-sent events: the examples of the HTML Living Standard, and random events in random pieces.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct EventStreamTests {
  private func read(_ text: String, piece: Int = .max) throws -> [ServerSentEvent] {
    var reader = EventStreamReader()
    var events: [ServerSentEvent] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      events += try reader.receive(rest.prefix(piece))
      rest = rest.dropFirst(piece)
    }
    return events
  }

  @Test func examplesOfTheStandard() throws {
    for piece in [1, 2, 3, .max] {
      #expect(try read("data: YHOO\ndata: +2\ndata: 10\n\n", piece: piece) == [ServerSentEvent(data: "YHOO\n+2\n10")])
      let second = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
      #expect(
        try read(second, piece: piece) == [
          ServerSentEvent(data: "first event", lastEventID: "1"), ServerSentEvent(data: "second event"),
          ServerSentEvent(data: " third event"),
        ])
      #expect(try read("data\n\ndata\ndata\n\ndata:", piece: piece) == [ServerSentEvent(data: ""), ServerSentEvent(data: "\n")])
      #expect(try read("data:test\n\ndata: test\n\n", piece: piece) == [ServerSentEvent(data: "test"), ServerSentEvent(data: "test")])
    }
  }

  @Test func lineEndsMarksTypesAndIds() throws {
    for piece in [1, 2, .max] {
      #expect(
        try read("\u{FEFF}event: add\r\ndata: 73\r\r\nevent: gone\rdata: x\r\rdata: y\n\n", piece: piece) == [
          ServerSentEvent(type: "add", data: "73"), ServerSentEvent(type: "gone", data: "x"), ServerSentEvent(data: "y"),
        ])
      #expect(
        try read("id: 7\ndata: a\n\nid: b\0c\ndata: d\n\nevent: e\n\ndata: f\n\n", piece: piece).map(\.lastEventID) == ["7", "7", "7"])
      #expect(try read("unknown: 1\n data: 2\nData: 3\ndata : 4\n\n", piece: piece) == [], "names are exact")
    }
    var reader = EventStreamReader()
    for (line, expected) in [("retry: 250", 250), ("retry: x1", 250), ("retry: -1", 250), ("retry:", 250), ("retry: 9", 9)]
      as [(String, Int64)]
    {
      _ = try reader.receive("\(line)\n".utf8)
      #expect(reader.retryMilliseconds == expected, "\(line)")
    }
    #expect(try read("data: \u{FFFD}\n\n") == [ServerSentEvent(data: "\u{FFFD}")])
    #expect(try reader.receive([0x64, 0x61, 0x74, 0x61, 0x3A, 0xFF, 0x0A, 0x0A]) == [ServerSentEvent(data: "\u{FFFD}")])
  }

  @Test func anEventWithoutEndIsRefused() throws {
    var reader = EventStreamReader(limitBytes: 100)
    #expect(try reader.receive("data: \(String(repeating: "a", count: 80))\n\n".utf8).count == 1)
    #expect(throws: EventStreamMistake.eventTooLong(limitBytes: 100)) {
      _ = try reader.receive("data: \(String(repeating: "a", count: 80))\ndata: \(String(repeating: "b", count: 80))\n\n".utf8)
    }
    #expect(throws: EventStreamMistake.eventTooLong(limitBytes: 100)) { _ = try reader.receive("\n\n".utf8) }
    var endless = EventStreamReader(limitBytes: 100)
    #expect(throws: EventStreamMistake.eventTooLong(limitBytes: 100)) { _ = try endless.receive([UInt8](repeating: 0x61, count: 101)) }
  }

  @Test func whatIsWrittenIsReadHoweverItIsCut() throws {
    for seed in 0..<500 as Range<UInt64> {
      var random = RandomStream(seed: seed)
      var bytes: [UInt8] = []
      var expected: [ServerSentEvent] = []
      var lastID = ""
      for _ in 0..<(1 + random.index(below: 6)) {
        var data = random.text(maximumScalars: 40)
        if random.chance(1, of: 2) { data += "\nsecond: line\r\nthird\rid: forged" }
        let type = random.chance(1, of: 2) ? "type\(random.index(below: 9))" : nil
        let id = random.chance(1, of: 3) ? "id\(random.index(below: 9))" : random.chance(1, of: 3) ? "a\nb" : nil
        if let id, !id.contains("\n") { lastID = id }
        if random.chance(1, of: 3) { bytes += EventStreamWriter.comment("keep\ndata: forged") }
        bytes += EventStreamWriter.event(type: type, id: id, data)
        let lines = data.replacing("\r\n", with: "\n")
        let joined = String(decoding: lines.utf8.map { $0 == 0x0D ? 0x0A : $0 }, as: UTF8.self)
        expected.append(ServerSentEvent(type: type ?? "message", data: joined, lastEventID: lastID))
      }
      var reader = EventStreamReader()
      var events: [ServerSentEvent] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = 1 + random.index(below: 30)
        events += try reader.receive(rest.prefix(count))
        rest = rest.dropFirst(count)
      }
      #expect(events.map { Array($0.data.utf8) } == expected.map { Array($0.data.utf8) }, "seed \(seed)")
      #expect(events == expected, "seed \(seed)")
    }
  }
}
