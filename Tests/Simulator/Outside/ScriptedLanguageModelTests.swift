// The scripted language model: its texts, its prices and limits, its refusals, and the words by which scenarios say how it
// behaves.

import ChatCompletions
import Kernel
import Outside
import TestBench
import Testing
import Vocabulary
import Wire
import World
import YAMLReading

private final class SlowReaderBook {
  var bytes = 0
  var result: Result<ChatCompletion, ChatFailure>?
}

/// Reads a streamed answer, and takes nothing of it in before a second has passed.
private struct SlowReader: Machine {
  let asked: ChatRequest
  let book: SlowReaderBook
  var reader = ChatStreamReader()
  var exchange: ExchangeID?
  var isReading = false

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    exchange = turn.open(Endpoint(0), .json(.post, "/v1/chat/completions") { asked.write(&$0) }, .immediately)
    _ = turn.wake(after: .seconds(1))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard let exchange else { return }
    switch event {
    case .stream(_, .received(let bytes, _)):
      book.bytes += bytes.count
      if isReading { turn.grant(exchange, bytes.count) }
      for part in reader.receive(bytes) { if case .ended(let result) = part { book.result = result } }
    case .timer:
      isReading = true
      turn.grant(exchange, book.bytes)
    case .request, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

@Suite struct ScriptedLanguageModelTests {
  private func request(_ words: String, model: ExactName = "small", isStreamed: Bool = false) -> ChatRequest {
    ChatRequest(model: model, [ChatMessage(.user, words)], isStreamed: isStreamed)
  }

  private func bench(_ plan: LanguageModelPlan) -> TestBench {
    TestBench([NodePlan("model", cost: .client) { ScriptedLanguageModel(plan) }])
  }

  private func ask(_ bench: TestBench, _ asked: ChatRequest, _ headers: Headers = [:]) -> Response? {
    bench.ask(Endpoint(0), .json(.post, "/v1/chat/completions", headers: headers) { asked.write(&$0) }, within: .seconds(60))
  }

  @Test func textsAreAFunctionOfTheRequest() {
    let one = ScriptedLanguageModel.completion(of: request("Hello"))
    #expect(sameBytes(one.text, ScriptedLanguageModel.completion(of: request("Hello", isStreamed: true)).text))
    let others = [
      ScriptedLanguageModel.completion(of: request("Hello!")), ScriptedLanguageModel.completion(of: request("Hello", model: "large")),
      ScriptedLanguageModel.completion(of: request("Hello"), seed: 1),
      ScriptedLanguageModel.completion(of: ChatRequest(model: "small", [ChatMessage(.system, "Hello")])),
      ScriptedLanguageModel.completion(of: ChatRequest(model: "small", [ChatMessage(.user, "Hel"), ChatMessage(.user, "lo")])),
    ]
    for other in others { #expect(!sameBytes(one.text, other.text)) }
    #expect(one.finish == .stop && one.usage.completionTokens == Int64(one.pieces.count) && one.usage.promptTokens == 6)
    var short = request("Hello")
    short.maximumTokens = 3
    let cut = ScriptedLanguageModel.completion(of: short)
    #expect(cut.pieces == Array(one.pieces.prefix(3)) && cut.finish == .length && cut.usage.completionTokens == 3)
    #expect(ScriptedLanguageModel.completion(of: request("[tokens=300] please")).pieces.count == 300)
    for wrong in ["[tokens=0]", "[tokens=4097]", "[tokens=7", "[tokens=99999999999999999999]"] {
      #expect(ScriptedLanguageModel.completion(of: request(wrong)).pieces.count < 60)
    }
    #expect(ScriptedLanguageModel.completion(of: request("Do [refuse this].")).finish == .contentFilter)
    // The same in every process, whatever hash collections do.
    #expect(one.text.utf8.reduce(0 as UInt64) { $0 &* 31 &+ UInt64($1) } == Self.helloDigest)
  }

  private static let helloDigest: UInt64 = 10_277_824_361_421_455_294

  @Test func answersAreCountedAndPaidFor() throws {
    var plan = LanguageModelPlan()
    (plan.promptTokenPrice, plan.completionTokenPrice) = (7, 11)
    let bench = bench(plan)
    let asked = request("Hello")
    let right = ScriptedLanguageModel.completion(of: asked)
    let response = try #require(ask(bench, asked))
    let answer = try ChatAnswer(response.document())
    #expect(response.status == 200 && sameBytes(answer.content, right.text) && answer.usage == right.usage && answer.model == "small")
    let cost = right.usage.promptTokens * 7 + right.usage.completionTokens * 11
    #expect(
      bench.facts(.languageModelCharged)
        == [Observation(.languageModelCharged, subject: UInt64(right.usage.totalTokens), value: UInt64(cost))])
    #expect(bench.facts(.languageModelAsked) == [Observation(.languageModelAsked, subject: 6)])
    #expect(plan.cost(of: ChatUsage(promptTokens: .max, completionTokens: 1)) == .max)
  }

  @Test func limitsSayWhenToComeAgainAndMeanIt() throws {
    var plan = LanguageModelPlan()
    (plan.firstToken, plan.betweenTokens) = (.fixed(.milliseconds(1)), .fixed(.zero))
    plan.requestsPerMinute = 6
    let bench = bench(plan)
    let statuses = (0..<8).map { ask(bench, request("question \($0)"))?.status }
    #expect(statuses == Array(repeating: 200, count: 6) + [429, 429])
    let refused = try #require(ask(bench, request("another")))
    let error = try #require(ChatError(document: refused.document().value))
    #expect(error.isRateLimit && !error.isQuota)
    let wait = try #require(refused.head.headers["retry-after"].flatMap(Int64.init))
    #expect((8...10).contains(wait), "one of six a minute")
    bench.run(for: .seconds(wait))
    #expect(ask(bench, request("later"))?.status == 200)
    #expect(ask(bench, request("at once"))?.status == 429)
    // Tokens are counted likewise; a request that is longer than a minute's waits for a whole one.
    plan.requestsPerMinute = nil
    plan.tokensPerMinute = 100
    let second = self.bench(plan)
    let long = request(String(repeating: "a", count: 4_000))
    #expect(ask(second, long)?.status == 200)
    let after = try #require(ask(second, request("x")))
    #expect(after.status == 429)
    second.run(for: .seconds(61))
    #expect(ask(second, long)?.status == 200)
  }

  @Test func wrongRequestsAreRefused() throws {
    var plan = LanguageModelPlan()
    plan.key = BearerKey("k1")
    let bench = bench(plan)
    func status(_ request: Request) -> Int? { bench.ask(Endpoint(0), request)?.status }
    #expect(ask(bench, request("x"))?.status == 401)
    #expect(ask(bench, request("x"), ["authorization": "Bearer k2"])?.status == 401)
    #expect(ask(bench, request("x"), ["authorization": "Bearer k1"])?.status == 200)
    let headers: Headers = ["authorization": "Bearer k1"]
    #expect(status(Request(.post, "/v1/completions", headers: headers)) == 404)
    #expect(status(Request(.get, "/v1/chat/completions", headers: headers)) == 405)
    #expect(status(Request(.post, "/v1/chat/completions", headers: headers, body: Array("{".utf8))) == 400)
    #expect(status(Request(.post, "/v1/chat/completions", headers: headers, body: Array("{}".utf8))) == 400)
    #expect(bench.defects.isEmpty)
  }

  /// A reader that takes nothing for a while is sent no more than its window, and all of it in the end.
  @Test func aSlowReaderIsWaitedFor() throws {
    var plan = LanguageModelPlan()
    (plan.firstToken, plan.betweenTokens) = (.fixed(.milliseconds(1)), .fixed(.zero))
    let asked = request("[tokens=2000]", isStreamed: true)
    let book = SlowReaderBook()
    let bench = TestBench([
      NodePlan("model", cost: .client) { ScriptedLanguageModel(plan) },
      NodePlan("reader", cost: .client) { SlowReader(asked: asked, book: book) },
    ])
    bench.run(for: .milliseconds(900))
    #expect(book.bytes >= initialStreamCreditBytes && book.bytes < initialStreamCreditBytes + 1_024, "\(book.bytes)")
    bench.run(for: .seconds(20))
    #expect(bench.defects.isEmpty && book.bytes > 4 * initialStreamCreditBytes)
    let right = ScriptedLanguageModel.completion(of: asked)
    guard case .success(let completion)? = book.result else {
      Issue.record("\(String(describing: book.result))")
      return
    }
    #expect(sameBytes(completion.text, right.text) && completion.usage == right.usage)
  }

  private func read(_ text: String) throws -> LanguageModelPlan {
    try LanguageModelPlan(YAMLField.parse(text, file: "test.yaml", what: "a model"))
  }

  @Test func scenariosSayHowItBehaves() throws {
    let plan = try read(
      """
      first token: 200ms..2s
      between tokens: 20ms
      server errors: 0.5%
      overloads: 1%
      refusals: 1%
      breaks: 2%
      errors in stream: 3%
      stalls: 4%
      garbage: 5%
      repeats: 6%
      slow: 7%
      slow factor: 20
      requests a minute: 60
      tokens a minute: 90000
      at once: 16
      prompt price: 0.15
      answer price: 0.6
      """)
    var expected = LanguageModelPlan()
    expected.firstToken = .uniform(.milliseconds(200)...(.seconds(2)))
    expected.betweenTokens = .fixed(.milliseconds(20))
    (expected.chances.serverErrors, expected.chances.overloads, expected.chances.refusals) = (0.005, 0.01, 0.01)
    (expected.chances.breaks, expected.chances.errorsInStream, expected.chances.stalls) = (0.02, 0.03, 0.04)
    (expected.chances.garbage, expected.chances.repeats, expected.chances.slow) = (0.05, 0.06, 0.07)
    (expected.slowFactor, expected.requestsPerMinute, expected.tokensPerMinute, expected.mostAtOnce) = (20, 60, 90_000, 16)
    (expected.promptTokenPrice, expected.completionTokenPrice) = (150, 600)
    #expect(plan == expected)
    #expect(try read("{}") == LanguageModelPlan())
  }

  @Test(arguments: [
    (
      "refusal: 1%",
      "test.yaml:1:1: expected one of the keys of a language model: first token, between tokens, slow factor, requests a minute, "
        + "tokens a minute, at once, prompt price, answer price, server errors, overloads, refusals, breaks, errors in stream, stalls, "
        + "garbage, repeats, slow (did you mean \"refusals\"?), found \"refusal\""
    ),
    ("breaks: 101%", "test.yaml:1:9: expected a share from 0% to 100%, like 20%, found \"101%\""),
    (
      "first token: 2s..1s",
      "test.yaml:1:14: expected a latency of up to 10m, like 300ms, or 200ms..2s to draw it for each token, found \"2s..1s\""
    ),
    ("slow factor: 0", "test.yaml:1:14: expected by how much slow answers are slower, 1 to 1000, found \"0\""),
    ("prompt price: -1", "test.yaml:1:15: expected dollars for a million tokens, 0 to 1000000, like 0.15, found \"-1\""),
  ])
  func aWrongWordSaysWhere(_ text: String, _ mistake: String) throws {
    #expect { _ = try read(text) } throws: { "\($0)" == mistake }
  }
}
