// What becomes of Redis's answers.

import Resilience
import StoresAPI
import Vocabulary
import Wire

extension RedisFront {
  /// Most pieces of one deletion by pattern: beyond a hundred million keys nobody waits any more.
  private static let mostRounds = 100_000

  /// Redis answered one command, or did not.
  mutating func resume(_ next: Next, _ outcome: CallOutcome, _ turn: inout Turn) {
    switch next {
    case .subscribed(let pattern): return subscribed(pattern, outcome, &turn)
    case .unsubscribed(let pattern): return unsubscribed(pattern, &turn)
    case .told(let link): return told(link, outcome, &turn)
    case .get(let exchange), .put(let exchange, _), .delete(let exchange, _), .sweep(let exchange, _, _, _), .count(let exchange, _),
      .counter(let exchange), .lock(let exchange, _, _), .renew(let exchange, _, _), .unlock(let exchange), .lockState(let exchange),
      .publish(let exchange, _), .health(let exchange):
      do throws(RequestProblem) {
        let value = try value(of: outcome)
        figures.answered += 1
        if let response = try answer(next, value, &turn) { turn.reply(exchange, response, .immediately) }
      } catch {
        figures.failed += 1
        if case .health = next {
          turn.reply(exchange, .unavailable(degraded: [error.message]), .immediately)
        } else {
          turn.reply(exchange, error.response, .immediately)
        }
      }
    }
  }

  /// The one value that Redis answered.
  private func value(of outcome: CallOutcome) throws(RequestProblem) -> RESPValue {
    let response: Response
    switch outcome {
    case .success(let answer): response = answer
    case .failure(let failure): throw Self.problem(failure)
    }
    guard response.status == 200 else { throw Self.unexpected }
    var reader = RESPReader()
    reader.feed(response.body)
    let value: RESPValue?
    do throws(RESPMistake) { value = try reader.next() } catch { throw Self.unexpected }
    guard let value, !reader.isWithinValue else { throw Self.unexpected }
    if case .failure(let text) = value { throw Self.problem(text) }
    return value
  }

  static let unexpected = RequestProblem(
    503, code: "REDIS_REFUSED", message: "Redis answers what was not asked for, or holds what is none of ours")

  /// Redis was not reached, or nobody knows.
  static func problem(_ failure: CallFailure) -> RequestProblem {
    failure.wasNotCarriedOut
      ? RequestProblem(503, code: "REDIS_AWAY", message: "Redis is not reached; nothing was done")
      : RequestProblem(503, code: "OPEN", message: "Redis did not answer; it may have been done")
  }

  /// What Redis says went wrong: a word in capitals, and words for people.
  private static func problem(_ text: [UInt8]) -> RequestProblem {
    let shown = String(decoding: text.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    if shown.hasPrefix("OOM") { return RequestProblem(507, code: "NO_ROOM", message: "Redis has no room for it; nothing was done") }
    return RequestProblem(503, code: "REDIS_REFUSED", message: "Redis answers \(shown)")
  }

  /// The answer to a request; nil where more has to be asked first.
  private mutating func answer(_ next: Next, _ value: RESPValue, _ turn: inout Turn) throws(RequestProblem) -> Response? {
    switch next {
    case .get: return try Self.entry(value)
    case .put(_, let condition):
      switch try Self.number(value) {
      case 0: return Response(status: 201)
      case 1: return Response(status: 204)
      case _:
        let message = condition == .present ? "there is no value under this key" : "there is a value under this key already"
        return .failure(412, code: "CONDITION_FAILED", message: message, field: "if")
      }
    case .delete(_, let isCounter):
      if try Self.number(value) > 0 { return Response(status: 204) }
      return isCounter ? Self.noCounter : Self.noEntry
    case .sweep(let exchange, let pattern, let removed, let rounds):
      let parts = try Self.parts(value, 2)
      guard let cursor = parts[0].content.map({ String(decoding: $0, as: UTF8.self) }) else { throw Self.unexpected }
      let sum = removed + (try Self.number(parts[1]))
      if cursor == "0" { return Self.number("removed", sum) }
      guard rounds < Self.mostRounds else {
        throw RequestProblem(503, code: "TOO_MANY_KEYS", message: "\(sum) were removed, and there are more")
      }
      sweep(exchange, pattern, from: cursor, removed: sum, rounds: rounds + 1, &turn)
      return nil
    case .count(_, let step):
      let parts = try Self.parts(value, 2)
      let count = try Self.number(parts[1])
      guard try Self.number(parts[0]) == 1 else {
        throw RequestProblem(
          409, code: "COUNTER_OVERFLOW", message: "the counter is at \(count), and \(step) more is beyond 64 bits", field: "by")
      }
      return Self.number("value", count)
    case .counter:
      if case .null = value { return Self.noCounter }
      return Self.number("value", try Self.number(value))
    case .lock, .renew, .unlock, .lockState: return try lockAnswer(next, value)
    case .publish(_, let channel):
      // Redis counts patterns, each of ours once, however many listen by it.
      let others = try Self.number(value) - Int64(subscriptions.count(on: channel))
      return Self.number("receivers", max(0, others) + Int64(listeners.count(on: channel)))
    case .health: return .up()
    case .subscribed, .unsubscribed, .told: return nil
    }
  }

  private func lockAnswer(_ next: Next, _ value: RESPValue) throws(RequestProblem) -> Response {
    switch next {
    case .lock(_, let owner, let span):
      let parts = try Self.parts(value, 2)
      let number = try Self.number(parts[1])
      guard try Self.number(parts[0]) == 1 else {
        let left = TimeSpan.milliseconds(max(1, min(number, CacheAPI.maximumLockMilliseconds)))
        return .failure(
          409, code: "LOCKED", message: "somebody holds this lock for \(left.milliseconds) ms more", field: "name", retryAfter: left)
      }
      return try grant(number, owner: owner, for: span.milliseconds).response(201)
    case .renew(_, let token, let span):
      guard let owner = value.content else { throw Self.lost }
      return try grant(token, owner: String(decoding: owner, as: UTF8.self), for: span.milliseconds).response(200)
    case .unlock:
      guard try Self.number(value) > 0 else { throw Self.lost }
      return Response(status: 204)
    case .lockState:
      if case .null = value { return .failure(404, code: "NOT_LOCKED", message: "nobody holds this lock", field: "name") }
      let parts = try Self.parts(value, 3)
      guard let owner = parts[1].content else { throw Self.unexpected }
      return try grant(try Self.number(parts[0]), owner: String(decoding: owner, as: UTF8.self), for: max(0, try Self.number(parts[2])))
        .response(200)
    case .get, .put, .delete, .sweep, .count, .counter, .publish, .health, .subscribed, .unsubscribed, .told: throw Self.unexpected
    }
  }

  private func grant(_ token: Int64, owner: String, for milliseconds: Int64) throws(RequestProblem) -> LockGrant {
    guard let token = UInt64(exactly: token) else { throw Self.unexpected }
    return LockGrant(token: token, owner: owner, remainingMilliseconds: milliseconds)
  }

  // MARK: pieces

  private static var lost: RequestProblem {
    RequestProblem(409, code: "LOCK_LOST", message: "this lock is not held by that token (any more)", field: "token")
  }
  private static var noEntry: Response {
    .failure(404, code: "NO_SUCH_ENTRY", message: "there is nothing under this key", field: "key")
  }
  private static var noCounter: Response {
    .failure(404, code: "NO_SUCH_COUNTER", message: "there is no counter under this key", field: "key")
  }

  private static func entry(_ value: RESPValue) throws(RequestProblem) -> Response {
    if case .null = value { return noEntry }
    let parts = try parts(value, 2)
    guard let found = parts[0].content.flatMap({ RedisKeys.unpacked($0) }) else { throw unexpected }
    let left = try number(parts[1])
    var headers: Headers = ["content-type": found.type ?? "application/octet-stream"]
    if left >= 0 { headers.append(CacheAPI.remainingHeader, "\(left)") }
    return Response(status: 200, headers: headers, body: found.value)
  }

  private static func number(_ value: RESPValue) throws(RequestProblem) -> Int64 {
    guard let number = value.wholeNumber else { throw unexpected }
    return number
  }

  private static func parts(_ value: RESPValue, _ count: Int) throws(RequestProblem) -> [RESPValue] {
    guard let parts = value.elements, parts.count == count else { throw unexpected }
    return parts
  }

  private static func number(_ name: String, _ value: Int64) -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.member(name, value)
      writer.endObject()
    }
  }
}
