// Whoever called a service may call it on: no task that the first version takes is refused for what it hands in, whatever the
// service was swapped to since; and a version that would refuse is not swapped to.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks refusals.
public struct CallersKeepContract: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "callers keep their contract" }
  public var requirements: [String] { ["MODELS-13"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    for task in seen.tasks {
      guard let first = seen.registrations.first(where: { sameBytes($0.id, task.service.text) }),
        (try? TypedContract.check(JSONField(task.input), first.contract.input)) != nil
      else { continue }
      count += 1
      if task.status == 400 {
        violations.append(
          Violation(at: task.startedAt, "\(task.words) is what version \(first.version) takes, and is refused: \(task.errorCode)"))
      }
    }
    for swap in seen.swaps where swap.end == .done {
      guard let before = seen.registrations.first(where: { sameBytes($0.id, swap.service.text) }),
        let after = seen.registration(swap.service, swap.target), let reason = after.contract.incompatibility(with: before.contract)
      else { continue }
      violations.append(Violation(at: swap.endedAt, "\(swap.service) was swapped to version \(swap.target): \(reason)"))
    }
    return judgement(violations, examined: counted(count, "task"), count: count)
  }
}
