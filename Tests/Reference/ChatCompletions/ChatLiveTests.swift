// Completions over real sockets: the same machine on the real host, against a server in another language and process.

import ChatCompletions
import Launching
import Live
import Resilience
import Synchronization
import TestBench
import Testing
import Vocabulary

/// How completions ended, by what they asked for, each with the pieces that came before and the failures of attempts.
private final class LiveBook: Sendable {
  struct End: Sendable {
    var pieces: [String] = []
    var again: [ChatFailure] = []
    var results: [Result<ChatCompletion, ChatFailure>] = []
  }

  private let known = Mutex<[String: End]>([:])

  var all: [String: End] { known.withLock { $0 } }
  func change(_ wish: String, _ change: (inout End) -> Void) { known.withLock { change(&$0[wish, default: End()]) } }
}

/// Asks for everything at once.
private struct LiveAsker: Machine {
  let server: ChatServer
  let wishes: [String]
  let book: LiveBook
  var client = ChatClient<String>()

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for wish in wishes {
      let policy = ChatPolicy(backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(50)))
      let request = ChatRequest(model: "stand-in", [ChatMessage(.user, wish)])
      let asked = wish == "stranger" ? ChatServer(server.callee, key: BearerKey("k2")) : server
      _ = client.send(request, to: asked, policy: policy, for: wish, &turn)
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .mine(let notices) = client.settle(event, &turn) else { return }
    for notice in notices {
      book.change(notice.purpose) { end in
        switch notice.news {
        case .piece(let text): end.pieces.append(text)
        case .tryingAgain(let failure): end.again.append(failure)
        case .ended(let result): end.results.append(result)
        }
      }
    }
  }
}

@Suite struct ChatLiveTests {
  @Test func aServerOfAnotherLanguageIsUnderstoodOverRealSockets() async throws {
    let script = Repository.file("Tests/Reference/ChatCompletions/chat_stand_in.py").path
    let process = try await ChildProcess.started("/usr/bin/env", ["python3", script], input: .piped, output: .piped)
    defer { process.signal(9) }
    let line = try await OwnThread.run { process.read() }
    let port = try #require(Int(String(decoding: line, as: UTF8.self).filter(\.isNumber)))
    let server = try ChatServer(baseURL: "http://127.0.0.1:\(port)/v1", namedBy: .operator, key: BearerKey("k1"))
    let wishes = ["plain", "limited", "cut", "error", "unended", "close", "stranger"]
    let book = LiveBook()
    let host = try LiveHost(
      [LiveNodeSpecification(NodeID(0), name: "asker") { LiveAsker(server: server, wishes: wishes, book: book) }], LiveConfiguration())
    try await host.start()
    for _ in 0..<6_000 where book.all.values.count(where: { !$0.results.isEmpty }) < wishes.count {
      try await Task.sleep(nanoseconds: 5_000_000)
    }
    await host.stop(grace: .zero)
    process.closeInput()
    _ = await process.ended()

    let ends = book.all
    let text = "Naïve 風洞 🌬\u{FE0F} \"quoted\"\nand the end"
    let count = Int64(text.unicodeScalars.count)
    let whole = ChatCompletion(text: text, usage: ChatUsage(promptTokens: 3, completionTokens: count), model: "stand-in")
    for wish in ["plain", "limited", "close"] {
      #expect(ends[wish]?.results == [.success(whole)], "\(wish)")
      #expect(ends[wish]?.pieces.count == Int(count), "\(wish): piece by piece")
    }
    let slow = ChatError(message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded")
    #expect(ends["limited"]?.again == [.rateLimited(comeAgainAfter: .seconds(1), slow)])
    let half = String(String.UnicodeScalarView(text.unicodeScalars.prefix(Int(count) / 2)))
    for wish in ["cut", "error"] { #expect(ends[wish].map { sameBytes($0.pieces.joined(), half) } == true, "\(wish)") }
    #expect(ends["cut"]?.results == [.failure(.brokenOff)])
    let inStream = ChatError(message: "slow down", type: "rate_limit_error", code: "429")
    #expect(ends["error"]?.results == [.failure(.errorInStream(inStream))])
    #expect(ends["unended"]?.results == [.failure(.brokenOff)])
    #expect(ends["unended"].map { sameBytes($0.pieces.joined(), text) } == true, "all of it came, and it is not complete")
    let unknown = ChatError(message: "who are you?", type: "invalid_request_error", code: "invalid_api_key")
    #expect(ends["stranger"]?.results == [.failure(.rejected(status: 401, unknown))])
    for wish in wishes where wish != "limited" { #expect(ends[wish]?.again.isEmpty == true, "\(wish)") }
  }
}
