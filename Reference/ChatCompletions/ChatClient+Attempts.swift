// The attempts of completions: what of an answer comes, how they end, and what takes too long.

import Resilience
import Vocabulary
import Wire

extension ChatClient {
  mutating func attempt(_ key: ChatKey, _ turn: inout Turn) {
    guard var completion = completions[key], case .waiting = completion.state else {
      breakInvariant("an attempt of completion \(key.number), which does not wait for one")
    }
    var request = completion.request
    request.deadline = Deadline(completion.deadline)
    let id = turn.open(completion.callee, request, .whole, completion.release)
    completion.attemptsMade += 1
    invariant(
      completion.attemptsMade <= completion.policy.attempts,
      "attempt \(completion.attemptsMade) of \(completion.policy.attempts) of completion \(key.number)")
    invariant(keyOfExchange[id] == nil, "exchange \(id.value) is one of a completion already")
    completion.state = .opening(id)
    completion.answer = .none
    completions[key] = completion
    keyOfExchange[id] = key
    wait(key, until: turn.now + completion.policy.firstPieceTimeout)
  }

  // MARK: what comes

  mutating func settle(_ part: StreamEvent, _ key: ChatKey, _ notices: inout [Notice], _ turn: inout Turn) {
    switch part {
    case .opened, .credit: break  // A server's event; and this side has nothing to send.
    case .accepted(let head):
      guard case .opening(let id)? = completions[key]?.state else { return }
      completions[key]?.state = .answering(id)
      let isStream = (200...299).contains(head.status) && Self.isMediaType(EventStreamWriter.contentType, head)
      let limits = limits(key)
      completions[key]?.answer = isStream ? .stream(ChatStreamReader(limits: limits)) : .whole(head, [])
    case .received(let bytes, _):
      guard case .answering(let id)? = completions[key]?.state else { return }
      turn.grant(id, bytes.count)
      received(bytes, key, &notices, &turn)
    case .finished:
      forgetExchange(key)
      concludeFinished(key, &notices, &turn)
    case .aborted:
      forgetExchange(key)
      concludeBroken(key, &notices, &turn)
    }
  }

  private func limits(_ key: ChatKey) -> ChatLimits { completions[key]?.policy.limits ?? ChatLimits() }

  private mutating func received(_ bytes: [UInt8], _ key: ChatKey, _ notices: inout [Notice], _ turn: inout Turn) {
    if let parts = completions[key]?.answer.read(bytes) {
      for part in parts { take(part, key, &notices, &turn) }
    } else if let length = completions[key]?.answer.append(bytes) {
      if completions[key]?.answer.isError == true {
        // Of what an error says, this is enough.
        if length >= ChatError.bodyBytes { concludeFinished(key, &notices, &turn) }
      } else if length > limits(key).bodyBytes {
        end(key, .failure(.tooLong(.body)), &notices, &turn)
      }
    }
  }

  private mutating func take(_ part: ChatStreamReader.Part, _ key: ChatKey, _ notices: inout [Notice], _ turn: inout Turn) {
    guard let completion = completions[key] else { return }
    switch part {
    case .piece(let text):
      if !completion.hasGivenPieces {
        completions[key]?.hasGivenPieces = true
        letRequestGo(key)
      }
      wait(key, until: turn.now + completion.policy.betweenPiecesTimeout)
      notices.append(Notice(key: key, purpose: completion.purpose, news: .piece(text)))
    case .event:
      // Before the first piece, nothing but it is waited for.
      if completion.hasGivenPieces { wait(key, until: turn.now + completion.policy.betweenPiecesTimeout) }
    case .ended(let result): end(key, result, &notices, &turn)
    }
  }

  /// The answer's end came in order.
  private mutating func concludeFinished(_ key: ChatKey, _ notices: inout [Notice], _ turn: inout Turn) {
    guard let completion = completions[key] else { return }
    switch completion.answer {
    // An end without a head is no answer of HTTP.
    case .none: failed(key, .transport(.malformedResponse), &notices, &turn)
    case .stream: end(key, .failure(.brokenOff), &notices, &turn)
    case .whole(let head, let body):
      switch Self.judge(head, body, completion.policy.limits, turn.wallClock) {
      case .success(let answer):
        if !answer.content.isEmpty {
          completions[key]?.hasGivenPieces = true
          notices.append(Notice(key: key, purpose: completion.purpose, news: .piece(answer.content)))
        }
        end(key, answer.result, &notices, &turn)
      case .failure(let failure): failed(key, failure, &notices, &turn)
      }
    }
  }

  /// The connection is gone.
  mutating func concludeBroken(_ key: ChatKey, _ notices: inout [Notice], _ turn: inout Turn) {
    guard let completion = completions[key] else { return }
    switch completion.answer {
    case .none: failed(key, .transport(.connectionLost), &notices, &turn)
    case .stream: end(key, .failure(.brokenOff), &notices, &turn)
    case .whole(let head, _):
      // What an error's head says is enough, also without its words.
      if (200...299).contains(head.status) { return end(key, .failure(.brokenOff), &notices, &turn) }
      concludeFinished(key, &notices, &turn)
    }
  }

  /// What an answer with a whole body is.
  private static func judge(
    _ head: ResponseHead, _ body: [UInt8], _ limits: ChatLimits, _ now: WallTime
  ) -> Result<ChatAnswer, ChatFailure> {
    guard (200...299).contains(head.status) else {
      let error = ChatError(body: body, limits: limits)
      let comeAgain = RetryAfter.wait(Response(status: head.status, headers: head.headers), now: now)
      if error.isRefusal { return .failure(.refused(ChatRefusal(error.message, partial: nil))) }
      switch head.status {
      case 429: return .failure(.rateLimited(comeAgainAfter: comeAgain, error))
      case 500...599: return .failure(.serverFailed(status: head.status, comeAgainAfter: comeAgain, error))
      default: return .failure(.rejected(status: head.status, error))
      }
    }
    guard isMediaType("application/json", head) else {
      let type = head.headers["content-type"] ?? ""
      return .failure(.malformed(ChatStreamMistake(event: 0, byteOffset: 0, problem: "an answer of type \(quoted(type))")))
    }
    do throws(TextMistake) {
      let document = try JSON(parsing: body, limits: JSONLimits(maximumBytes: limits.bodyBytes, maximumDepth: 32, maximumValues: 10_000))
      if let error = ChatError(document: document) { return .failure(.errorInStream(error)) }
      do throws(FieldMistake) {
        return .success(try ChatAnswer(JSONField(document), limits: limits))
      } catch {
        return .failure(.malformed(ChatStreamMistake(event: 0, byteOffset: 0, problem: error.description)))
      }
    } catch {
      return .failure(.malformed(ChatStreamMistake(event: 0, byteOffset: 0, problem: error.description)))
    }
  }

  private static func isMediaType(_ type: String, _ head: ResponseHead) -> Bool {
    guard let field = head.headers["content-type"] else { return false }
    let named = field.prefix { $0 != ";" }
    return named.split(separator: " ").first.map { $0.isSameToken(as: type) } ?? false
  }

  // MARK: how it ends

  /// An attempt came to nothing: another one is made, or the completion ends.
  mutating func failed(_ key: ChatKey, _ failure: ChatFailure, _ notices: inout [Notice], _ turn: inout Turn) {
    hangUp(key, &turn)
    guard let completion = completions[key] else { return }
    let policy = completion.policy
    guard let comeAgain = Self.comeAgain(after: failure), !completion.hasGivenPieces, completion.attemptsMade < policy.attempts,
      comeAgain <= policy.longestComeAgain,
      // The jitter goes behind what the server asked for: else all whom it sent away would come back at once.
      let at = policy.backoff.nextAttempt(
        max(1, completion.attemptsMade), now: turn.now + comeAgain, deadline: Deadline(completion.deadline), &turn.random)
    else { return end(key, .failure(failure), &notices, &turn) }
    completions[key]?.state = .waiting
    completions[key]?.answer = .none
    wait(key, until: at)
    notices.append(Notice(key: key, purpose: completion.purpose, news: .tryingAgain(after: failure)))
  }

  /// How long to wait before another attempt, at least; nil where none is worth it.
  private static func comeAgain(after failure: ChatFailure) -> TimeSpan? {
    switch failure {
    case .rateLimited(let comeAgain, let error): error.isQuota ? nil : comeAgain ?? .zero
    case .serverFailed(let status, let comeAgain, _): status == 503 ? comeAgain ?? .zero : nil
    case .transport(let failure): failure == .refused ? .zero : nil
    case .refused, .lengthReached, .endedOtherwise, .rejected, .errorInStream, .malformed, .brokenOff, .tooLong, .timedOut, .crowded,
      .unsendable:
      nil
    }
  }

  private mutating func end(
    _ key: ChatKey, _ result: Result<ChatCompletion, ChatFailure>, _ notices: inout [Notice], _ turn: inout Turn
  ) {
    hangUp(key, &turn)
    guard let completion = remove(key) else { breakInvariant("completion \(key.number) ends twice") }
    notices.append(Notice(key: key, purpose: completion.purpose, news: .ended(result)))
  }

  /// Has a completion fail by the next wake.
  mutating func fail(_ key: ChatKey, later failure: ChatFailure, _ turn: inout Turn) {
    completions[key]?.state = .failing(failure)
    wait(key, until: turn.now)
  }

  /// Gives the exchange of a completion up, where one is under way: also one whose answer is complete, since its
  /// connection is its own.
  mutating func hangUp(_ key: ChatKey, _ turn: inout Turn) {
    switch completions[key]?.state {
    case .opening(let id)?, .answering(let id)?:
      if keyOfExchange.removeValue(forKey: id) != nil { turn.abort(id, .connectionLost, .immediately) }
    case .waiting?, .failing?, nil: break
    }
  }

  /// The exchange of a completion is gone by itself.
  private mutating func forgetExchange(_ key: ChatKey) {
    switch completions[key]?.state {
    case .opening(let id)?, .answering(let id)?: keyOfExchange[id] = nil
    case .waiting?, .failing?, nil: break
    }
  }

  // MARK: what is due

  /// Has a completion looked at when what it waits for takes too long. One look is put down at a time: it puts down the
  /// next.
  private mutating func wait(_ key: ChatKey, until instant: Instant) {
    guard let completion = completions[key] else { return }
    let until = min(instant, completion.deadline)
    completions[key]?.until = until
    if until < completion.lookAt {
      completions[key]?.lookAt = until
      dues.insert(key, at: until)
    }
  }

  mutating func takeDue(_ notices: inout [Notice], _ turn: inout Turn) {
    while let key = dues.next(by: turn.now) {
      guard let completion = completions[key], completion.lookAt <= turn.now else { continue }
      completions[key]?.lookAt = .never
      guard completion.until <= turn.now else {
        wait(key, until: completion.until)
        continue
      }
      switch completion.state {
      case .failing(let failure): end(key, .failure(failure), &notices, &turn)
      case .waiting:
        if completion.deadline <= turn.now {
          end(key, .failure(.timedOut(.whole)), &notices, &turn)
        } else {
          attempt(key, &turn)
        }
      case .opening, .answering:
        let wait: ChatFailure.Wait =
          completion.deadline <= turn.now ? .whole : completion.hasGivenPieces ? .betweenPieces : .firstPiece
        // The head of an error says enough, though its words do not come.
        if completion.answer.isError {
          concludeFinished(key, &notices, &turn)
        } else {
          end(key, .failure(.timedOut(wait)), &notices, &turn)
        }
      }
    }
  }

  mutating func arm(_ turn: inout Turn) {
    let completions = completions
    dues.arm(&turn, most: 2 * completions.count + 64) { completions[$0.key]?.lookAt == $0.instant }
  }
}

extension ChatClient.Answer {
  /// Whether its head says that it is an error.
  var isError: Bool {
    if case .whole(let head, _) = self { !(200...299).contains(head.status) } else { false }
  }

  /// Reads the next bytes of a streamed answer; nil where this is none.
  mutating func read(_ bytes: [UInt8]) -> [ChatStreamReader.Part]? {
    guard case .stream(var reader) = self else { return nil }
    // The reader's texts must not be held twice, or each piece would copy them.
    self = .none
    let parts = reader.receive(bytes)
    self = .stream(reader)
    return parts
  }

  /// Takes the next bytes of a whole body, and returns its length; nil where this is none.
  mutating func append(_ bytes: [UInt8]) -> Int? {
    guard case .whole(let head, var body) = self else { return nil }
    self = .none
    body += bytes
    self = .whole(head, body)
    return body.count
  }
}
