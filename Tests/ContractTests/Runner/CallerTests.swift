// The caller in the simulator, against a service that answers by script: verdicts, retries, windows, bursts,
// notifications.

import ContractTests
import OpenAPI
import Synchronization
import Testing
import Vocabulary
import Wire
import World

/// A service that answers each target by a rule, and posts to node 1 when it is asked for `/notify`.
private struct ScriptedService: Machine {
  var counts: [String: Int] = [:]
  var waiting: [ExchangeID] = []

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let exchange, let request) = event else { return }
    let target = request.head.target
    counts[target, default: 0] += 1
    switch target {
    case "/count": turn.reply(exchange, .json(200) { $0.value(JSON.object([.init("count", .integer(Int64(counts[target] ?? 0)))])) })
    case "/echo": turn.reply(exchange, Response(status: 200, headers: ["x-length": String(request.body.count)], body: request.body))
    case "/third": turn.reply(exchange, .json(200) { $0.value((counts[target] ?? 0) % 3 == 0 ? 429 : 200) }, .immediately)
    case "/limit": turn.reply(exchange, Response(status: (counts[target] ?? 0) > 2 ? 429 : 202))
    case "/never": break
    case "/wait": waiting.append(exchange)
    case "/release":
      for other in waiting { turn.reply(other, .json(200) { $0.value(JSON.string("released")) }) }
      waiting = []
      turn.reply(exchange, .json(200) { $0.value(JSON.object([.init("n", .integer(7))])) })
    case "/notify":
      _ = turn.call(Endpoint(1), Request(.post, "/hook", headers: ["idempotency-key": "k"], body: Array(#"{"state":"firing"}"#.utf8)))
      turn.reply(exchange, Response(status: 204))
    default: turn.reply(exchange, .failure(404, code: "NOT_FOUND", message: "nothing is here", field: "target"))
    }
  }
}

private final class Book: VerdictBook {
  private let kept = Mutex<(verdicts: [CaseVerdict], isClosed: Bool)>(([], false))
  func note(_ verdict: CaseVerdict) { kept.withLock { $0.verdicts.append(verdict) } }
  func close() { kept.withLock { $0.isClosed = true } }
  var verdicts: [CaseVerdict] { kept.withLock { $0.verdicts } }
  var isClosed: Bool { kept.withLock { $0.isClosed } }
}

struct CallerTests {
  /// Makes one case of these steps.
  private func judge(_ steps: String, channel: String? = "webhook", document: String? = nil) throws -> CaseVerdict {
    let yaml = """
      system: monitoring
      service: queue
      cases:
        - case: a/b
          level: must
          requirements: [MONITORING-6]
          because: x
          steps:
      \(steps.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n"))
      """
    return try #require(try judge(file: yaml, channel: channel, document: document).first)
  }

  /// Makes the cases of a file. The service is node 0, the caller node 1; storage is at a node that is down.
  private func judge(file yaml: String, channel: String? = nil, document: String? = nil) throws -> [CaseVerdict] {
    let cases = try ContractFile(yaml: yaml, file: "f.yaml", systems: systems).cases
    let book = Book()
    let services = [
      "queue": ContractService(Endpoint(0), url: "http://q"), "storage": ContractService(Endpoint(9), url: "http://s"),
      "ingestion": ContractService(Endpoint(1), url: "http://i"),
    ]
    var made = ContractPlan(cases: cases, services: services, run: "t", channel: channel)
    if let document { made.documents["queue"] = try OpenAPIDocument(yaml: document, file: "queue.yaml") }
    let plan = made
    let host = SimulatedHost(
      seed: 1,
      plans: [NodePlan("queue", make: { ScriptedService() }), NodePlan("caller", cost: .client) { ContractCaller(plan, book: book) }])
    host.startAll()
    host.run(until: TimeSpan.minutes(5).nanoseconds)
    #expect(book.isClosed)
    return book.verdicts
  }

  private func failure(_ steps: String) throws -> CaseFailure {
    guard case .failed(let failure) = try judge(steps).outcome else { throw UnfitVariable(description: "it did not fail") }
    return failure
  }

  @Test func passes() throws {
    let verdict = try judge("- {request: GET /count, times: 3, expect: 200}\n- {request: GET /count, expect: {json: {count: 4}}}")
    #expect(verdict.passed)
    #expect(verdict.answers == 4)
  }

  @Test func failsWithStepLineExpectedFound() throws {
    let failure = try failure("- {request: GET /count, expect: 200}\n- {request: GET /count, expect: {json: {count: 7}}}")
    #expect(failure.step == "step 2 (GET /count)")
    #expect(failure.line == 10)
    #expect(failure.expected == "count: 7")
    #expect(failure.found == "2")
    // A read before the one that failed is not needed to repeat it.
    #expect(failure.commands == ["curl -sS -i --path-as-is --globoff 'http://q/count'"])
  }

  @Test func savesAndSubstitutes() throws {
    let verdict = try judge(
      """
      - {request: GET /count, expect: 200, save: {n: count}}
      - request: POST /echo
        json: {n: $n, next: "${n + 1}", text: "n is $n", run: $run}
        expect: {json: {n: 1, next: 2, text: n is 1, run: tc0, $exactly: true}}
      """)
    #expect(verdict.passed, "\(verdict.outcome)")
    #expect(try failure("- {request: GET /count, expect: 200, save: {n: nowhere}}").expected == "the value nowhere")
  }

  @Test func bodiesOfPieces() throws {
    let verdict = try judge(
      """
      - {request: POST /echo, body: ['"', {repeat: abc, times: 100000}, '"'], expect: {headers: {x-length: 300002}, json: $string}}
      - {request: POST /echo, body: {hex: 22 c3 bc 22}, expect: {json: ü}}
      """)
    #expect(verdict.passed, "\(verdict.outcome)")
  }

  @Test func triesAgainUntilItIsRight() throws {
    #expect(try judge("- {request: GET /count, eventually: 5s, expect: {json: {count: 6}}}").passed)
    let failure = try failure("- {request: GET /count, eventually: 1s, expect: {json: {count: 0}}}")
    #expect(failure.expected == "count: 0 within 1 s")
  }

  @Test func burstsAreTallied() throws {
    #expect(try judge("- {request: GET /limit, at once: 5, expect: {status: [202, 429], tally: {202: 2, 429: 3}}}").passed)
    let failure = try failure("- {request: GET /limit, at once: 5, expect: {status: [202, 429], tally: {202: 3, 429: 2}}}")
    #expect(failure.expected == "3 × 202, 2 × 429")
    #expect(failure.found == "2 × 202, 3 × 429")
    #expect(failure.commands == ["for i in $(seq 5); do curl -sS -i --path-as-is --globoff 'http://q/limit' & done; wait"])
  }

  @Test func aFailureBeyondItsTimeSaysNothing() throws {
    let verdict = try judge("- {within: 1s, steps: [{wait: 2s}, {request: GET /count, expect: 500}]}")
    guard case .notRun(let reason) = verdict.outcome else {
      Issue.record("\(verdict.outcome)")
      return
    }
    #expect(reason.contains("longer than the 1 s"))
    #expect(try judge("- {within: 1s, steps: [{wait: 2s}, {request: GET /count, expect: 200}]}").passed)
    // Behind the window a failure counts again.
    #expect(try failure("- {within: 1s, steps: [{wait: 2s}]}\n- {request: GET /count, expect: 500}").found.hasPrefix("status 200"))
  }

  @Test func otherStepsAreMadeWhileARequestIsUnderWay() throws {
    let released = try judge(
      """
      - request: GET /wait
        meanwhile:
          - wait: 30s
          - {request: POST /release, expect: 200, save: {n: n}}
          - {request: POST /echo, json: $n, expect: {json: 7}}
        expect: {status: 200, json: released}
      - {request: GET /count, expect: {json: {count: 1}}}
      """)
    #expect(released.passed, "\(released.outcome)")
    #expect(released.answers == 4)
    let never = try failure(
      """
      - request: GET /wait
        meanwhile: [{request: POST /echo, json: 1, expect: 200}]
        expect: 200
      """)
    #expect(never.step == "step 3 (GET /wait)" && never.found == "no answer within 20 s")
    #expect(never.commands.first?.hasSuffix("'http://q/wait' &") == true && never.commands.last == "wait")
    // An answer that comes early is judged too, and what fails meanwhile fails the case.
    let early = try failure("- {request: GET /count, meanwhile: [{wait: 1s}], expect: {json: {count: 2}}}")
    #expect(early.found == "1")
    #expect(
      try failure("- {request: GET /wait, meanwhile: [{request: GET /count, expect: 500}], expect: 200}").step == "step 2 (GET /count)")
  }

  @Test func whatACaseMadeIsTakenAwayHoweverItEnds() throws {
    func contractCase(_ name: String, _ rest: String) -> String {
      "  - {case: a/\(name), level: must, requirements: [MONITORING-6], because: x, \(rest)}\n"
    }
    func isCounted(_ count: Int) -> String { "steps: [{request: GET /count, expect: {json: {count: \(count)}}}]" }
    let verdicts = try judge(
      file: "system: monitoring\nservice: queue\nafterwards: [DELETE /count, DELETE /never]\ncases:\n"
        + contractCase("passes", isCounted(1) + ", afterwards: [POST /count]")
        // Two requests of the case before took away, one of its own counted.
        + contractCase("passes-too", isCounted(4))
        + contractCase("fails", isCounted(0))
        + contractCase("saves", "steps: [{request: GET /count, expect: 200, save: {n: count}}], afterwards: [DELETE /$n]")
        + contractCase("is-not-run", "steps: [{request: GET /x, to: alerting, expect: 200}]")
        + contractCase("counts-again", isCounted(10)))
    #expect(verdicts.map(\.passed) == [true, true, false, true, false, true], "\(verdicts.map(\.outcome))")
    #expect(verdicts.allSatisfy { $0.took < .seconds(1) }, "a verdict does not wait for what comes after it")
  }

  /// Where only a closed connection is right, no answer is.
  @Test func anAnswerIsNoClosedConnection() throws {
    let failure = try failure("- {request: GET /count, expect: closed}")
    #expect(failure.expected == "a closed connection" && failure.found == "status 200, with {\"count\":1}", "\(failure)")
  }

  @Test func noAnswerIsAFinding() throws {
    #expect(try failure("- {request: GET /never, expect: 200}").found == "no answer within 20 s")
  }

  @Test func whatCannotBeMadeIsNotRun() throws {
    #expect(try judge("- {request: GET /x, to: storage, expect: 200}").outcome == .notRun("storage cannot be reached"))
    // Node 1 is the caller itself, which takes POSTs only.
    let refused = try judge("- {request: GET /x, to: ingestion, expect: 200}\n- {request: GET /count, expect: 500}")
    guard case .notRun(let reason) = refused.outcome else {
      Issue.record("\(refused.outcome)")
      return
    }
    #expect(reason.hasPrefix("the set-up could not be made: ingestion, step 1 (GET /x): expected status 200, found status 405"))
    let asked = try judge("- {request: GET /count, expect: 200}\n- {request: GET /x, to: ingestion, expect: 200}")
    #expect(!asked.passed && asked.answers == 2)
    #expect(try judge("- {request: GET /x, to: alerting, expect: 200}").outcome == .notRun("no address was given of alerting"))
    #expect(
      try judge("- {hears: {a: 1}, within: 1s}", channel: nil).outcome == .notRun("no channel leads from the system to the caller"))
  }

  @Test func errorsMustNameWhatTheyShould() throws {
    #expect(try judge("- {request: GET /nothing, expect: {status: 404, error: target}}").passed)
    #expect(try failure("- {request: GET /nothing, expect: {status: 404, error: other}}").expected == "error: it names \"other\"")
    #expect(try failure("- {request: GET /count, expect: {error: any}}").expected == "an error body: {\"error\": …}")
  }

  @Test func notificationsAreHeard() throws {
    #expect(
      try judge("- {request: GET /notify, expect: 204}\n- {hears: {state: firing}, headers: {Idempotency-Key: k}, within: 5s}").passed)
    #expect(try failure("- {request: GET /notify, expect: 204}\n- {hears: {state: resolved}, within: 5s}").found.contains("firing"))
    let unwanted = try failure("- {request: GET /notify, expect: 204}\n- {hears nothing: {state: firing}, during: 5s}")
    #expect(unwanted.expected == "no such notification")
    #expect(try judge("- {request: GET /notify, expect: 204}\n- {hears nothing: {state: resolved}, during: 5s}").passed)
  }

  /// What the service is documented to answer to `GET /count`, and what it tells by itself.
  private func document(_ count: String, status: String = "200", state: String = "{type: string}") -> String {
    """
    openapi: 3.1.0
    info: {title: x, version: '1'}
    paths:
      /count:
        get:
          responses:
            '\(status)': {description: x, content: {application/json: {schema: {type: object, properties: {count: \(count)}}}}}
      /third: {get: {responses: {2XX: {description: x, content: {'*/*': {}}}, 4XX: {description: x, content: {'*/*': {}}}}}}
      /notify: {get: {responses: {'204': {description: x}}}}
    webhooks:
      told: {post: {requestBody: {required: true, content: {'*/*': {}}}, responses: {2XX: {description: x}}}}
    """
  }

  /// An exchange that does not fit the document fails the case, though the case expects nothing of it.
  @Test func exchangesAreHeldAgainstTheServicesDocument() throws {
    let step = "- {request: GET /count, expect: 200}"
    #expect(try judge(step, document: document("{type: integer}")).passed)
    func failure(_ step: String, _ document: String) throws -> CaseFailure? {
      guard case .failed(let failure) = try judge(step, document: document).outcome else { return nil }
      return failure
    }
    let found = try #require(try failure(step, document("{type: string}")))
    #expect(found.step == "step 1 (GET /count)" && found.commands.count == 1)
    #expect(found.expected == "body.count: a string, as queue.yaml, GET /count, answer 200 has it" && found.found == "1")
    #expect(try failure(step, document("{}", status: "201"))?.expected.hasPrefix("status: one of 201, as queue.yaml, GET /count") == true)
    // The first of several answers, those that are asked again for, those that come meanwhile, and other paths.
    #expect(try failure("- {request: GET /count, times: 3, expect: 200}", document("{type: integer, minimum: 2}"))?.found == "1")
    #expect(
      try failure("- {request: GET /count, eventually: 5s, expect: {json: {count: 3}}}", document("{type: integer, maximum: 1}"))?.found
        == "2")
    #expect(try failure("- {request: POST /echo, body: x, expect: 200}", document("{}"))?.expected.contains("a refusal (4xx)") == true)
    #expect(try judge("- {request: GET /nothing, expect: 404}", document: document("{}")).passed)
    let meanwhile = "- request: GET /count\n  meanwhile: [{wait: 1s}]\n  expect: 200"
    #expect(try failure(meanwhile, document("{type: string}"))?.found == "1")
  }

  /// So is what is asked after a case; it fails a case that passed, and takes no verdict from one that failed.
  @Test func closingRequestsAreHeldAgainstTheServicesDocument() throws {
    func verdicts(_ count: String, expect: Int = 200) throws -> [CaseVerdict] {
      let cases = ["a", "b"].map {
        "  - case: x/\($0)\n    level: must\n    requirements: [MONITORING-6]\n    because: x\n    steps: [{request: GET /third, expect: \(expect)}]\n"
      }
      return try judge(
        file: "system: monitoring\nservice: queue\nafterwards: [GET /count, GET /never]\ncases:\n" + cases.joined(),
        document: document(count))
    }
    #expect(try verdicts("{type: integer}").map(\.passed) == [true, true])
    let judged = try verdicts("{type: integer, maximum: 1}")
    #expect(judged.map(\.passed) == [true, false], "\(judged.map(\.outcome))")
    guard case .failed(let failure)? = judged.last?.outcome else { return }
    #expect(failure.step == "afterwards (GET /count)" && failure.line == 3 && failure.found == "2")
    #expect(failure.expected == "body.count: at most 1, as queue.yaml, GET /count, answer 200 has it")
    #expect(failure.commands.last?.hasSuffix("http://q/count'") == true && failure.commands.count == 1, "\(failure.commands)")
    let failed = try verdicts("{type: string}", expect: 201)
    #expect(failed.allSatisfy { if case .failed(let failure) = $0.outcome { failure.step == "step 1 (GET /third)" } else { false } })
  }

  @Test func commandsRepeatWithNewNames() throws {
    let failure = try failure(
      """
      - {request: POST /echo, headers: {X-It: it's}, json: {name: $run}, times: 2, expect: 200}
      - {wait: 1500ms}
      - {request: POST /echo, body: [{hex: ff}, {repeat: ab, times: 9000}], expect: 500}
      """)
    #expect(
      failure.commands == [
        "run=r$(date +%s)",
        "for i in $(seq 2); do curl -sS -i --path-as-is --globoff -X POST -H 'X-It: it'\\''s' -H 'content-type: application/json' "
          + "--data-binary '{\"name\":\"'\"$run\"'\"}' 'http://q/echo'; done",
        "sleep 1.5",
        "{ printf '\\377'; yes 'ab' | head -n 9000 | tr -d '\\n'; } | curl -sS -i --path-as-is --globoff -X POST "
          + "-H 'content-type: application/json' --data-binary @- 'http://q/echo'",
      ])
  }

  /// What a case saved from an answer is another's in another run: the commands read it from the answer anew.
  @Test func commandsReadSavedValuesFromTheirOwnAnswers() throws {
    let steps = """
      - {request: POST /release, expect: 200, save: {next: n}}
      - {request: POST /echo, json: {offset: $next, later: '${next + 1}', text: 'after $next'}, expect: 200, save: {text: text}}
      - {request: 'GET /count?from=$next&text=$text', expect: 599}
      """
    let commands = try failure(steps).commands
    try #require(commands.count == 3, "\(commands)")
    #expect(commands[0].hasPrefix("answer=$(curl ") && commands[0].contains("; saved_next=$(printf %s \"$answer\" | "), "\(commands[0])")
    #expect(
      commands[1].contains(#""offset":'"$saved_next"',"later":'"$((saved_next + 1))"',"text":"after '"$saved_next"'""#), "\(commands[1])")
    #expect(commands[2].contains(#"/count?from='"$saved_next"'&text='"$saved_text"'"#), "\(commands[2])")
  }

  @Test func commandsSendWhatWasSent() throws {
    func command(_ step: String) throws -> String? { try failure("- {\(step), expect: 599}").commands.last }
    #expect(try command("request: HEAD /x") == "curl -sS -i --path-as-is --globoff --head 'http://q/x'")
    #expect(try command("request: 'GET /x[1]?a={b}'") == "curl -sS -i --path-as-is --globoff 'http://q/x[1]?a={b}'")
    #expect(
      try command("request: GET /x, headers: {X-Empty: ''}") == "curl -sS -i --path-as-is --globoff -H 'X-Empty;' 'http://q/x'")
    #expect(
      try command("request: POST /x")
        == "curl -sS -i --path-as-is --globoff -X POST -H 'content-type:' --data-binary '' 'http://q/x'")
    #expect(
      try command("request: 'GET /x#y'") == "curl -sS -i --path-as-is --globoff --request-target '/x#y' 'http://q'")
  }
}
