// The adapter for servers that speak RESP, against a small one of the test's own: what goes over the wire, and what becomes
// of a server that is away, of another version, silent, or talks nonsense.

import Hosting
import Live
import Testing
import Vocabulary
import Wire

@Suite(.serialized) struct RESPAdapterTests {
  private static let hello = "%1\r\n+server\r\n+test\r\n"

  /// Says hello, and echoes the second word of each command.
  private static let echo: RESPServer.Manners = { words, _ in
    words[0] == "HELLO" ? hello : "$\(words[1].utf8.count)\r\n\(words[1])\r\n"
  }

  @Test func commandsOfManyRequestsGoOverOneConnection() async throws {
    let server = try RESPServer(Self.echo)
    let answers = try await answersOfRESP(
      port: server.port, [commands(["E", "a"], ["E", "b\r\n"]), commands(["E", "c"]), commands(["E", ""])], atOnce: true)
    #expect(answers.map(\.status) == [200, 200, 200])
    #expect(answers.map(\.text) == ["$1\r\na\r\n$3\r\nb\r\n\r\n", "$1\r\nc\r\n", "$0\r\n\r\n"])
    #expect(server.heard.map(\.connection) == [0, 0, 0, 0, 0])
    #expect(server.heard.first?.words == ["HELLO", "3"])
    #expect(Set(server.heard.dropFirst().map { $0.words[1] }) == ["a", "b\r\n", "c", ""])
  }

  @Test func aServerOfVersionTwoIsSpokenWithToo() async throws {
    let server = try RESPServer { words, _ in words[0] == "HELLO" ? "-ERR unknown command 'HELLO'\r\n" : "*2\r\n$-1\r\n-ERR no\r\n" }
    let answers = try await answersOfRESP(port: server.port, [commands(["X"])])
    // As version 3 has it.
    #expect(answers.map(\.text) == ["*2\r\n_\r\n-ERR no\r\n"])
  }

  @Test func aServerThatWantsAPasswordIsAway() async throws {
    let server = try RESPServer { _, _ in "-NOAUTH Authentication required.\r\n" }
    let answer = try #require(try await answersOfRESP(port: server.port, [commands(["X"])]).first)
    #expect(answer.status == 503 && answer.text.contains("NOAUTH"))
    #expect(server.heard.map(\.words) == [["HELLO", "3"]])
  }

  @Test func nobodyThere() async throws {
    let port = try RawServer().port
    let answers = try await answersOfRESP(port: port, [commands(["X"]), commands(["X"]), commands(["X"])])
    #expect(answers.map(\.status) == [503, 503, 503])
    #expect(answers.allSatisfy { $0.text.contains("AWAY") })
  }

  @Test(arguments: [nil, "x\r\n", "$5\r\nab\r\n\r\n\r\n", ":1\r\n:2\r\n", "$17000000\r\n", "*1\r\n+a\rb\r\n"] as [String?])
  func whatWasSentMayHaveBeenDone(_ end: String?) async throws {
    let server = try RESPServer { words, connection in
      words[0] == "HELLO" ? Self.hello : connection == 0 ? end : "+fine\r\n"
    }
    let answers = try await answersOfRESP(port: server.port, [commands(["X"]), commands(["Y"])], pause: .milliseconds(50))
    // An answer that nobody waits for comes behind one that somebody did.
    if end?.hasPrefix(":1") == true {
      #expect(answers[0].text == ":1\r\n")
    } else {
      #expect(answers[0].status == 504 && answers[0].text.contains("OPEN"))
    }
    #expect(answers[1].status == 200 && answers[1].text == "+fine\r\n", "a connection is made anew: \(answers[1])")
    #expect(server.heard.map(\.connection) == [0, 0, 1, 1])
  }

  @Test func aServerThatStandsStillIsGivenUp() async throws {
    let server = try RESPServer { words, connection in words[0] == "HELLO" ? Self.hello : connection == 0 ? "" : "+fine\r\n" }
    let answers = try await answersOfRESP(
      port: server.port, [commands(["X"]), commands(["Y"])], answerWithin: .seconds(2))
    #expect(answers.map(\.status) == [504, 200])
  }

  @Test func whatIsNoCommandIsNotSent() async throws {
    let server = try RESPServer(Self.echo)
    let bodies = ["", "x", ":1\r\n", "*1\r\n:1\r\n", "*0\r\n", "*1\r\n$1\r\na", "*2\r\n$1\r\na\r\n_\r\n"]
    let answers = try await answersOfRESP(
      port: server.port,
      bodies.map { Request(.post, "/commands", body: Array($0.utf8)) } + [
        Request(.get, "/commands"), Request(.post, "/x"), Request(.post, "/told?link=x"),
      ])
    #expect(answers.map(\.status) == [400, 400, 400, 400, 400, 400, 400, 405, 404, 400])
    #expect(server.heard.isEmpty)
  }

  @Test(arguments: [">", "*"]) func whatIsListenedToIsTold(_ sign: String) async throws {
    let server = try RESPServer { words, connection in
      switch words[0] {
      case "HELLO": sign == ">" ? Self.hello : "-ERR no\r\n"
      case "PSUBSCRIBE":
        words.dropFirst().map { "\(sign)3\r\n$10\r\npsubscribe\r\n$\($0.utf8.count)\r\n\($0)\r\n:1\r\n" }.joined()
          + "\(sign)4\r\n$8\r\npmessage\r\n$1\r\na\r\n$2\r\nab\r\n$2\r\nhi\r\n"
      case "PUNSUBSCRIBE": nil
      case _: "+fine\r\n"
      }
    }
    let listen = { (target: String) in Request(.post, target) }
    let answers = try await answersOfRESP(
      port: server.port,
      [
        listen("/told?link=1"), commands(["PSUBSCRIBE", "a", "b"], at: "/subscriptions"), listen("/told?link=1"), listen("/told?link=2"),
        commands(["PUNSUBSCRIBE", "a"], at: "/subscriptions"), listen("/told?link=1"), commands(["PSUBSCRIBE", "a"], at: "/subscriptions"),
        listen("/told?link=1"), commands(["X"]),
      ], pause: .milliseconds(50))
    #expect(answers.map(\.status) == [503, 200, 200, 503, 504, 503, 200, 503, 200])
    #expect(answers[1].link == "1" && answers[6].link == "2")
    #expect(answers[2].text == "\(sign)4\r\n$8\r\npmessage\r\n$1\r\na\r\n$2\r\nab\r\n$2\r\nhi\r\n")
    // Commands go over another connection.
    #expect(server.heard.map(\.connection) == [0, 0, 0, 1, 1, 2, 2])
  }

  @Test func aPatternThatIsRefusedIsTold() async throws {
    let server = try RESPServer { words, _ in words[0] == "HELLO" ? Self.hello : "-NOPERM no channels\r\n" }
    let answer = try #require(try await answersOfRESP(port: server.port, [commands(["PSUBSCRIBE", "a"], at: "/subscriptions")]).first)
    #expect(answer.status == 503 && answer.text.contains("NOPERM"))
  }
}
