// The notifications that a webhook took, as the exchanges tell it: what was only tried is no notification.
//
// An attempt that was answered 2xx was taken; one that was refused, or answered otherwise, was not. One whose outcome
// is not known (its answer was lost, or too late) may have been: it counts, from its own moment on, where an attempt of
// the same key was taken in the end. Requirement: MONITORING-24.

import Checking
import Vocabulary
import Wire

/// One notification of a rule.
struct TakenNotification {
  /// Its `Idempotency-Key`; one made of its moment where it has none.
  var key: String
  /// What it tells: "firing", "resolved".
  var state: String
  /// When its first attempt began that was taken, or may have been.
  var at: Instant
}

extension FlightRecord {
  /// The notifications of `rule` that a receiver took, by their moments, each key once.
  func takenNotifications(of rule: String, at receiver: NodeRole = .webhook) -> [TakenNotification] {
    var taken: Set<ExactName> = []
    var attempts: [TakenNotification] = []
    for exchange in exchanges(to: receiver).sorted(by: { $0.startedAt < $1.startedAt }) {
      guard let document = try? exchange.request.document(), let name = try? document.member("rule").string(maximumBytes: 1_024),
        sameBytes(name, rule), let state = try? document.member("state").string(maximumBytes: 64)
      else { continue }
      let key = exchange.request.head.headers["idempotency-key"] ?? "without a key at \(exchange.startedAt.nanoseconds)"
      switch exchange.outcome {
      case .answered(let response):
        guard (200...299).contains(response.status) else { continue }
        taken.insert(ExactName(key))
      case .failed(.refused), .failed(.unresolvable), .failed(.forbidden), .failed(.untrusted): continue
      case .failed(.connectionLost), .failed(.responseTooLarge), .failed(.malformedResponse), .cancelled, .pending: break
      }
      attempts.append(TakenNotification(key: key, state: state, at: exchange.startedAt))
    }
    var seen: Set<ExactName> = []
    return attempts.filter { taken.contains(ExactName($0.key)) && seen.insert(ExactName($0.key)).inserted }
  }
}
