// What a host tells its operator: the two forms of a line, and that what came from outside cannot forge one.

import Foundation
import Hosting
import Logging
import Synchronization
import Testing
import Vocabulary

@testable import Live

struct LogLinesTests {
  private final class Lines: Sendable {
    let kept = Mutex<[String]>([])
    func log(_ format: LogLines.Format, _ level: Logger.Level) -> Logger {
      LogLines.logger(level, LogLines(format) { [self] line in kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) } })
    }
    var all: [String] { kept.withLock { $0 } }
  }

  @Test func textIsALineForPeople() {
    let line = LogLines.textLine("2026-01-02T03:04:05.678901Z", .warning, "it is full", ["node": "a/b", "z": "1", "life": "2"])
    #expect(String(decoding: line, as: UTF8.self) == "windtunnel: 2026-01-02T03:04:05.678901Z warning a/b: it is full life=2 z=1\n")
  }

  @Test func whatCameFromOutsideIsNoLineOfItsOwn() {
    let line = LogLines.textLine("T", .error, "a\nwindtunnel: T critical: forged\u{1B}[2J", ["node": "n", "target": "/\r\n"])
    #expect(line.filter { $0 == 10 }.count == 1 && !line.contains(0x1B) && !line.contains(13))
    let turned = LogLines.textLine("T", .error, "a\u{202E}b\u{9B}2J", [:])
    #expect(String(decoding: turned, as: UTF8.self).hasSuffix(#"a\u{202E}b\u{9B}2J"# + "\n"))
    let json = LogLines.jsonLine("T", .error, "a\n\"}", ["target": "\u{0}\n"])
    #expect(json.filter { $0 == 10 }.count == 1)
  }

  @Test func jsonIsAnObjectALine() throws {
    let line = LogLines.jsonLine("T", .info, "a \"b\"", ["node": "a/b", "level": "own"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: String])
    #expect(object == ["time": "T", "level": "info", "message": "a \"b\"", "node": "a/b", "_level": "own"])
  }

  @Test func timeIsThatOfTheCalendar() {
    #expect(LogLines.time(WallTime(nanoseconds: 0)) == "1970-01-01T00:00:00.000000Z")
    #expect(LogLines.time(WallTime(nanoseconds: 951_827_696_000_001_999)) == "2000-02-29T12:34:56.000001Z")
    #expect(LogLines.time(WallTime(nanoseconds: 4_107_542_399_999_999_999)) == "2100-02-28T23:59:59.999999Z")
  }

  @Test func longMessagesAreCut() {
    let lines = Lines()
    lines.log(.text, .info).info("\(String(repeating: "é", count: LogLines.mostMessageBytes))")
    #expect(lines.all.count == 1 && (lines.all.first?.utf8.count ?? 0) < LogLines.mostMessageBytes + 100)
  }

  /// A node's life and answers, at each level: what is below the level is not written.
  @Test(arguments: [Logger.Level.warning, .info, .debug]) func aHostTells(level: Logger.Level) async throws {
    let lines = Lines()
    var configuration = LiveConfiguration()
    configuration.log = lines.log(.json, level)
    let node = LiveNodeSpecification(NodeID(0), name: "s/echo", listen: .ephemeral) { Answerer() }
    let host = try LiveHost([node], configuration)
    try await host.start()
    let port = try #require(host.address(of: NodeID(0))?.port)
    let client = try RawClient(port: port)
    client.send("GET /a?b=c HTTP/1.1\r\nhost: a\r\nauthorization: secret\r\nconnection: close\r\n\r\n")
    #expect(client.readResponse()?.status == 200)
    await host.stop(grace: .milliseconds(200))
    let all = lines.all
    let objects = try all.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String]) }
    #expect(objects.allSatisfy { $0["node"] == "s/echo" })
    #expect(objects.contains { $0["message"] == "listens" } == (level <= .info))
    #expect(objects.contains { $0["message"] == "begins a life" && $0["life"] == "0" } == (level <= .info))
    #expect(objects.contains { $0["message"] == "has stopped" } == (level <= .info))
    let answers = objects.filter { $0["message"] == "answers" }
    #expect(answers.count == (level <= .debug ? 1 : 0))
    if let one = answers.first {
      #expect(one["method"] == "GET" && one["target"] == "/a?b=c" && one["status"] == "200" && one["body_bytes"] == "2")
      #expect(Int(one["microseconds"] ?? "") != nil)
    }
    #expect(!all.contains { $0.contains("secret") }, "a header was logged")
  }
}

/// Answers all requests.
private struct Answerer: Machine {
  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .request(let id, _) = event { turn.reply(id, Response(status: 200, body: [1, 2])) }
  }
}
