// What a case leaves behind is taken away: its closing requests, all at once, once its steps are through.
//
// Fault model: any answer will do that fits the document of the service, and so will none: what cannot be taken away
// must not stop the cases that follow. A case that passed fails by an answer that does not fit; its verdict is told
// once all are there. One that failed has been told of by then.

import OpenAPI
import Vocabulary

extension ContractCaller {
  /// Sends the closing requests of the case that ended; none where the case asked nothing of anybody.
  mutating func beginClosing(_ turn: inout Turn) {
    let hasAsked = performed.contains { step in
      switch step {
      case .requests, .begun: true
      case .wait, .awaited: false
      }
    }
    guard hasAsked, let current, let service = plan.services[current.service] else { return }
    for closer in current.afterwards {
      // A variable without a value: the case never came to make what this would take away.
      guard let target = try? closer.target.text(variables) else { continue }
      var made = MadeRequest(request: Request(closer.method, service.prefix + target), pieces: [])
      if !saved.isEmpty, let marked = try? closer.target.text(saved.marked(variables)) {
        made.marked = [MadeRequest(request: Request(closer.method, service.prefix + marked), pieces: [])]
      }
      closing.append((send(made.request, current.service, service, &turn), closer, made))
    }
    if !closing.isEmpty { wake = (turn.wake(after: plan.answerWithin), .closingIsLate) }
  }

  /// A closing request ended, in whatever way; false where `id` is none.
  mutating func closed(_ answer: CallAnswer, _ id: ExchangeID, _ turn: inout Turn) -> Bool {
    guard let index = closing.firstIndex(where: { $0.id == id }) else { return false }
    let ended = closing.remove(at: index)
    if let violation = violation(answer, id) { fails(by: violation, ended.request, ended.made) }
    if closing.isEmpty {
      if let wake { turn.cancelWake(wake.timer) }
      nextCase(&turn)
    }
    return true
  }

  /// The case that passed so far fails by a closing request that does not fit its document.
  private mutating func fails(by violation: OpenAPIViolation, _ closer: ClosingRequest, _ made: MadeRequest) {
    guard let current, passing?.passed == true else { return }
    let mistake = violation.mistake
    let step = RequestStep(
      service: current.service, method: closer.method, target: closer.target, headers: [], body: .none, times: 1, atOnce: 1,
      eventually: nil, expectation: AnswerExpectation(), saves: [])
    let commands = CurlText(plan: plan, run: variables["run"], saved: saved).commands(performed + [.requests(step, [made])])
    passing?.outcome = .failed(
      CaseFailure(
        step: "afterwards (\(closer.method.token) \(closer.target.shown))", line: closer.line,
        expected: "\(mistake.path): \(mistake.expected), as \(violation.place) has it", found: mistake.found, commands: commands))
  }

  /// The closing requests did not all end in time.
  mutating func closingIsLate(_ turn: inout Turn) {
    for one in closing { turn.cancelCall(one.id) }
    closing = []
    nextCase(&turn)
  }
}
