// Clean-up by schedule: rows whose time is over go from the store, so many at once, and at once again while there are more.
// Nothing hangs on it but room: what is over is not given out, cleaned away or not.

import Resilience
import Vocabulary
import Wire

extension ContextManager {
  mutating func scheduleCleaning(_ turn: inout Turn) {
    if cleaning == nil { cleaning = turn.wake(after: configuration.cleanEvery) }
  }

  mutating func clean(_ turn: inout Turn) {
    calls.call(
      configuration.store, ContextRows.over(at: turn.wallClock, count: configuration.cleanedAtOnce), policy: configuration.storePolicy,
      deadline: Deadline(turn.now + configuration.storeWithin), release: .immediately, then: .overFound, &turn)
  }

  mutating func overFound(_ outcome: CallOutcome, _ turn: inout Turn) {
    guard case .success(let response) = outcome, response.status == 200, let rows = ContextRows.rows(response) else {
      return scheduleCleaning(&turn)
    }
    var names: [ContextRows.RowName] = []
    for row in rows {
      guard let scope = try? row.member("scope").string(maximumBytes: 1_024), let id = try? row.member("id").string(maximumBytes: 1_024),
        let sequence = try? row.member("sequence").integer()
      else { continue }
      names.append(.init(scope: scope, id: id, sequence: sequence))
    }
    guard !names.isEmpty else { return scheduleCleaning(&turn) }
    calls.call(
      configuration.store, ContextRows.remove(names), policy: configuration.storePolicy,
      deadline: Deadline(turn.now + configuration.storeWithin), release: .immediately, then: .cleaned(names.count), &turn)
  }

  mutating func cleaned(_ count: Int, _ outcome: CallOutcome, _ turn: inout Turn) {
    guard case .success(let response) = outcome, response.status == 200 else { return scheduleCleaning(&turn) }
    figures.cleaned += UInt64(count)
    if count < configuration.cleanedAtOnce { scheduleCleaning(&turn) } else { clean(&turn) }
  }
}
