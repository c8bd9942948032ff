// Tokens of a lock rise in the order in which they were given, over restarts of the cache too, and while its process lives a
// lock is not given to a second owner before the first one's time is over, or he gave it back.

import Checking
import StoresAPI
import Vocabulary

/// Checks locks.
public struct LocksFenced: Checker {
  /// A checker.
  public init() {}

  public var name: String { "locks are fenced" }
  public var requirements: [String] { [] }

  private struct Hold {
    var operation: CacheOperation
    var token: UInt64
    /// Until when it was certainly held, but for a restart: as far as the latest renewal that was acknowledged, or that gives
    /// way to a return that was asked for.
    var heldUntil: Instant
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let byName = Dictionary(grouping: record.cacheOperations()) { $0.name }
    for (name, operations) in byName.sorted(by: { $0.key < $1.key }) {
      let holds = operations.compactMap { hold($0, operations) }.sorted { $0.operation.endedAt < $1.operation.endedAt }
      count += holds.count
      for (place, hold) in holds.enumerated() {
        for later in holds[(place + 1)...] {
          if later.token == hold.token {
            violations.append(Violation(at: later.operation.endedAt, "\(name) was given twice with the token \(hold.token)"))
          } else if later.operation.startedAt > hold.operation.endedAt, later.token < hold.token {
            violations.append(
              Violation(at: later.operation.endedAt, "\(name) was given with the token \(later.token) behind \(hold.token)"))
          }
          if later.operation.startedAt > hold.operation.endedAt, later.operation.endedAt < hold.heldUntil,
            !record.cacheMayHaveRestarted(from: hold.operation.startedAt, until: later.operation.endedAt)
          {
            let left = (hold.heldUntil - later.operation.endedAt).milliseconds
            violations.append(
              Violation(
                at: later.operation.endedAt,
                "\(name) was given with the token \(later.token) while \(hold.token) held it for \(left) ms more at least"))
          }
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "lock"))", count: count)
  }

  private func hold(_ operation: CacheOperation, _ operations: [CacheOperation]) -> Hold? {
    guard case .lock = operation.asked, operation.hasStatus(201), let span = operation.span,
      let document = try? operation.response?.document(),
      let grant = try? LockGrant(document)
    else { return nil }
    // A cache counts from when it takes a request, which is not before that was sent.
    var until = operation.startedAt + span
    for other in operations where other.token == grant.token {
      switch other.asked {
      case .renew: if other.hasStatus(200), let span = other.span { until = max(until, other.startedAt + span) }
      case .unlock, .get, .delete, .count, .lock, .put: break
      }
    }
    // What was asked to be given back may have been, from then on, whatever was answered.
    for other in operations where other.token == grant.token {
      if case .unlock = other.asked { until = min(until, other.startedAt) }
    }
    return Hold(operation: operation, token: grant.token, heldUntil: until)
  }
}
