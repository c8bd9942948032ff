// Completions in the simulated world: a small machine asks a scripted language model under loss, cuts, pauses and crashes
// of both. Every completion ends exactly once in the life that began it, complete texts are the right ones, and no request
// is made more often than the policy allows.

import ChatCompletions
import Kernel
import Outside
import Resilience
import TestBench
import Testing
import Vocabulary
import World

/// What the test and its machine share.
private final class AskerBook {
  var lives = 0
  /// Completions that have not ended, of the present life.
  var open: [ChatKey: (request: ChatRequest, text: String)] = [:]
  /// Of the present life.
  var over: Set<ChatKey> = []
  var mistakes: [String] = []
  var sent = 0
  var lost = 0
  var cancelled = 0
  var complete = 0
  var failures: [String: Int] = [:]
  var attemptsAgain = 0
}

/// Asks for a completion every 300 ms, for a time, and now and then gives one up.
private struct Asker: Machine {
  static let policy = ChatPolicy(
    firstPieceTimeout: .seconds(3), betweenPiecesTimeout: .seconds(2), wholeTimeout: .seconds(12), attempts: 3,
    backoff: Backoff(base: .milliseconds(50), cap: .seconds(1)), longestComeAgain: .seconds(5))

  let book: AskerBook
  let plan: LanguageModelPlan
  let until: Instant
  var client = ChatClient<String>(mostAtOnce: 20)
  var tick: TimerID?

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    book.lives += 1
    book.lost += book.open.count
    (book.open, book.over) = ([:], [])
    tick = turn.wake(after: .milliseconds(10))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let notices) = client.settle(event, &turn) {
      for notice in notices { take(notice) }
    } else if case .timer(let timer) = event, timer == tick {
      ask(&turn)
    }
  }

  private mutating func ask(_ turn: inout Turn) {
    guard turn.now < until else { return }
    tick = turn.wake(after: .milliseconds(300))
    book.sent += 1
    var words = "question \(book.lives).\(book.sent)"
    if turn.random.chance(0.05) { words += " \(ScriptedLanguageModel.refusalMarker)" }
    // More than a window of credit.
    if turn.random.chance(0.03) { words += " [tokens=1500]" }
    var request = ChatRequest(
      model: "small", [ChatMessage(.system, "Be odd."), ChatMessage(.user, words)], isStreamed: turn.random.chance(0.8))
    if turn.random.chance(0.1) { request.maximumTokens = 5 }
    let key = client.send(
      request, to: ChatServer(.endpoint(Endpoint(1)), key: plan.key), policy: Self.policy, release: .immediately, for: words, &turn)
    if book.open.updateValue((request, ""), forKey: key) != nil || book.over.contains(key) { book.mistakes.append("a key twice") }
    if turn.random.chance(0.05), let given = book.open.keys.min() {
      client.cancel(given, &turn)
      book.open[given] = nil
      book.over.insert(given)
      book.cancelled += 1
    }
  }

  private func take(_ notice: ChatClient<String>.Notice) {
    guard let known = book.open[notice.key], !book.over.contains(notice.key) else {
      return book.mistakes.append("\(notice.news) of a completion that is over")
    }
    switch notice.news {
    case .piece(let text): book.open[notice.key]?.text += text
    case .tryingAgain(let failure):
      book.attemptsAgain += 1
      if !known.text.isEmpty || !failure.wasNotCarriedOut { book.mistakes.append("tried again after \(failure)") }
    case .ended(let result):
      book.open[notice.key] = nil
      book.over.insert(notice.key)
      judge(result, known.request, known.text)
    }
  }

  private func judge(_ result: Result<ChatCompletion, ChatFailure>, _ request: ChatRequest, _ pieces: String) {
    let right = ScriptedLanguageModel.completion(of: request, seed: plan.seed)
    func expect(_ text: String, _ holds: Bool) { if !holds { book.mistakes.append("\(text): \(request.messages.map(\.content))") } }
    switch result {
    case .success(let completion):
      book.complete += 1
      expect("another text", sameBytes(completion.text, right.text) && right.finish == .stop)
      expect("other pieces", sameBytes(completion.text, pieces))
      if request.isStreamed || completion.usage != nil { expect("another usage", completion.usage == right.usage) }
    case .failure(let failure):
      book.failures["\(failure)".prefix { $0 != "(" && $0 != " " }.description, default: 0] += 1
      if case .lengthReached(let completion) = failure {
        expect("cut elsewhere", sameBytes(completion.text, right.text) && right.finish == .length)
      }
      expect("pieces that are not of the text", right.text.utf8.starts(with: pieces.utf8))
      if case .endedOtherwise = failure { expect("ended otherwise", false) }
      if case .rejected = failure { expect("rejected", false) }
    }
  }
}

@Suite struct ChatFlightTests {
  private func fly(_ seed: UInt64, _ plan: LanguageModelPlan, _ faults: [PlannedFault]) -> (AskerBook, TestBench) {
    let book = AskerBook()
    let until = Instant(nanoseconds: 60_000_000_000)
    let bench = TestBench(
      seed: seed,
      [
        NodePlan("asker", cost: .client) { Asker(book: book, plan: plan, until: until) },
        NodePlan("model", cost: .client) { ScriptedLanguageModel(plan) },
      ])
    bench.host.plan(faults)
    bench.run(for: .seconds(90))
    return (book, bench)
  }

  private func check(_ book: AskerBook, _ bench: TestBench, _ seed: UInt64) {
    #expect(book.mistakes == [], "seed \(seed)")
    #expect(book.open.isEmpty, "seed \(seed): all have ended, in the time that they have")
    let ended = book.complete + book.failures.values.reduce(0, +)
    #expect(book.sent == ended + book.lost + book.cancelled, "seed \(seed): each ends once")
    #expect(bench.defects.isEmpty, "seed \(seed): \(bench.defects)")
    let requests = bench.facts(.languageModelAsked).count + bench.facts(.languageModelLimited).count
    #expect(requests <= book.sent + book.attemptsAgain + book.lost * 2, "seed \(seed): nothing spins")
    #expect(book.attemptsAgain <= 2 * book.sent && book.sent > 100, "seed \(seed)")
  }

  @Test func withoutFaultsEachAnswerIsRight() {
    for seed in 1...5 as ClosedRange<UInt64> {
      var plan = LanguageModelPlan()
      (plan.seed, plan.key) = (seed, BearerKey("k1"))
      // Quick enough for the longest answers to come in their time.
      (plan.firstToken, plan.betweenTokens) = (.fixed(.milliseconds(200)), .uniform(.zero...(.milliseconds(1))))
      let (book, bench) = fly(seed, plan, [])
      check(book, bench, seed)
      #expect(Set(book.failures.keys).isSubset(of: ["refused", "lengthReached"]), "\(book.failures)")
      #expect(book.complete > 130 && book.cancelled > 0)
    }
  }

  @Test func underFaultsOfTheModelNoWrongTextIsComplete() {
    var seen: [String: Int] = [:]
    for seed in 1...20 as ClosedRange<UInt64> {
      var plan = LanguageModelPlan()
      plan.chances.serverErrors = 0.05
      plan.chances.overloads = 0.05
      plan.chances.refusals = 0.05
      plan.chances.breaks = 0.1
      plan.chances.errorsInStream = 0.1
      plan.chances.stalls = 0.05
      plan.chances.garbage = 0.1
      plan.chances.repeats = 0.1
      plan.chances.slow = 0.1
      (plan.requestsPerMinute, plan.tokensPerMinute) = (180, 6_000)
      let (book, bench) = fly(seed, plan, [])
      check(book, bench, seed)
      #expect(book.complete > 10 && book.attemptsAgain > 0)
      seen.merge(book.failures) { $0 + $1 }
    }
    for kind in [
      "refused", "lengthReached", "serverFailed", "brokenOff", "errorInStream", "timedOut", "malformed", "transport", "rateLimited",
    ] {
      #expect(seen[kind] != nil, "\(kind) befell nobody: \(seen)")
    }
  }

  @Test func aFlightIsAFunctionOfItsSeed() {
    func hash(_ seed: UInt64) -> UInt64 {
      var plan = LanguageModelPlan()
      (plan.chances.breaks, plan.chances.garbage, plan.chances.repeats) = (0.1, 0.1, 0.1)
      return fly(seed, plan, [PlannedFault(at: .seconds(9), for: .seconds(1), ProcessCrash(of: NodeID(1)))]).1.host.traceHash.value
    }
    #expect(hash(1) == hash(1) && hash(1) != hash(2))
  }

  @Test func underFaultsOfTheWorldEachEndsOnce() {
    var failures: [String: Int] = [:]
    var lost = 0
    for seed in 1...20 as ClosedRange<UInt64> {
      var random = RandomStream(seed: seed, name: "faults")
      let (asker, model) = (NodeID(0), NodeID(1))
      let links = Links(from: [asker], to: [model])
      var faults = [PlannedFault(at: .seconds(1), for: .seconds(50), LinkImpairment(.loss, links, probability: 0.05))]
      for second in stride(from: 4, to: 56, by: 6) as StrideTo<Int64> {
        let at = TimeSpan.seconds(second) + random.span(in: .zero...(.seconds(3)))
        let length = random.span(in: .milliseconds(200)...(.seconds(4)))
        switch random.below(4) {
        case 0: faults.append(PlannedFault(at: at, for: length, ProcessCrash(of: model)))
        case 1: faults.append(PlannedFault(at: at, for: length, ProcessCrash(of: asker)))
        case 2: faults.append(PlannedFault(at: at, for: length, ProcessPause(of: model, for: length)))
        default: faults.append(PlannedFault(at: at, for: length, Partition(links)))
        }
      }
      var plan = LanguageModelPlan()
      (plan.chances.breaks, plan.chances.repeats, plan.requestsPerMinute) = (0.02, 0.05, 200)
      let (book, bench) = fly(seed, plan, faults)
      check(book, bench, seed)
      #expect(book.complete > 20, "seed \(seed)")
      failures.merge(book.failures) { $0 + $1 }
      lost += book.lost
    }
    #expect(lost > 20 && (failures["brokenOff"] ?? 0) > 20 && (failures["transport"] ?? 0) > 0, "\(lost) \(failures)")
  }
}
