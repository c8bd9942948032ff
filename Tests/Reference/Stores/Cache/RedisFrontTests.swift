// The front of a Redis against a scripted one: what is asked for, what its answers become, what happens where it is away or
// answers nonsense, and who listens.

import Cache
import Kernel
import StoresAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// What a scripted Redis is asked and answers, and what the test has it tell.
private final class Script {
  enum Answer {
    case values([RESPValue])
    case bytes(String)
    case status(Int)
  }

  var asked: [[[UInt8]]] = []
  var answers: [Answer] = []
  /// The connection on which patterns stand.
  var link = 1
  /// What the next that asks for what was told gets.
  var told: [Answer] = []
  var tolderLinks: [String] = []

  var words: [[String]] { asked.map { command in command.map { String(decoding: $0, as: UTF8.self) } } }
}

/// Stands where the adapter does.
private struct ScriptedRedis: Machine {
  let script: Script
  private var waiting: [ExchangeID] = []

  init(_ script: Script) { self.script = script }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      if request.head.target.hasPrefix("/told") {
        script.tolderLinks.append(request.head.target)
        waiting.append(exchange)
        return
      }
      var reader = RESPReader()
      reader.feed(request.body)
      if let words = (try? reader.next())?.elements { script.asked.append(words.compactMap(\.content)) }
      if request.head.target == "/subscriptions", script.answers.isEmpty {
        return turn.reply(exchange, Response(status: 200, headers: ["link": "\(script.link)"]))
      }
      turn.reply(exchange, Self.response(script.answers.isEmpty ? .status(500) : script.answers.removeFirst()))
    case .timer:
      if !script.told.isEmpty, !waiting.isEmpty { turn.reply(waiting.removeFirst(), Self.response(script.told.removeFirst())) }
      _ = turn.wake(after: .milliseconds(1))
    case .abandoned(let exchange): waiting.removeAll { $0 == exchange }
    case .response, .failed, .message, .durable, .completed, .stream: break
    }
  }

  private static func response(_ answer: Script.Answer) -> Response {
    switch answer {
    case .status(let status): return Response(status: status)
    case .bytes(let text): return Response(status: 200, body: Array(text.utf8))
    case .values(let values):
      var bytes: [UInt8] = []
      for value in values { value.write(into: &bytes) }
      return Response(status: 200, body: bytes)
    }
  }
}

/// Listens to a pattern, and keeps what it hears.
private struct Listening: Machine {
  final class Heard {
    var events: [ServerSentEvent] = []
    var statuses: [Int] = []
    var ends = 0
    /// When it begins, and whether it gives its stream up.
    var from = TimeSpan.zero
    var leaves = false
  }

  let heard: Heard
  let pattern: String
  private var reader = EventStreamReader()
  private var stream: ExchangeID?

  init(_ heard: Heard, _ pattern: String) {
    self.heard = heard
    self.pattern = pattern
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    _ = turn.wake(after: heard.from)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .stream(_, .accepted(let head)): heard.statuses.append(head.status)
    case .stream(let id, .received(let bytes, _)):
      heard.events += (try? reader.receive(bytes)) ?? []
      turn.grant(id, bytes.count)
    case .stream(_, .aborted), .stream(_, .finished), .failed: heard.ends += 1
    case .timer:
      if stream == nil, !heard.leaves { stream = turn.open(Endpoint(0), CacheAPI.subscribe(pattern)) }
      if heard.leaves, let id = stream {
        turn.abort(id)
        stream = nil
      }
      _ = turn.wake(after: .milliseconds(1))
    case .request, .response, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

@Suite struct RedisFrontTests {
  private let front = Endpoint(0)

  private func bench(_ script: Script, listeners: [NodePlan] = []) -> TestBench {
    TestBench(
      [NodePlan("front") { RedisFront(commands: Endpoint(1), listening: Endpoint(2)) }]
        + [NodePlan("redis") { ScriptedRedis(script) }, NodePlan("teller") { ScriptedRedis(script) }] + listeners)
  }

  private static func text(_ words: String) -> RESPValue { .bytes(Array(words.utf8)) }

  @Test func whatIsAskedForIsWhatIsMeant() throws {
    let script = Script()
    let bench = bench(script)
    func words(_ request: Request) -> [String] {
      script.answers = [.values([.null])]
      _ = bench.ask(front, request)
      // The text of a script says nothing here.
      return (script.words.last ?? []).map { $0.contains("redis.call") ? "…" : $0 }
    }
    #expect(words(CacheAPI.get("é:a b")) == ["EVAL", "…", "1", "windtunnel:v:é:a b"])
    #expect(
      words(CacheAPI.put("a", [120], timeToLive: .seconds(1), if: .absent, contentType: "t/x"))
        == ["EVAL", "…", "1", "windtunnel:v:a", "\u{0}\u{3}t/xx", "1000", "NX"])
    #expect(words(CacheAPI.put("a", [], if: .present)) == ["EVAL", "…", "1", "windtunnel:v:a", "\u{0}\u{0}", "", "XX"])
    #expect(words(CacheAPI.delete("a")) == ["DEL", "windtunnel:v:a"])
    #expect(words(CacheAPI.delete(matching: "a?[b]**\\^-*")) == ["EVAL", "…", "0", "0", "windtunnel:v:a\\?\\[b\\]*\\\\\\^\\-*"])
    #expect(words(CacheAPI.count("a", by: -5, timeToLive: .milliseconds(7))) == ["EVAL", "…", "1", "windtunnel:c:a", "-5", "7"])
    #expect(words(Request(.get, "/counters?key=a")) == ["GET", "windtunnel:c:a"])
    #expect(
      words(CacheAPI.lock("a", owner: "me", for: .seconds(2))) == ["EVAL", "…", "2", "windtunnel:l:a", "windtunnel:tokens", "me", "2000"])
    #expect(words(CacheAPI.renew("a", token: 5, for: .seconds(2))) == ["EVAL", "…", "1", "windtunnel:l:a", "5", "2000"])
    #expect(words(CacheAPI.unlock("a", token: 5)) == ["EVAL", "…", "1", "windtunnel:l:a", "5"])
    #expect(words(CacheAPI.publish("c", [104, 105])) == ["PUBLISH", "windtunnel:m:c", "hi"])
    let before = script.asked.count
    for request in [
      Request(.get, "/entries"), CacheAPI.put("a", [], timeToLive: .zero), Request(.post, "/locks?name=a&owner=b"), Request(.get, "/x"),
    ] {
      #expect((400...404).contains(bench.ask(front, request)?.status ?? 0))
    }
    #expect(script.asked.count == before, "what is refused asks Redis for nothing")
    #expect(bench.defects.isEmpty)
  }

  @Test func answersAreThoseOfTheCache() throws {
    let script = Script()
    let bench = bench(script)
    func status(_ request: Request, _ value: RESPValue) -> Int {
      script.answers = [.values([value])]
      return bench.ask(front, request)?.status ?? 0
    }
    script.answers = [.values([.array([.bytes([0, 3] + Array("t/xvalue".utf8)), .integer(500)])])]
    let found = try #require(bench.ask(front, CacheAPI.get("a")))
    #expect(found.status == 200 && found.body == Array("value".utf8) && found.head.headers["content-type"] == "t/x")
    #expect(found.head.headers[CacheAPI.remainingHeader] == "500")
    #expect(status(CacheAPI.get("a"), .null) == 404)
    for (value, expected) in [(0, 201), (1, 204), (-1, 412)] { #expect(status(CacheAPI.put("a", []), .integer(Int64(value))) == expected) }
    #expect(status(CacheAPI.delete("a"), .integer(1)) == 204 && status(CacheAPI.delete("a"), .integer(0)) == 404)
    // Numbers of 64 bits are not those of scripts.
    script.answers = [.values([.array([.integer(1), Self.text("9223372036854775807")])])]
    #expect(try bench.ask(front, CacheAPI.count("a"))?.document().member("value").integer() == .max)
    #expect(status(CacheAPI.count("a"), .array([.integer(0), Self.text("9223372036854775807")])) == 409)
    script.answers = [.values([.array([.integer(1), Self.text("77")])])]
    let grant = try LockGrant(try #require(bench.ask(front, CacheAPI.lock("a", owner: "me", for: .seconds(3)))).document())
    #expect(grant == LockGrant(token: 77, owner: "me", remainingMilliseconds: 3_000))
    script.answers = [.values([.array([.integer(0), .integer(2_500)])])]
    let held = try #require(bench.ask(front, CacheAPI.lock("a", owner: "me", for: .seconds(3))))
    #expect(held.status == 409 && held.head.headers["retry-after"] == "3")
    #expect(status(CacheAPI.renew("a", token: 1, for: .seconds(1)), Self.text("me")) == 200)
    #expect(status(CacheAPI.renew("a", token: 1, for: .seconds(1)), .null) == 409)
    #expect(status(CacheAPI.unlock("a", token: 1), .integer(1)) == 204 && status(CacheAPI.unlock("a", token: 1), .integer(0)) == 409)
    #expect(bench.defects.isEmpty)
  }

  @Test func patternsAreSweptPieceByPiece() throws {
    let script = Script()
    let bench = bench(script)
    script.answers = [
      .values([.array([Self.text("17"), .integer(3)])]), .values([.array([Self.text("9"), .integer(0)])]),
      .values([.array([Self.text("0"), .integer(4)])]),
    ]
    #expect(try bench.ask(front, CacheAPI.delete(matching: "a*"))?.document().member("removed").integer() == 7)
    #expect(script.words.map { $0[3] } == ["0", "17", "9"])
  }

  @Test func whatRedisDoesNotDoIsTold() throws {
    let script = Script()
    let bench = bench(script)
    func outcome(_ answer: Script.Answer) throws -> String {
      script.answers = [answer]
      let response = try #require(bench.ask(front, CacheAPI.count("a")))
      return "\(response.status) \(try response.document().member("error").member("code").string(maximumBytes: 99))"
    }
    #expect(try outcome(.status(503)) == "503 REDIS_AWAY")
    #expect(try outcome(.status(504)) == "503 OPEN")
    #expect(try outcome(.values([.failure(Array("OOM command not allowed".utf8))])) == "507 NO_ROOM")
    #expect(try outcome(.values([.failure(Array("LOADING it reads\r\nits disk".utf8))])) == "503 REDIS_REFUSED")
    for nonsense in ["", "x", "*1\r\n:1\r\n", "$-1\r\n", "*2\r\n:1\r\n+x\r\n", "%1\r\n:1\r\n:1\r\n", "$9\r\nabc"] {
      #expect(try outcome(.bytes(nonsense)) == "503 REDIS_REFUSED", "\(nonsense)")
    }
    script.answers = [.values([.array([.bytes([0]), .integer(1)])])]
    #expect(bench.ask(front, CacheAPI.get("a"))?.status == 503)
    script.answers = [.status(503)]
    #expect(bench.ask(front, Request(.get, "/health"))?.status == 503)
    script.answers = [.values([.simple(Array("PONG".utf8))])]
    #expect(bench.ask(front, Request(.get, "/health"))?.status == 200)
    let figures = String(decoding: try #require(bench.ask(front, Request(.get, "/metrics"))).body, as: UTF8.self)
    #expect(figures.contains("cache_redis_requests_total{result=\"failed\"} 13"), "\(figures)")
    #expect(bench.defects.isEmpty)
  }

  @Test func aRedisThatSaysNothingIsGivenUp() {
    let script = Script()
    let bench = bench(script)
    bench.host.crash(NodeID(1))
    #expect(bench.ask(front, CacheAPI.get("a"), within: .seconds(10))?.status == 503)
  }

  // MARK: messages

  private func message(_ pattern: String, _ channel: String, _ text: String) -> RESPValue {
    .push(["pmessage", "windtunnel:m:\(pattern)", "windtunnel:m:\(channel)", text].map { Self.text($0) })
  }

  @Test func messagesGoToWhoListens() throws {
    let script = Script()
    let (one, other, third) = (Listening.Heard(), Listening.Heard(), Listening.Heard())
    let bench = bench(
      script,
      listeners: [
        NodePlan("one") { Listening(one, "news:*") }, NodePlan("other") { Listening(other, "news:**") },
        NodePlan("third") { Listening(third, "*") },
      ])
    bench.run(for: .milliseconds(20))
    // Patterns that say the same stand once.
    #expect(script.words.map { $0.joined(separator: " ") }.sorted() == ["PSUBSCRIBE windtunnel:m:*", "PSUBSCRIBE windtunnel:m:news:*"])
    #expect(one.statuses == [200] && other.statuses == [200] && third.statuses == [200])
    #expect(script.tolderLinks == ["/told?link=1"])
    script.told = [
      .values([message("news:*", "news:a", "windy"), message("*", "news:a", "windy")]), .status(204), .values([message("*", "b", "x\ny")]),
    ]
    bench.run(for: .milliseconds(30))
    for heard in [one, other] { #expect(heard.events.map(\.data) == ["windy"] && heard.events.map(\.type) == ["news:a"]) }
    #expect(third.events.map(\.data) == ["windy", "x\ny"])
    // Two patterns of ours match, by which three listen; a third is somebody else's.
    script.answers = [.values([.integer(3)])]
    #expect(try bench.ask(front, CacheAPI.publish("news:a", [120]))?.document().member("receivers").integer() == 4)
    // What an event stream cannot carry, patterns that nobody has and nonsense harm nobody.
    script.told = [
      .values([
        message("*", "b", "a\rb"), .push([.bytes([112]), .null]), .push(["pmessage", "x", "y", "z"].map { Self.text($0) }), .integer(5),
        .push([Self.text("pmessage"), Self.text("windtunnel:m:*"), Self.text("windtunnel:m:b"), .bytes([0xFF])]), message("*", "b", "last"),
      ])
    ]
    bench.run(for: .milliseconds(30))
    #expect(third.events.map(\.data) == ["windy", "x\ny", "last"] && third.ends == 0)
    #expect(bench.defects.isEmpty)
  }

  @Test func whoLeavesIsNotWaitedFor() {
    let script = Script()
    let heard = Listening.Heard()
    let bench = bench(script, listeners: [NodePlan("one") { Listening(heard, "a") }])
    bench.run(for: .milliseconds(20))
    heard.leaves = true
    bench.run(for: .milliseconds(50))
    #expect(script.words == [["PSUBSCRIBE", "windtunnel:m:a"], ["PUNSUBSCRIBE", "windtunnel:m:a"]])
    script.told = [.status(204)]
    bench.run(for: .milliseconds(50))
    #expect(script.tolderLinks.count == 1, "nobody listens, and nothing is asked for")
    #expect(bench.defects.isEmpty)
  }

  @Test(arguments: [Script.Answer.status(503), .status(504), .bytes("nonsense")])
  private func whoMayHaveMissedSomethingIsCutOff(_ end: Script.Answer) {
    let script = Script()
    let heard = Listening.Heard()
    let bench = bench(script, listeners: [NodePlan("one") { Listening(heard, "a") }])
    bench.run(for: .milliseconds(20))
    #expect(heard.statuses == [200])
    script.told = [end]
    bench.run(for: .milliseconds(50))
    #expect(heard.ends == 1)
    #expect(script.tolderLinks.count == 1)
    #expect(bench.defects.isEmpty)
  }

  @Test func anotherConnectionMeansThatThoseOfTheFirstMissSomething() {
    let script = Script()
    let (early, late) = (Listening.Heard(), Listening.Heard())
    late.from = .milliseconds(100)
    let bench = bench(script, listeners: [NodePlan("early") { Listening(early, "a") }, NodePlan("late") { Listening(late, "b") }])
    bench.run(for: .milliseconds(20))
    script.link = 2
    bench.run(for: .milliseconds(300))
    #expect(early.statuses == [200] && early.ends == 1)
    #expect(late.statuses == [200] && late.ends == 0)
    #expect(bench.defects.isEmpty)
  }

  @Test func whereRedisIsAwayNobodyListens() {
    let script = Script()
    script.answers = [.status(503)]
    let heard = Listening.Heard()
    let bench = bench(script, listeners: [NodePlan("one") { Listening(heard, "a") }])
    bench.run(for: .milliseconds(50))
    #expect(heard.statuses == [503])
    #expect(bench.defects.isEmpty)
  }
}
