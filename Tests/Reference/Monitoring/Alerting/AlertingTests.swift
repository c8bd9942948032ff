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

private let alerting = Endpoint(0)
private let alertingNode = NodeID(0)

/// What the engine answers, and what the webhooks got.
private final class Outside {
  /// The value of every query; nil for no data.
  var value: Double? = 0
  /// The columns of every answer, where they are not the value alone.
  var columns: [EngineRow.Column]?
  var isEngineBroken = false
  var queries: [String] = []
  /// The status that a hook answers with, by path; nil leaves the caller waiting.
  var statuses: [String: Int?] = [:]
  /// What a hook that does not answer 200 says beside.
  var headers = Headers()
  /// Every delivery: path, key, state, reason.
  var deliveries: [(path: String, key: String, state: AlertWord, reason: AlertReason)] = []

  func engine(_ request: Request) -> Response? {
    guard !isEngineBroken, let document = try? request.document(), let query = try? EngineQueryRequest(document),
      (try? Query(parsing: query.query)) != nil
    else { return .failure(500, code: "BROKEN", message: "out of order") }
    queries.append(query.query)
    if let columns { return EngineQueryResponse(rows: [EngineRow(timeNanoseconds: 0, columns: columns)]).response() }
    guard let value else { return EngineQueryResponse(rows: []).response() }
    return EngineQueryResponse(rows: [EngineRow(timeNanoseconds: 0, columns: [.init("avg", .number(value))])]).response()
  }

  func hook(_ request: Request) -> Response? {
    let status = statuses[request.head.target] ?? 200
    guard let document = try? request.document(), let body = try? WebhookBody(document), let key = request.head.headers["idempotency-key"]
    else { return Response(status: 400) }
    deliveries.append((request.head.target, key, body.alert.state, body.reason))
    return status.map { Response(status: $0, headers: $0 == 200 ? Headers() : headers) }
  }

  /// The states that a path was told, each key once.
  func told(_ path: String) -> [AlertWord] {
    var keys: Set<String> = []
    return deliveries.filter { $0.path == path && keys.insert($0.key).inserted }.map(\.state)
  }
}

private func bench(
  seed: UInt64 = 1, _ outside: Outside, planted: [Mutant] = [], _ change: (inout AlertingConfiguration) -> Void = { _ in }
) -> TestBench {
  var configuration = AlertingConfiguration(
    queryEngine: Endpoint(1),
    channels: [
      AlertingChannel(name: "one", endpoint: Endpoint(2), path: "/one"), AlertingChannel(name: "two", endpoint: Endpoint(2), path: "/two"),
    ])
  configuration.every = .seconds(1)
  change(&configuration)
  return TestBench(
    seed: seed,
    [
      NodePlan("alerting", planted: PlantedBugs(planted)) { Alerting(configuration) },
      NodePlan("query") { Responder { request, _ in outside.engine(request) } },
      NodePlan("hooks") { Responder { request, _ in outside.hook(request) } },
    ])
}

private func rule(
  _ name: String = "high_cpu", duration: String = "5s", channels: [String] = ["one"], missing: MissingDataPolicy = .keep
) -> RuleBody {
  RuleBody(name: name, query: "avg(cpu_usage) > 80", duration: duration, channels: channels, missingData: missing)
}

extension TestBench {
  fileprivate func text(_ method: Method, _ path: String, _ body: String = "") -> (status: Int, body: String) {
    guard let response = ask(alerting, Request(method, path, body: Array(body.utf8))) else { return (0, "no answer") }
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  fileprivate func alerts() -> [AlertView] {
    guard let response = insist(alerting, Request(.get, "/alerts")), let document = try? response.document() else { return [] }
    return (try? AlertsResponse(document))?.alerts ?? []
  }

  fileprivate func restartAlerting(after span: TimeSpan = .milliseconds(20)) {
    crashAndRestart(alertingNode, after: span, settle: span + .milliseconds(5))
  }
}

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

  @Test func aDeadChannelBlocksNoOtherAndIsServedOnceItLives() {
    let outside = Outside()
    outside.statuses["/one"] = .some(nil)
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    outside.value = 90
    bench.run(for: .seconds(3))
    outside.value = 0
    bench.run(for: .seconds(3))
    #expect(outside.told("/two") == [.firing, .resolved])
    #expect(outside.told("/one") == [.firing])
    outside.statuses["/one"] = 500
    bench.run(for: .seconds(10))
    bench.restartAlerting()
    outside.statuses["/one"] = 200
    bench.run(for: .seconds(40))
    #expect(outside.told("/one") == [.firing, .resolved])
    let count = outside.deliveries.count
    bench.restartAlerting()
    bench.run(for: .seconds(40))
    #expect(outside.deliveries.count == count)
  }

  /// Changes the alert `count` times.
  private func change(_ outside: Outside, _ bench: TestBench, times count: Int) {
    for _ in 0..<count {
      outside.value = outside.value == 90 ? 0 : 90
      bench.run(for: .seconds(2))
    }
  }

  @Test func whatIsRefusedForItsContentIsPutAsideAndTriedAgain() {
    let outside = Outside()
    outside.statuses["/one"] = 422
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 1)
    bench.run(for: .seconds(20))
    #expect(outside.deliveries.count == 3, "three tries, with pauses, and then it waits")
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#""waiting_notifications":1,"refused_notifications":1,"dropped_notifications":0"#))
    #expect(health.contains(#""degraded":["channel one refuses 1 notifications for their content"]"#))
    // The next has its turn meanwhile, and the first comes through once it is taken.
    outside.statuses["/one"] = 200
    change(outside, bench, times: 1)
    #expect(outside.deliveries.map(\.state) == [.firing, .firing, .firing, .resolved])
    bench.run(for: .minutes(5))
    #expect(outside.deliveries.map(\.state) == [.firing, .firing, .firing, .resolved, .firing])
    #expect(Set(outside.deliveries.filter { $0.state == .firing }.map(\.key)).count == 1)
    #expect(!bench.text(.get, "/health").body.contains("degraded"))
  }

  @Test func whatWasPutAsideAndWhatFailsDoNotForgetEachOther() {
    let outside = Outside()
    outside.statuses["/one"] = 422
    let bench = bench(outside) {
      $0.asideEvery = .seconds(30)
      $0.refusalBackoff = Backoff(base: .seconds(1), cap: .seconds(45))
    }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 1)
    bench.run(for: .seconds(20))
    outside.statuses["/one"] = 404
    change(outside, bench, times: 1)
    // The pauses grow beyond the time at which what was put aside is tried again, and the other way round.
    bench.run(for: .minutes(5))
    outside.statuses["/one"] = 200
    bench.run(for: .minutes(1))
    #expect(Set(outside.deliveries.suffix(2).map(\.state)) == [.firing, .resolved])
    #expect(bench.text(.get, "/health").body.contains(#""waiting_notifications":0"#))
  }

  /// Whatever a receiver answers that is not 2xx: it is told in the end, in order, however long it refuses, and nothing
  /// is counted as dropped.
  @Test(arguments: [301, 401, 404, 408, 410, 429, 431, 500, 503])
  func aReceiverThatIsMendedIsToldInTheEnd(status: Int) {
    let outside = Outside()
    outside.statuses["/one"] = status
    let bench = bench(outside) { $0.refusalBackoff = Backoff(base: .seconds(2), cap: .seconds(30)) }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 4)
    let early = outside.deliveries.count
    #expect((2...12).contains(early), "tried with pauses: \(early)")
    bench.run(for: .minutes(6))
    #expect(outside.deliveries.count < 60, "and these grow: \(outside.deliveries.count)")
    #expect(bench.text(.get, "/health").body.contains("channel one does not take notifications (status \(status)): 4 wait"))
    outside.statuses["/one"] = 200
    bench.run(for: .minutes(1))
    let told = outside.deliveries.suffix(4).map(\.state)
    #expect(told == [.firing, .resolved, .firing, .resolved])
    let health = bench.text(.get, "/health").body
    #expect(
      health.contains(#""waiting_notifications":0,"refused_notifications":0,"dropped_notifications":0"#) && !health.contains("degraded"))
  }

  @Test func aReceiverIsNotAskedSoonerThanItSays() {
    for header in ["60", "Tue, 14 Nov 2023 22:14:25 GMT"] {
      for status in [429, 503, 302] {
        let outside = Outside()
        outside.statuses["/one"] = status
        outside.headers = ["retry-after": header]
        let bench = bench(outside)
        #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
        change(outside, bench, times: 1)
        outside.statuses["/one"] = 200
        bench.run(for: .seconds(40))
        #expect(outside.deliveries.count == 1, "\(status) \(header)")
        bench.run(for: .seconds(40))
        #expect(outside.deliveries.count == 2, "\(status) \(header)")
      }
    }
  }

  @Test func whatNobodyTakesForADayIsDroppedAndCounted() {
    let outside = Outside()
    outside.statuses["/one"] = 404
    // As a day and the ordinary pauses, some hundred times shorter.
    let bench = bench(outside) {
      $0.maximumAge = .minutes(5)
      $0.leastTries = 12
      $0.refusalBackoff = Backoff(base: .seconds(1), cap: .seconds(10))
    }
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    outside.value = 90
    bench.run(for: .minutes(4))
    #expect(bench.text(.get, "/health").body.contains(#""dropped_notifications":0,"journal_bytes""#))
    // Time in which this service does not run gives up nothing: it is old enough now, and tried again first.
    bench.restartAlerting(after: .minutes(2))
    bench.run(for: .seconds(20))
    #expect(bench.text(.get, "/health").body.contains(#""name":"one","waiting_notifications":1"#))
    bench.run(for: .minutes(3))
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#""dropped_notifications":1,"journal_bytes""#), "\(health)")
    #expect(health.contains(#""name":"one","waiting_notifications":0,"refused_notifications":0,"dropped_notifications":1"#))
    #expect(health.contains(#""name":"two","waiting_notifications":0,"refused_notifications":0,"dropped_notifications":0"#))
  }

  @Test func tooManyThatWaitAreBoundedAndCountedByChannel() {
    let outside = Outside()
    outside.statuses["/one"] = .some(nil)
    let bench = bench(outside) { $0.maximumNotifications = 3 }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 5)
    #expect(
      bench.text(.get, "/health").body.contains(
        #""name":"one","waiting_notifications":3,"refused_notifications":0,"dropped_notifications":2"#))
  }

  /// A channel that is taken out of the configuration and comes back.
  @Test func aChannelThatIsNotConfiguredKeepsWhatItIsToBeTold() {
    let outside = Outside()
    outside.statuses["/two"] = 503
    final class Configured { var names = ["one", "two"] }
    let configured = Configured()
    let bench = TestBench([
      NodePlan("alerting") {
        var configuration = AlertingConfiguration(
          queryEngine: Endpoint(1), channels: configured.names.map { AlertingChannel(name: $0, endpoint: Endpoint(2), path: "/\($0)") })
        configuration.every = .seconds(1)
        return Alerting(configuration)
      },
      NodePlan("query") { Responder { request, _ in outside.engine(request) } },
      NodePlan("hooks") { Responder { request, _ in outside.hook(request) } },
    ])
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    change(outside, bench, times: 2)
    configured.names = ["two"]
    bench.restartAlerting()
    let before = bench.text(.get, "/health").body
    #expect(before.contains(#""dropped_notifications":0,"journal_bytes""#), "what was delivered is not counted as dropped")
    #expect(!before.contains(#""name":"one""#), "nothing waits for it")
    outside.statuses["/two"] = 200
    change(outside, bench, times: 2)
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#"{"name":"one","configured":false,"waiting_notifications":2"#), "\(health)")
    #expect(health.contains("2 notifications wait for channel one, which is not configured"))
    bench.restartAlerting()
    configured.names = ["two", "one"]
    bench.restartAlerting()
    bench.run(for: .seconds(60))
    #expect(outside.told("/one") == [.firing, .resolved, .firing, .resolved])
    #expect(outside.told("/two") == [.firing, .resolved, .firing, .resolved])
    #expect(!bench.text(.get, "/health").body.contains("degraded"))
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

  @Test(arguments: alertingMutants) func thePlantedBugsAreCaught(mutant: Mutant) {
    #expect((UInt64(1)...30).contains { Self.flyAlerts(seed: $0, planted: [mutant]) != nil })
  }
}
