// A relational store in the simulated world: tables, transactions that are whole or not at all, tenants, crashes.

import Kernel
import RelationalStore
import StoresAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct RelationalStoreTests {
  private let store = Endpoint(0)

  private func bench(seed: UInt64 = 1) -> TestBench { TestBench(seed: seed, [NodePlan("store") { RelationalStore() }]) }

  private let people = StoreAPI.Table(
    "people",
    [
      .init("id", .integer), .init("name", .text), .init("weight", .real, isOptional: true), .init("active", .boolean),
      .init("meta", .json, isOptional: true),
    ], key: ["id"], unique: [["name"]])
  private let notes = StoreAPI.Table("notes", [.init("id", .text), .init("body", .text)], key: ["id"], hasTenancy: true)

  private func ask(_ bench: TestBench, _ steps: String, tenant: String? = nil) -> (status: Int, body: String) {
    let target = "/transactions" + (tenant.map { "?tenant=\(HTTPTarget.escaped($0))" } ?? "")
    guard let answer = bench.ask(store, Request(.post, target, body: Array("{\"steps\":[\(steps)]}".utf8))) else { return (0, "none") }
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }

  private func insert(_ id: Int, _ name: String, more: String = "") -> String {
    #"{"insert":"people","row":{"id":\#(id),"name":"\#(name)","active":true\#(more)}}"#
  }

  @Test func tablesAreMadeOnceAndKept() throws {
    let bench = bench()
    #expect(bench.ask(store, people.request())?.status == 201 && bench.ask(store, people.request())?.status == 200)
    var other = people
    other.unique = []
    #expect(bench.ask(store, other.request())?.status == 409)
    bench.host.crash(NodeID(0))
    bench.host.restart(NodeID(0), after: .milliseconds(10))
    bench.run(for: .milliseconds(500))
    let listed = try #require(bench.insist(store, Request(.get, "/tables"))).document().member("tables").elements(maximum: 9)
    #expect(try listed.map { (field) throws(FieldMistake) in try StoreAPI.Table(field) } == [people])
    for bad in [
      #"{"name":"T","columns":{"a":"text"},"key":["a"]}"#, #"{"name":"t; drop","columns":{"a":"text"},"key":["a"]}"#,
      #"{"name":"t","columns":{"a":"blob"},"key":["a"]}"#, #"{"name":"t","columns":{"a":"text"},"key":["b"]}"#,
      #"{"name":"t","columns":{"a":"text?"},"key":["a"]}"#, #"{"name":"t","columns":{},"key":[]}"#,
      #"{"name":"t","columns":{"a":"json"},"key":["a"]}"#, #"{"name":"t","columns":{"a":"text"},"key":["a","a"]}"#,
    ] {
      #expect(bench.ask(store, Request(.post, "/tables", body: Array(bad.utf8)))?.status == 400, "\(bad)")
    }
  }

  @Test func valuesComeBackExactly() throws {
    let bench = bench()
    _ = bench.ask(store, people.request())
    let first =
      #"{"insert":"people","row":{"id":9223372036854775807,"name":"é\u0000'\"; DROP TABLE t_people; --","weight":5e-324,"active":false,"meta":{"b":[1,2.50,null],"a":"x"}}}"#
    #expect(ask(bench, first).status == 200)
    let read = ask(bench, #"{"select":"people"}"#)
    #expect(read.status == 200)
    let rows = try JSONField(JSON(parsing: Array(read.body.utf8))).member("results").elements(maximum: 1)[0].member("rows").elements(
      maximum: 9)
    let wanted = try JSONField(JSON(parsing: Array(first.utf8))).member("row").value
    #expect(rows.count == 1 && rows[0].value == wanted, "\(read.body)")
    // Nothing in the place of what may be nothing.
    #expect(ask(bench, insert(-5, "b")).status == 200)
    #expect(ask(bench, #"{"select":"people","where":{"weight":null}}"#).body.contains(#""weight":null"#))
  }

  @Test func aTransactionIsWholeOrNotAtAll() {
    let bench = bench()
    _ = bench.ask(store, people.request())
    #expect(ask(bench, "\(insert(1, "a")),\(insert(2, "b"))").status == 200)
    for (steps, status, word, field) in [
      ("\(insert(3, "c")),\(insert(4, "a"))", 409, "CONFLICT", "steps[1]"),
      ("\(insert(3, "c")),\(insert(1, "d"))", 409, "CONFLICT", "steps[1]"),
      (
        #"\#(insert(3, "c")),{"update":"people","where":{"id":9},"set":{"name":"z"},"expect":1}"#, 412, "CONDITION_FAILED",
        "steps[1].expect"
      ), (#"\#(insert(3, "c")),{"select":"people","expect":2}"#, 412, "CONDITION_FAILED", "steps[1].expect"),
    ] {
      let answer = ask(bench, steps)
      #expect(answer.status == status && answer.body.contains("\"\(word)\"") && answer.body.contains("\"\(field)\""), "\(answer)")
      #expect(ask(bench, #"{"select":"people","where":{"id":3},"expect":0}"#).status == 200, "\(steps) left something behind")
    }
    // Compare and set, twice: the second finds that it was done.
    let swap = #"{"update":"people","where":{"id":1,"name":"a"},"set":{"name":"aa"},"expect":1}"#
    #expect(ask(bench, swap).status == 200 && ask(bench, swap).status == 412)
    #expect(
      ask(bench, #"{"delete":"people","where":{"id":{"in":[1,2]}},"expect":2},{"select":"people"}"#).body
        == #"{"results":[{"changed":2},{"rows":[]}]}"#)
    #expect(bench.defects.isEmpty)
  }

  @Test func conditionsFindWhatTheySay() throws {
    let bench = bench()
    _ = bench.ask(store, people.request())
    for id in 1...6 {
      #expect(
        ask(
          bench,
          insert(id, "n\(id)", more: #","weight":\#(id)5e-1,"meta":{"colour":"\#(id % 2 == 0 ? "red" : "blue")","deep":{"n":\#(id)}}"#)
        ).status == 200)
    }
    func found(_ condition: String, more: String = "") throws -> [Int64] {
      let answer = ask(bench, #"{"select":"people","where":{\#(condition)}\#(more)}"#)
      #expect(answer.status == 200, "\(answer)")
      let rows = try JSONField(JSON(parsing: Array(answer.body.utf8))).member("results").elements(maximum: 1)[0].member("rows")
      return try rows.elements(maximum: 99).map { (row) throws(FieldMistake) in try row.member("id").integer() }
    }
    #expect(try found(#""id":{"greater":2,"most":4}"#) == [3, 4] && found(#""name":"n5""#) == [5])
    #expect(try found(#""id":{"not":3,"less":5}"#) == [1, 2, 4] && found(#""id":{"in":[]}"#) == [])
    #expect(
      try found(#""meta.colour":"red""#) == [2, 4, 6] && found(#""meta.deep.n":5"#) == [5] && found(#""meta.none":null,"id":1"#) == [1])
    #expect(try found("", more: #","order":["-weight"],"limit":2"#) == [6, 5])
    #expect(try found(#""active":true,"weight":{"least":5.5}"#) == [5, 6])
    #expect(
      ask(bench, #"{"update":"people","where":{"id":1},"set":{"weight":{"add":1.25}}},{"select":"people","where":{"id":1}}"#).body.contains(
        #""weight":2.75"#))
    for bad in [
      #"{"select":"persons"}"#, #"{"select":"people","where":{"nam":1}}"#, #"{"select":"people","where":{"id":"1"}}"#,
      #"{"select":"people","delete":"people"}"#,
      #"{"insert":"people","row":{"id":1}}"#, #"{"insert":"people","row":{"id":1.5,"name":"x","active":true}}"#,
      #"{"update":"people","where":{},"set":{}}"#, #"{"update":"people","set":{"name":"x"}}"#, #"{"select":"people","order":["nobody"]}"#,
      #"{"select":"people","where":{"id":{"like":1}}}"#, #"{"select":"people","where":{"meta":{"a":1}}}"#,
      #"{"select":"people","where":{"meta.a'b":1}}"#,
      #"{"select":"people","limit":0}"#, #"{}"#, "",
    ] {
      #expect(ask(bench, bad).status == 400, "\(bad): \(ask(bench, bad))")
    }
  }

  @Test func tenantsDoNotMeet() {
    let bench = bench()
    _ = bench.ask(store, notes.request())
    let note = #"{"insert":"notes","row":{"id":"1","body":"of a"}}"#
    #expect(ask(bench, note, tenant: "a").status == 200)
    #expect(ask(bench, #"{"insert":"notes","row":{"id":"1","body":"of b"}}"#, tenant: "b").status == 200, "keys are each tenant's own")
    #expect(ask(bench, note, tenant: "a").status == 409)
    #expect(ask(bench, #"{"select":"notes"}"#, tenant: "a").body == #"{"results":[{"rows":[{"id":"1","body":"of a"}]}]}"#)
    #expect(
      ask(bench, #"{"update":"notes","where":{},"set":{"body":"x"},"expect":1},{"delete":"notes","where":{},"expect":1}"#, tenant: "b")
        .status == 200)
    #expect(ask(bench, #"{"select":"notes"}"#, tenant: "a").body.contains("of a"))
    #expect(ask(bench, #"{"select":"notes"}"#).status == 400, "nobody is no tenant")
    for bad in [#"{"select":"notes","where":{"tenant":"a"}}"#, #"{"insert":"notes","row":{"id":"2","body":"x","tenant":"a"}}"#] {
      #expect(ask(bench, bad, tenant: "b").status == 400)
    }
    // Names that look alike are two tenants.
    #expect(
      ask(bench, note, tenant: "caf\u{E9}").status == 200
        && ask(bench, #"{"select":"notes","expect":0}"#, tenant: "cafe\u{301}").status == 200)
  }

  /// What was answered survives crashes; of what was not, all or nothing is there.
  @Test(arguments: UInt64(1)...8) func whatWasAnsweredIsThere(_ seed: UInt64) throws {
    let bench = bench(seed: seed)
    _ = bench.insist(store, people.request())
    var random = RandomStream(seed: seed)
    var answered: Set<Int64> = []
    for round in 0..<12 {
      for number in 0..<6 {
        let id = round * 100 + number * 2
        if ask(bench, "\(insert(id, "n\(id)")),\(insert(id + 1, "n\(id + 1)"))").status == 200 { answered.insert(Int64(id)) }
      }
      if random.chance(0.7) { bench.host.crash(NodeID(0)) } else { bench.host.kill(NodeID(0)) }
      bench.host.restart(NodeID(0), after: .milliseconds(5))
      bench.run(for: .milliseconds(100))
      let read = try #require(
        bench.insist(
          store,
          StoreAPI.transaction { writer in
            writer.beginObject()
            writer.member("select", "people")
            writer.endObject()
          }))
      let rows = try read.document().member("results").elements(maximum: 1)[0].member("rows").elements(maximum: 9_999)
      let ids = Set(try rows.map { (row) throws(FieldMistake) in try row.member("id").integer() })
      #expect(answered.isSubset(of: ids), "seed \(seed), round \(round)")
      #expect(ids.allSatisfy { ids.contains($0 ^ 1) }, "seed \(seed), round \(round): half of a transaction")
    }
    #expect(answered.count > 30 && bench.defects.isEmpty)
  }
}
