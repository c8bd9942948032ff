// A service that has nobody to ask for what it lost refuses to start once bits of its journal rotted, says why, and
// answers nothing from then on: what it would tell could be wrong.
//
// Limit: damage to the last record of a journal looks like a write that was torn by the crash, which is no damage; a
// scenario lets more bits rot than one record has.

import Checking
import Vocabulary

/// Checks that a service refuses to start on damage.
public struct RefusesDamage: Checker {
  private let role: NodeRole

  /// A checker of the service with this role.
  public init(_ role: NodeRole) { self.role = role }

  public var name: String { "\(role.name) refuses its damaged journal" }
  public var requirements: [String] { ["MONITORING-9"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    guard let node = record.node(role) else { return judgement([], examined: "no \(role.name)", count: 0) }
    let damages = record.faults.filter { $0.happened && $0.spoils.contains(node) }
    let beginning = "refused to start: "
    let refusals = record.defects.filter { $0.node == node && $0.what.utf8.starts(with: beginning.utf8) }
    var violations: [Violation] = []
    for damage in damages where !refusals.contains(where: { $0.at >= damage.beganAt }) {
      violations.append(Violation(at: damage.endedAt, "it did not refuse to start after: \(damage.label)"))
    }
    for refusal in refusals where !damages.contains(where: { $0.beganAt <= refusal.at }) {
      violations.append(Violation(at: refusal.at, "it refused to start before its journal was damaged: \(refusal.what)"))
    }
    for refusal in refusals where refusal.what.utf8.count == beginning.utf8.count {
      violations.append(Violation(at: refusal.at, "it refused to start and did not say why"))
    }
    if let refused = refusals.map(\.at).min() {
      for exchange in record.exchanges(to: role) where exchange.startedAt > refused {
        guard case .answered(let response) = exchange.outcome else { continue }
        violations.append(Violation(at: exchange.endedAt, "it answered \(response.status) after it had refused to start"))
      }
    }
    return judgement(violations, examined: "\(counted(damages.count, "damage"))", count: damages.count)
  }
}
