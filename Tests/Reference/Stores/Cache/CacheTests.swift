// A cache in the simulated world: times to live, eviction, counters, locks over restarts, listeners.

import Cache
import Kernel
import StoresAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// Listens to a pattern, and keeps what it hears; takes nothing in while it is told so.
private struct ListeningMachine: Machine {
  final class Heard {
    var events: [ServerSentEvent] = []
    var ends = 0
    var isDeaf = false
  }

  let heard: Heard
  let pattern: String
  private var reader = EventStreamReader()

  init(_ heard: Heard, _ pattern: String) {
    self.heard = heard
    self.pattern = pattern
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.open(Endpoint(0), CacheAPI.subscribe(pattern)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .stream(let id, .received(let bytes, _)):
      heard.events += (try? reader.receive(bytes)) ?? []
      if !heard.isDeaf { turn.grant(id, bytes.count) }
    case .stream(_, .aborted), .stream(_, .finished), .failed: heard.ends += 1
    case .request, .response, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}

@Suite struct CacheTests {
  private let cache = Endpoint(0)

  private func bench(seed: UInt64 = 1, listeners: [NodePlan] = [], _ change: (inout CacheConfiguration) -> Void = { _ in }) -> TestBench {
    var configuration = CacheConfiguration()
    change(&configuration)
    let fixed = configuration
    return TestBench(seed: seed, [NodePlan("cache") { Cache(fixed) }] + listeners)
  }

  private func status(_ bench: TestBench, _ request: Request) -> Int { bench.ask(cache, request)?.status ?? 0 }

  private func code(_ bench: TestBench, _ request: Request) throws -> String {
    try bench.ask(cache, request).map { try $0.document().member("error").member("code").string(maximumBytes: 99) } ?? "none"
  }

  @Test func valuesAreKeptAndReplaced() throws {
    let bench = bench()
    #expect(status(bench, CacheAPI.get("a")) == 404)
    #expect(status(bench, CacheAPI.put("a", [1, 2], contentType: "text/x")) == 201)
    let found = try #require(bench.ask(cache, CacheAPI.get("a")))
    #expect(found.status == 200 && found.body == [1, 2] && found.head.headers["content-type"] == "text/x")
    #expect(found.head.headers[CacheAPI.remainingHeader] == nil)
    #expect(status(bench, CacheAPI.put("a", [3])) == 204)
    #expect(bench.ask(cache, CacheAPI.get("a"))?.body == [3])
    #expect(status(bench, CacheAPI.put("a", [4], if: .absent)) == 412 && status(bench, CacheAPI.put("b", [4], if: .present)) == 412)
    #expect(status(bench, CacheAPI.put("b", [4], if: .absent)) == 201 && status(bench, CacheAPI.put("b", [5], if: .present)) == 204)
    #expect(status(bench, CacheAPI.delete("a")) == 204 && status(bench, CacheAPI.delete("a")) == 404)
    // Names that look alike are two.
    #expect(status(bench, CacheAPI.put("caf\u{E9}", [1])) == 201 && status(bench, CacheAPI.put("cafe\u{301}", [2])) == 201)
    #expect(bench.ask(cache, CacheAPI.get("caf\u{E9}"))?.body == [1])
    #expect(bench.defects.isEmpty)
  }

  @Test func nothingIsGivenOutBehindItsTime() throws {
    // The clean-up never comes by.
    let bench = bench { $0.cleanEvery = .seconds(3_600) }
    #expect(status(bench, CacheAPI.put("a", [1], timeToLive: .milliseconds(500))) == 201)
    #expect(status(bench, CacheAPI.count("c", timeToLive: .milliseconds(500))) == 200)
    #expect(status(bench, CacheAPI.lock("l", owner: "x", for: .milliseconds(500))) == 201)
    let left = try #require(bench.ask(cache, CacheAPI.get("a"))?.head.headers[CacheAPI.remainingHeader].flatMap { Int($0) })
    #expect((450...500).contains(left))
    bench.run(for: .milliseconds(505))
    for request in [CacheAPI.get("a"), CacheAPI.delete("a"), Request(.get, "/counters?key=c"), Request(.get, "/locks?name=l")] {
      #expect(status(bench, request) == 404, "\(request.head.target)")
    }
    #expect(status(bench, CacheAPI.put("a", [2], if: .present)) == 412 && status(bench, CacheAPI.put("a", [2], if: .absent)) == 201)
    #expect(bench.ask(cache, CacheAPI.count("c"))?.body == Array("{\"value\":1}".utf8), "a counter that is over begins anew")
    #expect(status(bench, CacheAPI.lock("l", owner: "y", for: .seconds(1))) == 201)
    // What was stored anew, without end, is not cleaned away by its earlier end.
    bench.run(for: .seconds(7_300))
    #expect(bench.ask(cache, CacheAPI.get("a"))?.body == [2])
  }

  @Test func whatIsOverIsCleanedAway() throws {
    let bench = bench { $0.cleanedAtOnce = 10 }
    for number in 0..<200 { #expect(status(bench, CacheAPI.put("k\(number)", [1], timeToLive: .milliseconds(100 + Int64(number)))) == 201) }
    bench.run(for: .seconds(2))
    let metrics = String(decoding: try #require(bench.ask(cache, Request(.get, "/metrics"))).body, as: UTF8.self)
    #expect(metrics.contains("cache_entries 0\n") && metrics.contains("cache_memory_bytes 0\n"))
    #expect(metrics.contains("cache_expirations_total 200\n"))
  }

  @Test func whatWasUsedLongestAgoGoes() throws {
    let bench = bench { $0.maximumBytes = 20_000 }
    let value = [UInt8](repeating: 1, count: 800)
    for number in 0..<20 { #expect(status(bench, CacheAPI.put("k\(number)", value)) == 201) }
    #expect(status(bench, CacheAPI.count("visits", by: 5)) == 200)
    #expect(status(bench, CacheAPI.get("k0")) == 200)
    for number in 20..<35 {
      #expect(status(bench, CacheAPI.put("k\(number)", value)) == 201)
      #expect(status(bench, CacheAPI.get("k0")) == 200, "it is used all the time")
    }
    #expect(status(bench, CacheAPI.get("k1")) == 404 && status(bench, CacheAPI.get("k34")) == 200)
    #expect(status(bench, Request(.get, "/counters?key=visits")) == 200)
    let metrics = String(decoding: try #require(bench.ask(cache, Request(.get, "/metrics"))).body, as: UTF8.self)
    let used = try #require(metrics.firstMatch(of: /cache_memory_bytes (\d+)/).flatMap { Int($0.1) })
    #expect(used <= 20_000 && used > 18_000)
    #expect(try code(bench, CacheAPI.put("big", [UInt8](repeating: 0, count: 20_000))) == "NO_ROOM")
    #expect(status(bench, CacheAPI.get("k34")) == 200, "what has no room at all drives nothing out")
  }

  @Test func patternsTakeAway() throws {
    let bench = bench()
    for name in ["user:1", "user:2", "users", "other"] { #expect(status(bench, CacheAPI.put(name, [1])) == 201) }
    #expect(bench.ask(cache, CacheAPI.delete(matching: "user:*"))?.body == Array("{\"removed\":2}".utf8))
    #expect(status(bench, CacheAPI.get("user:1")) == 404 && status(bench, CacheAPI.get("users")) == 200)
  }

  @Test func countersCount() throws {
    let bench = bench()
    func value(_ request: Request) throws -> Int64 { try #require(bench.ask(cache, request)).document().member("value").integer() }
    #expect(try value(CacheAPI.count("a")) == 1 && value(CacheAPI.count("a", by: -5)) == -4)
    #expect(try value(CacheAPI.count("max", by: .max)) == .max)
    #expect(try code(bench, CacheAPI.count("max")) == "COUNTER_OVERFLOW")
    #expect(try value(Request(.get, "/counters?key=max")) == .max)
    // The time to live is that of the first step.
    #expect(try value(CacheAPI.count("window", timeToLive: .seconds(1))) == 1)
    bench.run(for: .milliseconds(600))
    #expect(try value(CacheAPI.count("window", timeToLive: .seconds(1))) == 2)
    bench.run(for: .milliseconds(600))
    #expect(try value(CacheAPI.count("window", timeToLive: .seconds(1))) == 1)
    #expect(status(bench, Request(.delete, "/counters?key=a")) == 204 && status(bench, Request(.delete, "/counters?key=a")) == 404)
    // A value and a counter of one name are two things.
    #expect(status(bench, CacheAPI.get("max")) == 404)
  }

  @Test func aLockHasOneOwnerAndTokensRise() throws {
    let bench = bench()
    func lock(_ owner: String, _ name: String = "l", _ milliseconds: Int64 = 1_000) throws -> (Int, LockGrant?) {
      let response = try #require(bench.ask(cache, CacheAPI.lock(name, owner: owner, for: .milliseconds(milliseconds))))
      return (response.status, response.status == 201 ? try LockGrant(response.document()) : nil)
    }
    let first = try #require(try lock("one").1)
    let refused = try #require(bench.ask(cache, CacheAPI.lock("l", owner: "two", for: .seconds(1))))
    #expect(refused.status == 409 && refused.head.headers["retry-after"] == "1")
    #expect(try lock("one").0 == 409, "its owner's other thread is another")
    bench.run(for: .milliseconds(800))
    #expect(status(bench, CacheAPI.renew("l", token: first.token, for: .seconds(2))) == 200)
    bench.run(for: .milliseconds(800))
    #expect(try lock("two").0 == 409, "it was renewed")
    bench.run(for: .milliseconds(1_300))
    let second = try #require(try lock("two").1)
    #expect(second.token > first.token)
    // Who stood still comes too late.
    for request in [CacheAPI.renew("l", token: first.token, for: .seconds(1)), CacheAPI.unlock("l", token: first.token)] {
      #expect(try code(bench, request) == "LOCK_LOST")
    }
    #expect(try LockGrant(#require(bench.ask(cache, Request(.get, "/locks?name=l"))).document()).owner == "two")
    #expect(status(bench, CacheAPI.unlock("l", token: second.token)) == 204)
    let third = try #require(try lock("three").1)
    // A restart forgets who holds it, and not how far tokens went.
    for isCrash in [true, false] {
      if isCrash { bench.host.crash(NodeID(0)) } else { bench.host.kill(NodeID(0)) }
      bench.host.restart(NodeID(0), after: .milliseconds(10))
      bench.run(for: .milliseconds(100))
      let fourth = try #require(try lock("four", "l", 50).1)
      #expect(fourth.token > third.token)
      bench.run(for: .milliseconds(100))
    }
  }

  @Test func listenersHearWhatTheirPatternsMatch() throws {
    let all = ListeningMachine.Heard()
    let some = ListeningMachine.Heard()
    let bench = bench(listeners: [
      NodePlan("all", cost: .client) { ListeningMachine(all, "*") }, NodePlan("some", cost: .client) { ListeningMachine(some, "news:*") },
    ])
    bench.run(for: .milliseconds(100))
    func publish(_ channel: String, _ text: String) -> [UInt8]? { bench.ask(cache, CacheAPI.publish(channel, Array(text.utf8)))?.body }
    #expect(publish("news:a", "one\ntwo\n") == Array("{\"receivers\":2}".utf8))
    #expect(publish("other", "é") == Array("{\"receivers\":1}".utf8))
    bench.run(for: .milliseconds(100))
    #expect(all.events == [ServerSentEvent(type: "news:a", data: "one\ntwo\n"), ServerSentEvent(type: "other", data: "é")])
    #expect(some.events == [ServerSentEvent(type: "news:a", data: "one\ntwo\n")])
    #expect(status(bench, CacheAPI.publish("a", [0xFF])) == 400 && status(bench, CacheAPI.publish("a", Array("a\rb".utf8))) == 400)
    // One that died is nobody any more; it comes back by itself.
    bench.host.kill(NodeID(2))
    bench.run(for: .milliseconds(50))
    #expect(publish("news:b", "x") == Array("{\"receivers\":1}".utf8))
    #expect(bench.defects.isEmpty)
  }

  @Test func aListenerThatTakesNothingIsCutOff() throws {
    let slow = ListeningMachine.Heard()
    slow.isDeaf = true
    let quick = ListeningMachine.Heard()
    let bench = bench(listeners: [
      NodePlan("slow", cost: .client) { ListeningMachine(slow, "*") }, NodePlan("quick", cost: .client) { ListeningMachine(quick, "*") },
    ])
    bench.run(for: .milliseconds(100))
    let message = [UInt8](repeating: UInt8(ascii: "m"), count: 10_000)
    for _ in 0..<60 { _ = bench.ask(cache, CacheAPI.publish("c", message)) }
    bench.run(for: .milliseconds(100))
    #expect(quick.events.count == 60 && slow.events.count < 60 && slow.ends == 1)
    let metrics = String(decoding: try #require(bench.ask(cache, Request(.get, "/metrics"))).body, as: UTF8.self)
    #expect(metrics.contains("cache_listeners_cut_off_total 1\n") && metrics.contains("cache_listeners 1\n"))
    #expect(bench.defects.isEmpty)
  }

  @Test func mistakesAreNamed() throws {
    let bench = bench()
    for (request, expected) in [
      (Request(.get, "/entries"), "INVALID_TARGET"), (Request(.get, "/entries?key="), "INVALID_TARGET"),
      (Request(.get, "/entries?key=a&kex=b"), "INVALID_TARGET"), (Request(.put, "/entries?key=a&ttl=0"), "INVALID_TARGET"),
      (Request(.put, "/entries?key=a&ttl=1e3"), "INVALID_TARGET"), (Request(.put, "/entries?key=a&if=maybe"), "INVALID_TARGET"),
      (Request(.get, "/entries?key=\(String(repeating: "k", count: 1_025))"), "INVALID_TARGET"),
      (Request(.post, "/locks?name=l&owner=x"), "INVALID_TARGET"), (Request(.post, "/locks?name=l&ttl=5"), "INVALID_TARGET"),
      (Request(.post, "/locks?name=l&owner=x&ttl=99999999"), "INVALID_TARGET"), (Request(.delete, "/locks?name=l"), "INVALID_TARGET"),
      (Request(.delete, "/locks?name=l&token=1"), "LOCK_LOST"), (Request(.post, "/counters?key=a&by=x"), "INVALID_TARGET"),
    ] {
      #expect(try code(bench, request) == expected, "\(request.head.target)")
    }
    #expect(status(bench, Request(.get, "/nothing")) == 404 && status(bench, Request(.post, "/entries?key=a")) == 405)
    let long = [UInt8](repeating: 0, count: CacheAPI.maximumValueBytes + 1)
    #expect(status(bench, CacheAPI.put("a", long)) == 413)
    #expect(bench.defects.isEmpty)
  }
}
