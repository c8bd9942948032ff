// A swap loses no task, and slows none down by more than a factor: the tasks of a service that were meant to start while it was
// swapped are all answered, and their 99th percentile is at most so many times that of all others. So with loads: while other
// services are initialised, tasks are as fast as else.

import Checking
import Load
import ModelServicesAPI
import Vocabulary

/// Checks tasks during swaps, or while other services are loaded.
public struct SlowsNobody: Checker {
  /// What is to slow nobody down.
  public enum Cause: Sendable, Hashable {
    case swaps, loads
  }

  private let seen: ModelsSeen
  private let cause: Cause
  private let factor: Double

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen, _ cause: Cause, factor: Double) {
    self.seen = seen
    self.cause = cause
    self.factor = factor
  }

  public var name: String {
    switch cause {
    case .swaps: "swaps slow nobody down"
    case .loads: "loads slow nobody down"
    }
  }
  public var requirements: [String] {
    switch cause {
    case .swaps: ["MODELS-2"]
    case .loads: ["MODELS-9"]
    }
  }
  /// Behind a swap that much is counted to it.
  private static let behind = TimeSpan.seconds(1)
  /// A difference below this is none.
  private static let floor = TimeSpan.milliseconds(1)

  private func isDuring(_ task: SeenTask) -> Bool {
    switch cause {
    case .swaps:
      seen.swaps.contains { swap in
        swap.service == task.service && task.startedAt >= swap.startedAt
          && (swap.endedAt == .never || task.startedAt <= swap.endedAt + Self.behind)
      }
    case .loads:
      seen.initializations.contains { load in
        load.service != task.service && task.endedAt >= load.startedAt && task.startedAt <= load.endedAt
      }
    }
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let what = if case .swaps = cause { "services are swapped" } else { "others are loaded" }
    var violations: [Violation] = []
    var during: [TimeSpan] = []
    var others: [TimeSpan] = []
    for task in seen.tasks {
      let took = task.endedAt - task.startedAt
      guard isDuring(task) else {
        if task.status == 200 { others.append(took) }
        continue
      }
      during.append(task.status == 200 ? took : .forever)
      if task.status != 200 {
        violations.append(Violation(at: task.startedAt, "\(task.words) came to nothing while \(what): \(task.end)"))
      }
    }
    if let slow = Percentile.value(99_000, of: during.sorted()), let usual = Percentile.value(99_000, of: others.sorted()),
      violations.isEmpty,
      slow.seconds > max(usual.seconds * factor, (usual + Self.floor).seconds)
    {
      violations.append(Violation("p99 is \(slow.label) while \(what), and \(usual.label) else: more than \(factor) times"))
    }
    return judgement(violations, examined: "\(counted(during.count, "task")) while \(what)", count: during.count)
  }
}
