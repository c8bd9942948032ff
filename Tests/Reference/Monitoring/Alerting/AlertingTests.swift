// Alerting from outside, over stand-ins for the query engine and for webhooks: rules, evaluations, notifications,
// restarts, compaction. MONITORING-23, 24.

import Alerting
import Kernel
import MonitoringAPI
import Resilience
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct AlertingTests {
  @Test func aRuleThatFindsNothingSaysWhy() {
    let outside = Outside()
    outside.value = nil
    let bench = bench(outside)
    #expect(bench.text(.post, "/rules", #"{"name":"bare","query":"avg(cpu) > 1","duration":"0s","channels":[]}"#).status == 201)
    let said = #"{"name":"said","query":"max(cpu WHERE time > now() - 1h30m) > 1","duration":"0s","channels":[]}"#
    #expect(bench.text(.post, "/rules", said).status == 201)
    bench.run(for: .seconds(3))
    let bare = #"no points for avg(\"cpu\") in the last 1m, which a rule reads that says no time"#
    #expect(bench.text(.get, "/alerts").body.contains(#"{"alerts":[],"without_data":[{"rule":"bare","since":"#))
    #expect(bench.text(.get, "/alerts").body.contains(bare))
    #expect(bench.text(.get, "/alerts").body.contains(#"no points for max(\"cpu\") in the time that the query says"#))
    #expect(bench.text(.post, "/evaluate", #"{"rule":"bare"}"#).body.contains(bare))
    #expect(bench.text(.get, "/health").body.contains(#""rules_without_data":2"#))
    outside.value = 7
    bench.run(for: .seconds(2))
    #expect(!bench.text(.get, "/alerts").body.contains("without_data"))
    #expect(bench.text(.get, "/health").body.contains(#""rules_without_data":0"#))
    #expect(bench.alerts().map(\.state) == [.firing, .firing])
    // The language that the rules ask the engine in takes several units.
    #expect(outside.queries.contains { $0.contains("max(cpu) WHERE time >= ") })
  }

  /// The engine has no number for such a sum; its side is that of the average.
  @Test func aSumBeyondTheRangeOfDoublesIsCompared() {
    let outside = Outside()
    outside.columns = [.init("sum", .none), .init("avg", .number(1.7e308))]
    let bench = bench(outside)
    for (name, condition) in [("above", "sum(x) > 80"), ("below", "sum(x) <= 80"), ("average", "max(x) > 80")] {
      #expect(
        bench.text(.post, "/rules", #"{"name":"\#(name)","query":"\#(condition)","duration":"0s","channels":["one"]}"#).status == 201)
    }
    bench.run(for: .seconds(3))
    #expect(bench.alerts().filter { $0.state == .firing }.map(\.rule) == ["above"])
    #expect(outside.queries.contains { $0.hasPrefix("SELECT sum(x), avg(x) WHERE time >= ") })
    // The engine never has points without a greatest one.
    #expect(bench.text(.get, "/health").body.contains(#""rules_without_data":1"#))
    #expect(bench.text(.post, "/evaluate", #"{"rule":"above"}"#).body.contains(#""value":null"#))
    // What was kept is read again.
    bench.restartAlerting()
    outside.columns = [.init("sum", .none), .init("avg", .number(-1.7e308))]
    bench.run(for: .seconds(3))
    #expect(bench.alerts().filter { $0.state == .firing }.map(\.rule) == ["below"])
    #expect(outside.told("/one") == [.firing, .resolved, .firing] || outside.told("/one") == [.firing, .firing, .resolved])
  }

  /// What was wrong with a rule as it was is not told of the rule that took its place, which nobody has evaluated yet.
  @Test func aRuleThatIsMendedHasNotFailed() {
    let outside = Outside()
    outside.isEngineBroken = true
    let bench = bench(outside) { $0.every = .seconds(600) }
    #expect(bench.text(.post, "/rules", #"{"name":"r","query":"avg(x) > 1","duration":"0s","channels":[]}"#).status == 201)
    #expect(bench.text(.post, "/evaluate", #"{"rule":"r"}"#).status >= 500)
    #expect(bench.text(.get, "/health").body.contains("1 of 1 rules cannot be evaluated"))
    #expect(bench.text(.put, "/rules/r", #"{"query":"avg(y) > 1","duration":"0s","channels":[]}"#).status == 200)
    #expect(!bench.text(.get, "/health").body.contains("cannot be evaluated"))
  }

  @Test func namesThatLookAlikeAreDifferentRules() {
    let bench = bench(Outside()) { configuration in
      configuration.channels = ["caf\u{E9}", "cafe\u{301}"].map { AlertingChannel(name: $0, endpoint: Endpoint(2), path: "/hook") }
    }
    for name in ["caf\u{E9}", "cafe\u{301}"] {
      let body = #"{"name":"\#(name)","query":"avg(x) > 1","duration":"0s","channels":["caf\#u{E9}","cafe\#u{301}"]}"#
      #expect(bench.text(.post, "/rules", body).status == 201)
      #expect(bench.text(.post, "/rules", body).status == 409)
    }
    #expect(bench.text(.put, "/rules/caf%C3%A9", #"{"query":"avg(y) > 2","duration":"0s","channels":[]}"#).status == 200)
    let mismatched = #"{"name":"cafe\#u{301}","query":"avg(y) > 2","duration":"0s","channels":[]}"#
    #expect(bench.text(.put, "/rules/caf%C3%A9", mismatched).status == 400)
    bench.restartAlerting()
    #expect(bench.text(.get, "/rules/caf%C3%A9").body.contains("avg(y)"))
    #expect(bench.text(.get, "/rules/cafe%CC%81").body.contains("avg(x)"))
    #expect(bench.text(.get, "/rules/cafe%CC%81").body.contains("[\"caf\u{E9}\",\"cafe\u{301}\"]"))
    #expect(bench.text(.delete, "/rules/cafe%CC%81").status == 204)
    #expect(bench.text(.get, "/rules/caf%C3%A9").status == 200)
  }

  @Test func rulesAreMadeListedChangedAndDeleted() {
    let bench = bench(Outside())
    let body = #"{"name":"high_cpu_alert","query":"avg(cpu_usage) > 80","duration":"5m","channels":["one","two"]}"#
    let shown =
      #"{"name":"high_cpu_alert","query":"avg(cpu_usage) > 80","duration":"5m","channels":["one","two"],"missing_data":"keep"}"#
    #expect(bench.text(.post, "/rules", body) == (201, shown))
    #expect(bench.text(.post, "/rules", body).status == 409)
    #expect(bench.text(.get, "/rules/high_cpu_alert") == (200, shown))
    #expect(bench.text(.get, "/rules") == (200, #"{"rules":[\#(shown)]}"#))
    #expect(bench.text(.get, "/alerts") == (200, #"{"alerts":[]}"#))
    let changed = #"{"query":"max(cpu_usage) >= 9","duration":"0s","channels":[],"missing_data":"fire","every":"10s"}"#
    #expect(bench.text(.put, "/rules/high_cpu_alert", changed).status == 200)
    #expect(bench.text(.put, "/rules/other", changed).status == 201)
    bench.restartAlerting()
    #expect(
      bench.text(.get, "/rules").body
        == #"{"rules":[{"name":"high_cpu_alert","# + changed.dropFirst() + #",{"name":"other","# + changed.dropFirst() + "]}")
    #expect(bench.text(.delete, "/rules/other").status == 204)
    #expect(bench.text(.delete, "/rules/other").status == 404)
    bench.restartAlerting()
    #expect(bench.text(.get, "/rules/other").status == 404)
    #expect(bench.text(.get, "/rules/high_cpu_alert").status == 200)
  }

  @Test(arguments: [
    ("", "MALFORMED_JSON"), ("{}", "INVALID_FIELD"), (#"{"query":"avg(m) > 1","duration":"5m","channels":[]}"#, "INVALID_FIELD"),
    (#"{"name":"n","query":"avg(m)","duration":"5m","channels":[]}"#, "INVALID_QUERY"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"5 minutes","channels":[]}"#, "INVALID_QUERY"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"5m","channels":["fax"]}"#, "UNKNOWN_CHANNEL"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"5m","channels":"one"}"#, "INVALID_FIELD"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"5m","channels":[],"missing_data":"never"}"#, "INVALID_FIELD"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"99w","channels":[]}"#, "INVALID_FIELD"),
    (#"{"name":"n","query":"avg(m) > 1","duration":"5m","channels":[],"every":"1ms"}"#, "INVALID_FIELD"),
  ])
  func whatIsNoRuleIsRefused(body: String, code: String) {
    let response = bench(Outside()).ask(alerting, Request(.post, "/rules", body: Array(body.utf8)))
    #expect(response?.status == 400)
    #expect(response.map { ErrorAnswer($0).code } == code)
  }

  @Test func damagedBodiesAreAnsweredAndDoNoHarm() {
    let bench = bench(Outside())
    let rule =
      #"{"name":"n","query":"avg(m WHERE host = 'a') > 80","duration":"5m","channels":["one"],"missing_data":"fire","every":"10s"}"#
    let statuses = bench.sendDamaged(
      [(.post, "/rules", rule), (.put, "/rules/n", rule), (.post, "/evaluate", #"{"rule":"n"}"#)], to: alerting, count: 600)
    #expect(statuses.allSatisfy { $0.map { [200, 201, 400, 404, 409].contains($0) } ?? false })
    #expect(statuses.contains(201) && statuses.contains(400))
    bench.restartAlerting()
    bench.run(for: .seconds(20))
    #expect(bench.text(.get, "/rules").status == 200)
    #expect(bench.defects.isEmpty)
  }

  @Test func aBreachIsToldOnceWhenItFiresAndOnceWhenItIsResolved() {
    let outside = Outside()
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(channels: ["one", "two"]).request()) != nil)
    bench.run(for: .seconds(10))
    #expect(bench.alerts().isEmpty)
    outside.value = 85.5
    bench.run(for: .seconds(3))
    #expect(bench.alerts().map(\.state) == [.pending])
    #expect(outside.deliveries.isEmpty)
    bench.run(for: .seconds(5))
    #expect(bench.alerts().map(\.state) == [.firing])
    #expect(bench.alerts().map(\.value) == [85.5])
    bench.run(for: .seconds(10))
    outside.value = 20
    bench.run(for: .seconds(3))
    #expect(bench.alerts().map(\.state) == [.resolved])
    #expect(outside.deliveries.count == 4)
    #expect(outside.told("/one") == [.firing, .resolved])
    #expect(outside.told("/two") == [.firing, .resolved])
    #expect(bench.facts(.alertChanged).map(\.value) == [1, 2, 3])
    #expect(outside.queries.last?.hasPrefix("SELECT avg(cpu_usage) WHERE time >= '20") == true)
  }

  @Test func evaluateAnswersWithTheAlertAsItIsNow() throws {
    let outside = Outside()
    let bench = bench(outside) { $0.every = .hours(1) }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    outside.value = 90
    let response = try #require(bench.ask(alerting, EvaluateRequest(rule: "high_cpu").request()))
    #expect(try AlertView(response.document()).state == .firing)
    #expect(try AlertView(response.document()).value == 90)
    #expect(bench.ask(alerting, EvaluateRequest(rule: "none").request())?.status == 404)
    outside.isEngineBroken = true
    let failed = try #require(bench.ask(alerting, EvaluateRequest(rule: "high_cpu").request()))
    #expect(failed.status == 503)
    #expect(bench.alerts().map(\.state) == [.firing])
  }

  /// Those whose evaluation is under way, and those who wait for the next one: a rule that goes leaves nobody waiting.
  @Test func whoWaitsForAnEvaluationIsAnsweredWhenTheRuleGoes() throws {
    let disk = SimulatedDisk(capacityBytes: 1 << 20, random: RandomStream(seed: 1))
    var turn = Turn(node: alertingNode, incarnation: 0, disk: disk, random: RandomStream(seed: 1))
    var machine = Alerting(AlertingConfiguration(queryEngine: Endpoint(1), channels: []))
    try machine.start(&turn)
    /// What was answered, and what was asked of the engine, by one more request.
    func take(_ exchange: UInt64, _ request: Request) -> (answers: [UInt64: Int], asked: [ExchangeID]) {
      machine.handle(.request(ExchangeID(exchange), request), &turn)
      var (answers, asked): ([UInt64: Int], [ExchangeID]) = ([:], [])
      while let pending = turn.effects.next() {
        if case .reply(let id, let response) = pending.effect { answers[id.value] = response.status }
        if case .call(let id, _, _) = pending.effect { asked.append(id) }
      }
      return (answers, asked)
    }
    #expect(take(1, rule(channels: []).request()).answers == [1: 201])
    let served = take(2, EvaluateRequest(rule: "high_cpu").request())
    #expect(served.answers == [:])
    let engine = try #require(served.asked.first)
    let waiting = take(3, EvaluateRequest(rule: "high_cpu").request())
    #expect(waiting.answers == [:] && waiting.asked == [])
    #expect(take(4, Request(.delete, "/rules/high_cpu")).answers == [2: 404, 3: 404, 4: 204])
    // The engine's answer comes too late, and is answered to nobody.
    machine.handle(.response(engine, EngineQueryResponse(rows: []).response()), &turn)
    while let pending = turn.effects.next() {
      if case .reply(let id, _) = pending.effect { Issue.record("\(id.value) is answered twice") }
    }
  }

  @Test func missingDataAndABrokenEngineResolveNothing() {
    let outside = Outside()
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    #expect(bench.insist(alerting, rule("resolver", duration: "0s", channels: ["two"], missing: .resolve).request()) != nil)
    outside.value = 90
    bench.run(for: .seconds(3))
    outside.isEngineBroken = true
    bench.run(for: .seconds(5))
    #expect(bench.alerts().map(\.state) == [.firing, .firing])
    outside.isEngineBroken = false
    outside.value = nil
    bench.run(for: .seconds(5))
    #expect(bench.alerts().map(\.state) == [.firing, .resolved])
    #expect(bench.alerts().map(\.value) == [nil, nil])
    #expect(outside.deliveries.last.map { $0.reason } == .missingData)
  }

  @Test func aRuleThatGoesWhileItsAlertFiresResolvesIt() {
    let outside = Outside()
    let bench = bench(outside)
    for name in ["deleted", "changed"] { #expect(bench.insist(alerting, rule(name, duration: "0s").request()) != nil) }
    outside.value = 90
    bench.run(for: .seconds(3))
    #expect(bench.text(.delete, "/rules/deleted").status == 204)
    #expect(bench.text(.put, "/rules/changed", #"{"query":"avg(cpu_usage) > 99","duration":"0s","channels":["one"]}"#).status == 200)
    bench.run(for: .seconds(3))
    #expect(outside.told("/one") == [.firing, .firing, .resolved, .resolved])
    #expect(outside.deliveries.suffix(2).allSatisfy { $0.reason == .ruleChanged })
    #expect(bench.alerts().isEmpty)
  }

  @Test func aFullDiskIsToldAsLongAsItIsFull() { #expect(bench(Outside()).tellsOfAFullDisk(alertingNode) == [false, true, false]) }

  @Test func aFullDiskChangesNothingAndLosesNothing() {
    let outside = Outside()
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    bench.host.plan([PlannedFault(at: TimeSpan(nanoseconds: bench.host.now), for: .seconds(5), FullDisk(of: alertingNode))])
    outside.value = 90
    bench.run(for: .seconds(3))
    #expect(bench.alerts().isEmpty)
    #expect(bench.ask(alerting, rule("another").request()).map { ErrorAnswer($0).code } == "DISK_FULL")
    bench.run(for: .seconds(5))
    #expect(bench.alerts().map(\.state) == [.firing])
    #expect(outside.told("/one") == [.firing])
  }

  @Test func theJournalStaysShort() {
    let outside = Outside()
    let bench = bench(outside) { $0.compactionBytes = 20_000 }
    for index in 0..<5 { #expect(bench.insist(alerting, rule("rule-\(index)", duration: "0s").request()) != nil) }
    for step in 0..<80 {
      outside.value = step % 2 == 0 ? 90 : 0
      bench.run(for: .seconds(2))
    }
    let used = bench.host.disk(of: alertingNode).used
    #expect(used < 120_000)
    bench.restartAlerting()
    #expect(bench.alerts().map(\.state) == Array(repeating: .resolved, count: 5))
    #expect(outside.told("/one").count == 400)
    #expect(bench.defects.isEmpty)
  }

  // MARK: crashes

  /// Breaches under crashes of alerting and of the hooks: each breach is told exactly once, by key. Returns what went
  /// wrong, or nil.
  private static func flyAlerts(seed: UInt64, planted: [Mutant] = []) -> String? {
    let outside = Outside()
    let bench = bench(seed: seed, outside, planted: planted)
    guard bench.insist(alerting, rule(duration: "3s").request()) != nil else { return "no rule" }
    func go(_ value: Double?, for span: TimeSpan) {
      outside.value = value
      bench.crashSoon(alertingNode, within: span)
      bench.run(for: span)
    }
    for round in 0..<4 {
      go(10, for: .seconds(3))
      // Too short to fire, twice.
      go(90, for: .seconds(2))
      go(10, for: .seconds(2))
      go(90, for: .seconds(2))
      if bench.alerts().contains(where: { $0.state == .firing }) { return "round \(round): fired before its duration" }
      go(10, for: .seconds(2))
      go(90, for: .seconds(8))
      if !bench.alerts().contains(where: { $0.state == .firing }) { return "round \(round): did not fire" }
      go(nil, for: .seconds(3))
      if !bench.alerts().contains(where: { $0.state == .firing }) { return "round \(round): resolved without data" }
      go(10, for: .seconds(3))
    }
    bench.run(for: .seconds(30))
    if let defect = bench.defects.first { return "defect: \(defect.what)" }
    let told = outside.told("/one")
    let expected = Array([[AlertWord]](repeating: [.firing, .resolved], count: 4).joined())
    return told == expected ? nil : "told \(told.map(\.rawValue))"
  }

  @Test func everyBreachIsToldOnceWhateverCrashes() {
    for seed in UInt64(1)...20 { #expect(Self.flyAlerts(seed: seed) == nil, "seed \(seed)") }
  }

  /// Those that show with one channel and a sound disk; the others have scenarios of their own.
  private static let mutants = alertingMutants.filter {
    !["alerting/waits-for-other-channels", "alerting/starts-on-damage"].contains($0.name)
  }

  @Test(arguments: mutants) func thePlantedBugsAreCaught(mutant: Mutant) {
    #expect((UInt64(1)...30).contains { Self.flyAlerts(seed: $0, planted: [mutant]) != nil })
  }
}
