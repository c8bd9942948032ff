// The context manager in front of a store, in the simulated world.

import ContextManager
import Kernel
import ModelServicesAPI
import RelationalStore
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct ContextManagerTests {
  private let context = Endpoint(0)

  private func bench(seed: UInt64 = 1, _ change: (inout ContextManagerConfiguration) -> Void = { _ in }) -> TestBench {
    var configuration = ContextManagerConfiguration(store: Endpoint(1))
    change(&configuration)
    let fixed = configuration
    let bench = TestBench(seed: seed, [NodePlan("context") { ContextManager(fixed) }, NodePlan("store") { RelationalStore() }])
    bench.run(for: .milliseconds(200))
    return bench
  }

  private func note(_ id: String, _ text: String = "x", priority: Int64 = 0, ttl: TimeSpan? = nil, readers: [String] = ["*"]) -> ContextItem
  {
    ContextItem(id, scope: "s", kind: "note", content: ["text": .string(text)], priority: priority, timeToLive: ttl, readers: readers)
  }

  private func put(_ bench: TestBench, _ item: ContextItem) -> Int { bench.ask(context, item.request())?.status ?? 0 }

  private func ids(_ bench: TestBench, _ filter: ContextFilter = ContextFilter(scope: "s")) throws -> [String] {
    let response = try #require(bench.ask(context, ContextAPI.items(filter)))
    return try response.document().member("items").elements(maximum: 300).map { try $0.member("id").string(maximumBytes: 300) }
  }

  private func adapted(_ bench: TestBench, _ type: ModelType, _ format: Int64 = 1) throws -> JSON {
    let response = try #require(bench.ask(context, ContextAPI.adapted(type, format: format, ContextFilter(scope: "s"))))
    return try response.document().value["context"] ?? .null
  }

  private func code(_ bench: TestBench, _ request: Request) -> String {
    bench.ask(context, request).map { "\($0.status) \(ErrorAnswer($0).code)" } ?? "none"
  }

  @Test func itemsAreKeptReplacedAndTakenAway() throws {
    let bench = bench()
    #expect(code(bench, ContextAPI.item("a", scope: "s")) == "404 CONTEXT_NOT_FOUND")
    #expect(put(bench, note("a", "one")) == 201 && put(bench, note("a", "two")) == 200)
    let found = try #require(bench.ask(context, ContextAPI.item("a", scope: "s")))
    #expect(try found.document().value["content"] == ["text": "two"])
    #expect(code(bench, ContextAPI.item("a", scope: "other")) == "404 CONTEXT_NOT_FOUND")
    #expect(bench.ask(context, ContextAPI.delete("a", scope: "s"))?.status == 204)
    #expect(code(bench, ContextAPI.item("a", scope: "s")) == "404 CONTEXT_NOT_FOUND")
    // Names that look alike are two.
    #expect(put(bench, note("caf\u{E9}")) == 201 && put(bench, note("cafe\u{301}")) == 201)
    #expect(try ids(bench).count == 2)
  }

  @Test func theOrderIsByPriorityAndThenTheNewest() throws {
    let bench = bench()
    for (id, priority) in [("a", 1), ("b", 3), ("c", 1), ("d", 2)] as [(String, Int64)] {
      #expect(put(bench, note(id, priority: priority)) == 201)
    }
    #expect(try ids(bench) == ["b", "d", "c", "a"])
    #expect(try ids(bench, ContextFilter(scope: "s", limit: 2)) == ["b", "d"])
    #expect(put(bench, note("a", priority: 1)) == 200)
    #expect(try ids(bench) == ["b", "d", "a", "c"])
    #expect(try ids(bench, ContextFilter(scope: "s", kinds: ["gain"])) == [])
    #expect(try adapted(bench, .language) == ["text": "x\nx\nx\nx"] && adapted(bench, .language, 2) == ["notes": ["x", "x", "x", "x"]])
  }

  @Test func nothingIsGivenOutBehindItsTimeAlsoOfMemory() throws {
    // Nothing is cleaned away, and memory keeps scopes for long.
    let bench = bench {
      $0.cleanEvery = .seconds(3_600)
      $0.memoryTime = .seconds(3_600)
    }
    #expect(put(bench, note("a", ttl: .milliseconds(500))) == 201 && put(bench, note("b")) == 201)
    #expect(try ids(bench) == ["b", "a"])
    bench.run(for: .milliseconds(505))
    #expect(try ids(bench) == ["b"])
    #expect(code(bench, ContextAPI.item("a", scope: "s")) == "404 CONTEXT_NOT_FOUND")
    // Not by a restart either.
    bench.crashAndRestart(NodeID(0), after: .zero, settle: .milliseconds(300))
    #expect(try ids(bench) == ["b"])
    #expect(put(bench, note("a", ttl: .seconds(5))) == 201, "what is over is not there")
  }

  @Test func whatIsOverIsCleanedAway() throws {
    let bench = bench { $0.cleanedAtOnce = 3 }
    for number in 0..<10 { #expect(put(bench, note("n\(number)", ttl: .milliseconds(100))) == 201) }
    #expect(put(bench, note("stays")) == 201)
    bench.run(for: .seconds(4))
    let rows = try #require(
      bench.ask(
        Endpoint(1),
        Request.json(.post, "/transactions") { $0.value(["steps": [["select": "context_items"]]]) }))
    #expect(String(decoding: rows.body, as: UTF8.self).components(separatedBy: "\"scope\":").count > 1)
    let document = try rows.document()
    for result in try document.member("results").elements(maximum: 1) {
      #expect(try result.member("rows").elements(maximum: 100).map { try $0.member("id").string(maximumBytes: 99) } == ["stays"])
    }
  }

  @Test func whatWasAcknowledgedSurvivesCrashesOfBoth() throws {
    for seed in 1...8 as ClosedRange<UInt64> {
      let bench = bench(seed: seed)
      var kept: [String: String] = [:]
      for number in 0..<30 {
        let (id, text) = ("n\(bench.random.below(6))", "text \(number)")
        if [200, 201].contains(put(bench, note(id, text))) { kept[id] = text } else { kept[id] = nil }
        if number % 7 == 0 { bench.crashSoon(NodeID(UInt16(bench.random.below(2))), within: .milliseconds(20)) }
      }
      bench.run(for: .seconds(13))
      for (id, text) in kept.sorted(by: { $0.key < $1.key }) {
        let found = try #require(bench.insist(context, ContextAPI.item(id, scope: "s")), "seed \(seed): \(id)")
        #expect(try found.document().value["content"] == ["text": .string(text)], "seed \(seed): \(id)")
      }
    }
  }

  @Test func modelsAreGivenWhatIsForThem() throws {
    let bench = bench()
    #expect(put(bench, note("all")) == 201 && put(bench, note("own", "own", priority: 2, readers: ["language"])) == 201)
    #expect(put(bench, note("theirs", "theirs", priority: 3, readers: ["audio-effect", "audio-analysis"])) == 201)
    #expect(try adapted(bench, .language) == ["text": "own\nx"])
    let gain = ContextItem("g", scope: "s", kind: "gain", content: ["gain": 1.5], priority: 1)
    #expect(put(bench, gain) == 201)
    #expect(try adapted(bench, .audioEffect) == ["gain": 1.5] && adapted(bench, .audioEffect, 2) == ["gain_percent": 150])
    let newer = ContextItem("h", scope: "s", kind: "gain", format: 2, content: ["gain_percent": 250], priority: 1)
    #expect(put(bench, newer) == 201)
    #expect(try adapted(bench, .audioEffect) == ["gain": 2.5] && adapted(bench, .audioEffect, 2) == ["gain_percent": 250])
    #expect(try adapted(bench, .audioAnalysis) == [:])
    #expect(code(bench, Request(.get, "/adapted?model_type=video&scope=s")) == "400 UNKNOWN_MODEL_TYPE")
  }

  @Test func badItemsAreRefused() throws {
    let bench = bench()
    let bad: [JSON] = [
      [:], ["scope": "s", "kind": "note"], ["scope": "", "kind": "note", "content": ["text": "x"]],
      ["scope": "s", "kind": "note", "content": "x"], ["scope": "s", "kind": "note", "content": ["words": "x"]],
      ["scope": "s", "kind": "gain", "content": ["gain": 11]], ["scope": "s", "kind": "gain", "format": 2, "content": ["gain": 1]],
      ["scope": "s", "kind": "other", "content": [:], "priority": 101], ["scope": "s", "kind": "other", "content": [:], "ttl_ms": 0],
      ["scope": "s", "kind": "other", "content": [:], "readers": []],
      ["scope": "s", "kind": "other", "content": [:], "readers": ["video"]],
      ["scope": "s", "kind": "other", "content": [:], "format": 3],
      ["scope": "s", "kind": "other", "content": ["long": .string(String(repeating: "x", count: 17_000))]],
    ]
    for body in bad { #expect(code(bench, Request.json(.put, "/context/a") { $0.value(body) }) == "400 INVALID_FIELD", "\(body)") }
    #expect(code(bench, Request(.get, "/context")) == "400 INVALID_TARGET")
    #expect(code(bench, Request(.get, "/context?scope=s&limit=0")) == "400 INVALID_TARGET")
    #expect(code(bench, Request(.get, "/context?scope=s&colour=red")) == "400 INVALID_TARGET")
    #expect(try ids(bench).isEmpty)
  }

  @Test func aScopeHasABound() throws {
    let bench = bench()
    for number in 0..<ContextAPI.maximumItems { #expect(put(bench, note("n\(number)")) == 201) }
    #expect(code(bench, note("more").request()) == "409 SCOPE_FULL")
    #expect(put(bench, note("n7", "again")) == 200, "what is there may be replaced")
    #expect(bench.ask(context, ContextAPI.delete("n8", scope: "s"))?.status == 204)
    #expect(put(bench, note("more")) == 201)
  }

  @Test func whileTheStoreIsAwayMemoryIsGivenOutAndTheRestRefused() throws {
    let bench = bench { $0.memoryTime = .seconds(60) }
    #expect(put(bench, note("a")) == 201)
    #expect(try ids(bench) == ["a"])
    bench.host.crash(NodeID(1))
    #expect(try ids(bench) == ["a"])
    #expect(code(bench, ContextAPI.items(ContextFilter(scope: "other"))) == "503 STORE_UNAVAILABLE")
    #expect(code(bench, note("b").request()) == "503 STORE_UNAVAILABLE")
    bench.host.restart(NodeID(1), after: .zero)
    bench.run(for: .seconds(2))
    #expect(put(bench, note("b")) == 200 || put(bench, note("c")) == 201)
  }
}
