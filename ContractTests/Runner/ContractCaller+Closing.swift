// What a case leaves behind is taken away: its closing requests, all at once, after its verdict.
//
// Fault model: any answer will do, and so will none: what cannot be taken away must not stop the cases that follow.

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
    for request in current.afterwards {
      // A variable without a value: the case never came to make what this would take away.
      guard let target = try? request.target.text(variables) else { continue }
      closing.append(turn.call(service.endpoint, Request(request.method, service.prefix + target), .immediately))
    }
    if !closing.isEmpty { wake = (turn.wake(after: plan.answerWithin), .closingIsLate) }
  }

  /// A closing request ended, in whatever way; false where `id` is none.
  mutating func closed(_ id: ExchangeID, _ turn: inout Turn) -> Bool {
    guard let index = closing.firstIndex(of: id) else { return false }
    closing.remove(at: index)
    if closing.isEmpty {
      if let wake { turn.cancelWake(wake.timer) }
      nextCase(&turn)
    }
    return true
  }

  /// The closing requests did not all end in time.
  mutating func closingIsLate(_ turn: inout Turn) {
    for id in closing { turn.cancelCall(id) }
    closing = []
    nextCase(&turn)
  }
}
