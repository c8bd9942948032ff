// A step's requests: made in rounds (once, several times, or until the answer is right), and judged answer by answer.

import Vocabulary
import Wire

/// How a request ended.
enum CallAnswer {
  /// A whole response.
  case answered(Response)
  /// No response, for this reason.
  case broke(TransportFailure)
  /// None came in time.
  case late
}

/// Where the requests of a step stand.
struct RequestRound {
  /// When the step began.
  let began: Instant
  /// Rounds that ended.
  var ended = 0
  /// Attempts of this round so far, where it is made until the answer is right.
  var attempts = 0
  /// Requests under way.
  var waiting: [ExchangeID] = []
  /// Answers of this round.
  var answers: [CallAnswer] = []
  /// Answers of all rounds, by status.
  var tally: [Int: Int] = [:]
  /// The last response.
  var last: Response?

  init(began: Instant) { self.began = began }
}

/// A request as it was made.
struct MadeRequest {
  var request: Request
  /// The body in pieces, so that a long one can be written down shortly.
  var pieces: [MadePiece]
  /// The same with markers for values that were saved from answers; one, or none where nothing was saved.
  var marked: [MadeRequest] = []
}

/// A piece of a body as it was sent.
enum MadePiece {
  case bytes([UInt8])
  case repeated([UInt8], times: Int)
}

/// What a case did so far, for the commands that repeat it.
enum PerformedStep {
  case wait(TimeSpan)
  case requests(RequestStep, [MadeRequest])
  /// A request that is under way during the steps that follow.
  case begun(RequestStep, MadeRequest)
  /// The wait for the request that was begun.
  case awaited
}

extension ContractCaller {
  private var requestStep: RequestStep? {
    guard let current, current.steps.indices.contains(step) else { return nil }
    return current.steps[step].kind.request
  }

  // MARK: making

  /// Sends the requests of the step's next round.
  mutating func beginRound(_ turn: inout Turn) {
    guard let requestStep, let service = plan.services[requestStep.service] else { return }
    variables["now"] = .integer(turn.wallClock.milliseconds)
    let made: MadeRequest
    do throws(UnfitVariable) {
      made = try shown(requestStep, service)
    } catch {
      return fail(expected: "a request that can be made", found: error.description, &turn)
    }
    if case .requests(_, var all)? = performed.last {
      // Attempts of one request are one.
      if round?.attempts ?? 0 > 0 { all.removeLast() }
      all.append(made)
      performed[performed.count - 1] = .requests(requestStep, all)
    }
    round?.answers = []
    round?.attempts += 1
    for _ in 0..<requestStep.atOnce {
      let id = send(made.request, requestStep.service, service, &turn)
      round?.waiting.append(id)
    }
    wake = (turn.wake(after: plan.answerWithin), .answerIsLate)
  }

  /// Sends a request that is under way during the steps that follow. False where it could not be made, and the case has
  /// failed.
  mutating func begin(_ requestStep: RequestStep, _ turn: inout Turn) -> Bool {
    guard let service = plan.services[requestStep.service] else { return true }
    do throws(UnfitVariable) {
      let made = try shown(requestStep, service)
      performed.append(.begun(requestStep, made))
      var round = RequestRound(began: turn.now)
      round.waiting = [send(made.request, requestStep.service, service, &turn)]
      begun = round
      return true
    } catch {
      fail(expected: "a request that can be made", found: error.description, &turn)
      return false
    }
  }

  /// Waits for the answer to the request that was begun.
  mutating func awaitBegun(_ turn: inout Turn) {
    performed.append(.awaited)
    round = begun
    begun = nil
    guard round?.waiting.isEmpty == false else { return endRound(&turn) }
    wake = (turn.wake(after: plan.answerWithin), .answerIsLate)
  }

  /// The request, and how it is shown in the commands that repeat the case.
  private func shown(_ step: RequestStep, _ service: ContractService) throws(UnfitVariable) -> MadeRequest {
    var made = try make(step, service, variables)
    if !saved.isEmpty { made.marked = [try make(step, service, saved.marked(variables))] }
    return made
  }

  private func make(
    _ step: RequestStep, _ service: ContractService, _ variables: Variables
  ) throws(UnfitVariable) -> MadeRequest {
    var headers = Headers()
    for header in step.headers { headers.append(header.name, try header.value.text(variables)) }
    var pieces: [MadePiece] = []
    switch step.body {
    case .none: break
    case .json(let template):
      let document = try template.json(variables)
      guard let bytes = try? document.serialized() else {
        throw UnfitVariable(description: "the document holds what JSON has no form for")
      }
      pieces = [.bytes(bytes)]
    case .parts(let parts):
      for part in parts {
        switch part {
        case .text(let template): pieces.append(.bytes(Array(try template.text(variables).utf8)))
        case .bytes(let bytes): pieces.append(.bytes(bytes))
        case .repeated(let template, let times): pieces.append(.repeated(Array(try template.text(variables).utf8), times: times))
        }
      }
    }
    if !pieces.isEmpty, headers["content-type"] == nil { headers.append("content-type", "application/json") }
    var body: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .bytes(let bytes): body += bytes
      case .repeated(let bytes, let times):
        body += Self.repeated(bytes, times: times)
      }
    }
    let target = service.prefix + (try step.target.text(variables))
    return MadeRequest(request: Request(step.method, target, headers: headers, body: body), pieces: pieces)
  }

  /// By doubling, so that a body of many megabytes is made quickly in a debug build too.
  private static func repeated(_ bytes: [UInt8], times: Int) -> [UInt8] {
    let count = bytes.count * times
    guard !bytes.isEmpty, times > 0 else { return [] }
    var result = bytes
    result.reserveCapacity(count)
    while result.count < count { result += result.prefix(min(result.count, count - result.count)) }
    return result
  }

  // MARK: judging

  mutating func came(_ answer: CallAnswer, _ id: ExchangeID, _ turn: inout Turn) {
    if let violation = violation(answer, id) { return fails(by: violation, &turn) }
    if begun?.waiting.contains(id) == true {
      begun?.waiting = []
      begun?.answers = [answer]
      return
    }
    guard let index = round?.waiting.firstIndex(of: id) else { return }
    round?.waiting.remove(at: index)
    round?.answers.append(answer)
    if round?.waiting.isEmpty == true { endRound(&turn) }
  }

  /// The answers of the round did not all come in time.
  mutating func late(_ turn: inout Turn) {
    for id in round?.waiting ?? [] {
      turn.cancelCall(id)
      round?.answers.append(.late)
    }
    round?.waiting = []
    endRound(&turn)
  }

  private mutating func endRound(_ turn: inout Turn) {
    guard let requestStep, let ended = round else { return }
    if let wake { turn.cancelWake(wake.timer) }
    wake = nil
    answers += ended.answers.count
    for answer in ended.answers {
      if case .broke(let failure) = answer, failure == .refused || failure == .unresolvable, !answered.contains(requestStep.service) {
        return endEarly(.notRun("\(requestStep.service) cannot be reached"), &turn)
      }
      var mismatch: FieldMistake?
      do throws(UnfitVariable) {
        mismatch = try self.mismatch(answer, requestStep.expectation)
      } catch {
        mismatch = FieldMistake(path: "", expected: "an answer that can be compared", found: error.description)
      }
      if case .answered(let response) = answer {
        answered.insert(requestStep.service)
        round?.last = response
        if mismatch == nil { round?.tally[response.status, default: 0] += 1 }
      }
      if let mismatch {
        if let limit = requestStep.eventually, turn.now - ended.began < limit {
          wake = (turn.wake(after: min(.milliseconds(500), .milliseconds(25) * Int64(ended.attempts))), .tryAgain)
          return
        }
        let expected = mismatch.path.isEmpty ? mismatch.expected : "\(mismatch.path): \(mismatch.expected)"
        let within = requestStep.eventually.map { " within \(Self.text($0))" } ?? ""
        return fail(expected: expected + within, found: mismatch.found + Self.body(of: answer, mismatch), &turn)
      }
    }
    round?.ended += 1
    round?.attempts = 0
    guard ended.ended + 1 == requestStep.times else { return beginRound(&turn) }
    endStep(requestStep, &turn)
  }

  private mutating func endStep(_ requestStep: RequestStep, _ turn: inout Turn) {
    let tally = round?.tally ?? [:]
    if requestStep.expectation.tally.contains(where: { tally[$0.status] ?? 0 != $0.count }) {
      let found = tally.keys.sorted().map { "\(tally[$0] ?? 0) × \($0)" }.joined(separator: ", ")
      let expected = requestStep.expectation.tally.map { "\($0.count) × \($0.status)" }.joined(separator: ", ")
      return fail(expected: expected, found: found.isEmpty ? "no answer" : found, &turn)
    }
    if !requestStep.saves.isEmpty {
      let document = round?.last.flatMap { try? $0.document().value } ?? .null
      for (name, path) in requestStep.saves {
        guard let value = path.value(in: document) else {
          return fail(expected: "the value \(path.text)", found: document.shown, &turn)
        }
        variables[name] = value
        saved.note(name, value, at: path)
      }
    }
    round = nil
    nextStep(&turn)
  }

  /// Where an answer is not what is expected; nil where it is.
  private func mismatch(_ answer: CallAnswer, _ expectation: AnswerExpectation) throws(UnfitVariable) -> FieldMistake? {
    let response: Response
    switch answer {
    case .answered(let answered): response = answered
    case .late: return FieldMistake(path: "", expected: expectation.words, found: "no answer within \(Self.text(plan.answerWithin))")
    case .broke(let failure):
      if expectation.mayClose, failure == .connectionLost { return nil }
      return FieldMistake(path: "", expected: expectation.words, found: Self.words(failure))
    }
    if expectation.mustClose {
      return FieldMistake(path: "", expected: expectation.words, found: "status \(response.status)")
    }
    if !expectation.statuses.isEmpty, !expectation.statuses.contains(where: { $0.contains(response.status) }) {
      return FieldMistake(path: "", expected: expectation.words, found: "status \(response.status)")
    }
    for (name, matcher) in expectation.headers {
      let value = response.head.headers[name].map { text in (try? JSON(parsing: text)) ?? .string(text) }
      if let mismatch = try matcher.mismatch(value, at: "the header \(name)", variables) { return mismatch }
    }
    guard expectation.json != nil || expectation.error != nil else { return nil }
    guard let document = try? response.document().value else {
      return FieldMistake(path: "", expected: "a body of JSON", found: "status \(response.status) with a body that is none")
    }
    if let names = expectation.error, let mismatch = try errorMismatch(document, names) { return mismatch }
    return try expectation.json?.mismatch(document, variables)
  }

  /// An error body is an object with the member `error`, which is not empty and names what it should.
  private func errorMismatch(_ document: JSON, _ names: [Template]) throws(UnfitVariable) -> FieldMistake? {
    let error = document["error"]
    switch error {
    case .object(let members)? where !members.isEmpty: break
    case .string(let text)? where !text.isEmpty: break
    case .object, .string, .null, .bool, .integer, .double, .decimal, .array, nil:
      return FieldMistake(path: "", expected: "an error body: {\"error\": …}", found: document.shown)
    }
    // In the texts as they mean, not as JSON escapes them.
    let text = error.map(Self.texts) ?? ""
    for name in names {
      let wanted = try name.text(variables)
      if !JSONMatcher.contains(text, wanted) {
        return FieldMistake(path: "error", expected: "it names \"\(wanted)\"", found: error?.shown ?? "nothing")
      }
    }
    return nil
  }

  private static func texts(_ value: JSON) -> String {
    switch value {
    case .string(let text): text
    case .object(let members): members.map { "\($0.name): \(texts($0.value))" }.joined(separator: "\n")
    case .array(let elements): elements.map(texts).joined(separator: "\n")
    case .null, .bool, .integer, .double, .decimal: value.shown
    }
  }

  // MARK: words

  private static func words(_ failure: TransportFailure) -> String {
    switch failure {
    case .refused: "the connection was refused"
    case .connectionLost: "the connection broke without an answer"
    case .unresolvable: "the address cannot be resolved"
    case .responseTooLarge: "an answer that is too long"
    case .malformedResponse: "an answer that is not HTTP"
    case .forbidden: "the address policy does not allow it"
    case .untrusted: "it was not trusted by TLS"
    }
  }

  /// The beginning of an answer's body, where the mismatch does not show it already.
  private static func body(of answer: CallAnswer, _ mismatch: FieldMistake) -> String {
    guard case .answered(let response) = answer, !response.body.isEmpty, mismatch.path.isEmpty || mismatch.found == "nothing" else {
      return ""
    }
    let text = String(decoding: response.body.prefix(300), as: UTF8.self)
    return ", with \(text)\(response.body.count > 300 ? "…" : "")"
  }
}
