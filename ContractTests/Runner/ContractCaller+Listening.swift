// What alerting's channel sends to the caller: taken, kept, and compared with what a case expects to hear.

import Vocabulary
import Wire

extension ContractCaller {
  /// Takes a notification, as a receiver of webhooks does.
  mutating func hear(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) {
    guard request.head.method == .post else {
      return turn.reply(exchange, .failure(405, code: "METHOD_NOT_ALLOWED", message: "a webhook takes POST"))
    }
    turn.reply(exchange, Response(status: 204))
    if let violation = violation(ofNotification: request) { return fails(by: violation, &turn) }
    if heard.count < Self.maximumHeard { heard.append(request) }
    guard let (expectation, isWanted) = listening, isHeard(expectation) else { return }
    if isWanted {
      stopListening(&turn)
      nextStep(&turn)
    } else {
      fail(expected: "no such notification", found: String(decoding: request.body.prefix(300), as: UTF8.self), &turn)
    }
  }

  /// Begins a step that listens.
  mutating func listen(for expectation: HeardExpectation, _ span: TimeSpan, _ turn: inout Turn) {
    guard let (_, isWanted) = listening else { return }
    if isHeard(expectation) {
      if isWanted { return nextStep(&turn) }
      return fail(expected: "no such notification", found: "one that came before", &turn)
    }
    wake = (turn.wake(after: span), .listenedLongEnough)
  }

  /// The time to listen is over.
  mutating func listened(_ turn: inout Turn) {
    guard let (_, isWanted) = listening else { return }
    guard isWanted else { return nextStep(&turn) }
    let others = heard.suffix(3).map { String(decoding: $0.body.prefix(200), as: UTF8.self) }
    fail(expected: "such a notification", found: others.isEmpty ? "none" : "others: \(others.joined(separator: ", "))", &turn)
  }

  private mutating func stopListening(_ turn: inout Turn) {
    if let wake { turn.cancelWake(wake.timer) }
    wake = nil
  }

  /// What the step listens for, and whether it is to come.
  private var listening: (HeardExpectation, isWanted: Bool)? {
    guard closing.isEmpty, let current, current.steps.indices.contains(step) else { return nil }
    switch current.steps[step].kind {
    case .hears(let expectation, _): return (expectation, true)
    case .hearsNothing(let expectation, _): return (expectation, false)
    case .request, .requestBegins, .requestEnds, .wait, .windowBegins, .windowEnds: return nil
    }
  }

  private func isHeard(_ expectation: HeardExpectation) -> Bool {
    heard.contains { request in
      guard let document = try? JSON(parsing: request.body) else { return false }
      do throws(UnfitVariable) {
        for (name, matcher) in expectation.headers {
          let value = request.head.headers[name].map { JSON.string($0) }
          if try matcher.mismatch(value, variables) != nil { return false }
        }
        return try expectation.json.mismatch(document, variables) == nil
      } catch {
        return false
      }
    }
  }
}
