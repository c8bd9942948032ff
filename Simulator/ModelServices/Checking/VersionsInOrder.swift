// Which version does a task: the one that was active, or the target of a swap under way. Behind a swap that was acknowledged
// no task is done by another version; behind one that failed none is done by its target; and a restart changes nothing.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks versions.
public struct VersionsInOrder: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "versions serve in order" }
  public var requirements: [String] { ["MODELS-2"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let byService = Dictionary(grouping: seen.swaps) { $0.service }
    for task in seen.tasks {
      guard let answer = task.answer else { continue }
      count += 1
      let allowed = allowed(task, byService[task.service] ?? [])
      if !allowed.contains(answer.version) {
        let words = allowed.sorted().map { "\($0)" }.joined(separator: " or ")
        violations.append(Violation(at: task.endedAt, "\(task.words) is done by version \(answer.version), and \(words) serves"))
      }
    }
    return judgement(violations, examined: "\(counted(count, "task")), \(counted(seen.swaps.count, "swap"))", count: count)
  }

  /// The versions that may do a task.
  private func allowed(_ task: SeenTask, _ swaps: [SeenSwap]) -> Set<Int64> {
    // The first that is registered serves until it is swapped.
    let first = seen.registrations.first { sameBytes($0.id, task.service.text) }?.version
    var allowed: Set<Int64> = first.map { [$0] } ?? []
    for swap in swaps where swap.startedAt <= task.endedAt {
      switch swap.end {
      case .done:
        if swap.endedAt < task.startedAt { allowed = [swap.target] } else { allowed.insert(swap.target) }
      case .refused: if swap.endedAt >= task.startedAt { allowed.insert(swap.target) }
      case .unknown: allowed.insert(swap.target)
      }
    }
    return allowed
  }
}
