// A language model of the outside world, as a scripted machine: the server's side of the chat-completions interface with
// latency, prices, limits and failures by a plan.
//
// Texts are a function of the request (`completion(of:)`); what befalls a request is drawn from the turn's chance. Fault
// model: errors before the answer, refusals, and in the middle of a stream cuts, ends without an end, errors, silence,
// bytes that are no part of it, events that come twice. Limits: one model under any name; nothing is kept on the disk, so a
// restart forgets what passed this minute; a stream that stalled is given up after ten minutes; a stream whose reader
// grants nothing waits for it, and holds its place.

import ChatCompletions
import Vocabulary
import Wire

extension Fact {
  /// A request was taken: `subject` tokens of its prompt.
  public static let languageModelAsked = Fact("language-model/asked")
  /// An answer ended, in whatever way: `subject` all tokens of it, `value` what they cost in billionths of a dollar.
  public static let languageModelCharged = Fact("language-model/charged")
  /// A request was answered 429: `subject` milliseconds until it may come again.
  public static let languageModelLimited = Fact("language-model/limited")
  /// Something befell a request: `subject` 1 for an error or an overload, 2 for a refusal, 3 for a failure in the
  /// stream.
  public static let languageModelFailed = Fact("language-model/failed")
}

/// A scripted language model.
public struct ScriptedLanguageModel: Machine {
  /// An answer on its way.
  private struct Answer {
    var request: ChatRequest
    var completion: ScriptedCompletion
    var fate: LanguageModelPlan.Fate
    var factor: Int64
    var name: ExactName
    var createdSeconds: Int64
    /// Pieces sent.
    var sent = 0
    /// The number of the next event.
    var nextEvent = 0
    var credit = initialStreamCreditBytes
    /// What could not be sent for want of credit: the next step is due.
    var isBlocked = false
    var isSilent = false
    var hasSentGarbage = false

    /// What was used of it so far.
    var used: ChatUsage { ChatUsage(promptTokens: completion.usage.promptTokens, completionTokens: Int64(sent)) }
  }

  /// How long a stream that fell silent is kept.
  private static let silence = TimeSpan.minutes(10)

  private let plan: LanguageModelPlan
  private var answers: [ExchangeID: Answer] = [:]
  private var steps: [TimerID: ExchangeID] = [:]
  private var requests: MinuteBudget?
  private var tokens: MinuteBudget?

  /// A model by `plan`.
  public init(_ plan: LanguageModelPlan = LanguageModelPlan()) { self.plan = plan }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    requests = plan.requestsPerMinute.map { MinuteBudget(limit: $0, at: turn.now) }
    tokens = plan.tokensPerMinute.map { MinuteBudget(limit: $0, at: turn.now) }
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: ChatLimits().requestBytes) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request): take(id, request, &turn)
    case .timer(let timer): if let id = steps.removeValue(forKey: timer) { step(id, &turn) }
    case .stream(let id, .credit(let bytes)):
      answers[id]?.credit += bytes
      if let answer = answers[id], answer.isBlocked, answer.credit > 0 {
        answers[id]?.isBlocked = false
        step(id, &turn)
      }
    case .stream(let id, .aborted), .abandoned(let id): charge(id, &turn)
    case .stream, .response, .failed, .message, .durable, .completed: break
    }
  }

  // MARK: requests

  private mutating func take(_ id: ExchangeID, _ request: Request, _ turn: inout Turn) {
    let path = request.head.target.prefix { $0 != "?" }
    guard path.hasSuffix("/chat/completions") else {
      return refuse(id, 404, ChatError(message: "no such path", type: "invalid_request_error", code: "not_found"), &turn)
    }
    guard request.head.method == .post else {
      return refuse(id, 405, ChatError(message: "completions are asked for by POST", type: "invalid_request_error"), &turn)
    }
    if let key = plan.key, !key.isIn(request.head) {
      return refuse(id, 401, ChatError(message: "the key is not known", type: "invalid_request_error", code: "invalid_api_key"), &turn)
    }
    do throws(RequestProblem) {
      let asked = try request.decoded { field throws(FieldMistake) in try ChatRequest(field) }
      take(id, asked, &turn)
    } catch {
      refuse(id, 400, ChatError(message: error.message, type: "invalid_request_error", code: error.code), &turn)
    }
  }

  private mutating func take(_ id: ExchangeID, _ request: ChatRequest, _ turn: inout Turn) {
    let completion = Self.completion(of: request, seed: plan.seed)
    // Drawn before anything is decided, so that what one limit does changes no other request.
    let fate = plan.fate(pieces: completion.pieces.count, isStreamed: request.isStreamed, &turn.random)
    let factor = turn.random.chance(plan.chances.slow) ? plan.slowFactor : 1
    let wait = max(
      requests?.wait(for: 1, at: turn.now) ?? .zero, tokens?.wait(for: completion.usage.totalTokens, at: turn.now) ?? .zero)
    guard wait == .zero else {
      turn.observe(.languageModelLimited, subject: UInt64(max(0, wait.milliseconds)))
      let error = ChatError(message: "too many requests or tokens this minute", type: "rate_limit_error", code: "rate_limit_exceeded")
      return refuse(id, 429, error, retryAfter: wait, &turn)
    }
    requests?.take(1)
    tokens?.take(completion.usage.totalTokens)
    turn.observe(.languageModelAsked, subject: UInt64(completion.usage.promptTokens))
    switch fate {
    case .serverError:
      turn.observe(.languageModelFailed, subject: 1)
      return refuse(id, 500, ChatError(message: "something went wrong", type: "server_error"), &turn)
    case .overload:
      turn.observe(.languageModelFailed, subject: 1)
      return refuse(id, 503, ChatError(message: "the model is overloaded", type: "server_error"), retryAfter: .seconds(1), &turn)
    case .refusedAtOnce:
      turn.observe(.languageModelFailed, subject: 2)
      let error = ChatError(message: "the content is not allowed", type: "invalid_request_error", code: "content_filter")
      return refuse(id, 400, error, &turn)
    case .refused: turn.observe(.languageModelFailed, subject: 2)
    case .cut, .endsEarly, .error, .stalls, .garbage, .repeated: turn.observe(.languageModelFailed, subject: 3)
    case .none: break
    }
    guard answers.count < plan.mostAtOnce else {
      return refuse(id, 503, ChatError(message: "too much at once", type: "server_error"), retryAfter: .seconds(1), &turn)
    }
    var answer = Answer(
      request: request, completion: completion, fate: fate, factor: factor, name: ExactName("chatcmpl-\(turn.random.next())"),
      createdSeconds: turn.wallClock.milliseconds / 1_000)
    if request.isStreamed {
      turn.accept(
        id, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType, "cache-control": "no-cache"]), .immediately)
      send(id, event(&answer, namesRole: true, content: ""), &answer, &turn)
    }
    answers[id] = answer
    wake(id, after: plan.firstToken.draw(&turn.random), &turn)
  }

  private func refuse(_ id: ExchangeID, _ status: Int, _ error: ChatError, retryAfter: TimeSpan? = nil, _ turn: inout Turn) {
    var headers = Headers()
    // Rounded up, as who comes a little too soon is sent away again.
    if let retryAfter { headers.append("retry-after", String((retryAfter + .nanoseconds(999_999_999)).nanoseconds / 1_000_000_000)) }
    turn.reply(id, .json(status, headers: headers) { error.write(&$0) }, .immediately)
  }

  // MARK: answers

  private mutating func wake(_ id: ExchangeID, after span: TimeSpan, _ turn: inout Turn) {
    steps[turn.wake(after: span * (answers[id]?.factor ?? 1))] = id
  }

  /// What is due of an answer: its next token, or what befalls it.
  private mutating func step(_ id: ExchangeID, _ turn: inout Turn) {
    guard var answer = answers[id] else { return }
    guard answer.request.isStreamed else { return stepWhole(id, answer, &turn) }
    if answer.isSilent {
      turn.abort(id, .connectionLost, .immediately)
      return charge(id, &turn)
    }
    guard answer.credit > 0 else {
      answers[id]?.isBlocked = true
      return
    }
    switch answer.fate {
    case .none, .serverError, .overload, .refusedAtOnce: break
    case .refused(let after): if answer.sent == after { return finish(id, answer, .contentFilter, &turn) }
    case .cut(let after):
      if answer.sent == after {
        turn.abort(id, .connectionLost, .immediately)
        return charge(id, &turn)
      }
    case .endsEarly(let after):
      if answer.sent == after {
        // All of the text and its reason to end may have come: without `[DONE]` it is none.
        if after == answer.completion.pieces.count { send(id, event(&answer, finish: answer.completion.finish), &answer, &turn) }
        turn.finish(id, .normal, .immediately)
        return charge(id, &turn)
      }
    case .error(let after, let isRateLimit):
      if answer.sent == after {
        let error =
          isRateLimit
          ? ChatError(message: "too many tokens this minute", type: "rate_limit_error", code: "rate_limit_exceeded")
          : ChatError(message: "something went wrong", type: "server_error")
        send(id, EventStreamWriter.event(Self.text { error.write(&$0) }), &answer, &turn)
        turn.finish(id, .normal, .immediately)
        return charge(id, &turn)
      }
    case .stalls(let after):
      if answer.sent == after {
        answers[id]?.isSilent = true
        steps[turn.wake(after: Self.silence)] = id
        return
      }
    case .garbage(let after):
      if answer.sent == after, !answer.hasSentGarbage {
        answer.hasSentGarbage = true
        let page = Array("<html><h1>502 Bad Gateway</h1></html>\n\n".utf8)
        send(id, turn.random.chance(0.5) ? page : [0xFF] + turn.random.bytes(Int(turn.random.below(64))), &answer, &turn)
        answers[id] = answer
        return wake(id, after: plan.betweenTokens.draw(&turn.random), &turn)
      }
    case .repeated: break
    }
    guard answer.sent < answer.completion.pieces.count else { return finish(id, answer, answer.completion.finish, &turn) }
    let isRepeated = answer.fate == .repeated(event: answer.sent)
    let bytes = event(&answer, content: answer.completion.pieces[answer.sent])
    answer.sent += 1
    send(id, isRepeated ? bytes + bytes : bytes, &answer, &turn)
    answers[id] = answer
    wake(id, after: plan.betweenTokens.draw(&turn.random), &turn)
  }

  /// Ends a stream in order.
  private mutating func finish(_ id: ExchangeID, _ answer: Answer, _ reason: ChatFinish, _ turn: inout Turn) {
    var answer = answer
    var bytes = event(&answer, finish: reason)
    if answer.fate == .repeated(event: answer.sent) { bytes += bytes }
    if answer.request.includesUsage { bytes += event(&answer, usage: answer.used) }
    bytes += EventStreamWriter.event("[DONE]")
    send(id, bytes, &answer, &turn)
    turn.finish(id, .normal, .immediately)
    charge(id, &turn)
  }

  /// An answer that is not streamed takes as long as one that is, and comes at once.
  private mutating func stepWhole(_ id: ExchangeID, _ answer: Answer, _ turn: inout Turn) {
    var answer = answer
    var isCut = false
    var reason: ChatFinish?
    switch answer.fate {
    case .none, .serverError, .overload, .refusedAtOnce, .garbage, .repeated: break
    case .refused(let after): if answer.sent == after { reason = .contentFilter }
    case .cut(let after), .endsEarly(let after), .error(let after, _): isCut = answer.sent == after
    case .stalls(let after):
      if answer.sent == after {
        // The next wake is its last.
        if answer.isSilent {
          isCut = true
        } else {
          answers[id]?.isSilent = true
          steps[turn.wake(after: Self.silence)] = id
          return
        }
      }
    }
    if isCut {
      turn.abort(id, .connectionLost, .immediately)
      return charge(id, &turn)
    }
    if reason == nil, answer.sent < answer.completion.pieces.count {
      answer.sent += 1
      answers[id] = answer
      return wake(id, after: plan.betweenTokens.draw(&turn.random), &turn)
    }
    let whole = ChatAnswer(
      id: answer.name, model: answer.request.model, createdSeconds: answer.createdSeconds,
      content: answer.completion.pieces.prefix(answer.sent).joined(), finish: reason ?? answer.completion.finish, usage: answer.used)
    turn.reply(id, .json(200) { whole.write(&$0) }, .immediately)
    charge(id, &turn)
  }

  /// An answer is over: what was sent of it is paid for.
  private mutating func charge(_ id: ExchangeID, _ turn: inout Turn) {
    guard let answer = answers.removeValue(forKey: id) else { return }
    turn.observe(
      .languageModelCharged, subject: UInt64(max(0, answer.used.totalTokens)), value: UInt64(max(0, plan.cost(of: answer.used))))
  }

  // MARK: events of a stream

  private func send(_ id: ExchangeID, _ bytes: [UInt8], _ answer: inout Answer, _ turn: inout Turn) {
    answer.credit -= bytes.count
    turn.send([id], bytes, .immediately)
  }

  private func event(
    _ answer: inout Answer, namesRole: Bool = false, content: String? = nil, finish: ChatFinish? = nil, usage: ChatUsage? = nil
  ) -> [UInt8] {
    let chunk = ChatChunk(
      id: answer.name, model: answer.request.model, createdSeconds: answer.createdSeconds, namesRole: namesRole, content: content,
      finish: finish, usage: usage)
    let number = answer.nextEvent
    answer.nextEvent += 1
    return EventStreamWriter.event(id: plan.numbersEvents ? String(number) : nil, Self.text { chunk.write(&$0) })
  }

  private static func text(_ write: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    write(&writer)
    // All that is written here can be: texts and integers, in their places.
    return (try? String(decoding: writer.finish(), as: UTF8.self)) ?? ""
  }
}
