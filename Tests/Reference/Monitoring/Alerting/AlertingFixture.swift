// The alerting service with a scripted engine and scripted channels, for the tests of what it does with them.

import Alerting
import Kernel
import MonitoringAPI
import Resilience
import TestBench
import Testing
import Vocabulary
import Wire
import World

let alerting = Endpoint(0)
let alertingNode = NodeID(0)

/// What the engine answers, and what the webhooks got.
final class Outside {
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

func bench(
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

func rule(
  _ name: String = "high_cpu", duration: String = "5s", channels: [String] = ["one"], missing: MissingDataPolicy = .keep
) -> RuleBody {
  RuleBody(name: name, query: "avg(cpu_usage) > 80", duration: duration, channels: channels, missingData: missing)
}

extension TestBench {
  func text(_ method: Method, _ path: String, _ body: String = "") -> (status: Int, body: String) {
    guard let response = ask(alerting, Request(method, path, body: Array(body.utf8))) else { return (0, "no answer") }
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  func alerts() -> [AlertView] {
    guard let response = insist(alerting, Request(.get, "/alerts")), let document = try? response.document() else { return [] }
    return (try? AlertsResponse(document))?.alerts ?? []
  }

  func restartAlerting(after span: TimeSpan = .milliseconds(20)) {
    crashAndRestart(alertingNode, after: span, settle: span + .milliseconds(5))
  }
}
