// A swap loses no task, and slows none down by more than a factor: the tasks of a service that were meant to start while it was
// swapped are all answered, and their 99th percentile is at most so many times that of all others.

import Checking
import Load
import ModelServicesAPI
import Vocabulary

/// Checks tasks during swaps.
public struct SwapsSlowNobody: Checker {
  private let seen: ModelsSeen
  private let factor: Double

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen, factor: Double) {
    self.seen = seen
    self.factor = factor
  }

  public var name: String { "swaps slow nobody down" }
  public var requirements: [String] { ["MODELS-2"] }
  /// Behind a swap that much is counted to it.
  private static let behind = TimeSpan.seconds(1)
  /// A difference below this is none.
  private static let floor = TimeSpan.milliseconds(1)

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var during: [TimeSpan] = []
    var others: [TimeSpan] = []
    for task in seen.tasks {
      let isDuring = seen.swaps.contains { swap in
        swap.service == task.service && task.startedAt >= swap.startedAt
          && (swap.endedAt == .never || task.startedAt <= swap.endedAt + Self.behind)
      }
      let took = task.endedAt - task.startedAt
      guard isDuring else {
        if task.status == 200 { others.append(took) }
        continue
      }
      during.append(task.status == 200 ? took : .forever)
      if task.status != 200 {
        violations.append(
          Violation(at: task.startedAt, "\(task.words) came to nothing while its service was swapped: \(task.status.map { "\($0) \(task.errorCode)" } ?? "no answer")"))
      }
    }
    if let slow = Percentile.value(99_000, of: during.sorted()), let usual = Percentile.value(99_000, of: others.sorted()), violations.isEmpty,
      slow.seconds > max(usual.seconds * factor, (usual + Self.floor).seconds)
    {
      violations.append(Violation("p99 is \(slow.label) while services are swapped, and \(usual.label) else: more than \(factor) times"))
    }
    return judgement(violations, examined: "\(counted(during.count, "task")) during swaps", count: during.count)
  }
}
