// What failed comes back: once nothing is broken any more, and a while has gone by, every task is answered 200.

import Checking
import ModelServicesAPI
import Vocabulary

/// Checks tasks behind the last fault.
public struct FailedComesBack: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]
  private let isLanguageWhole: Bool

  /// A checker of what was `seen`, where hosts misbehaved so; `isLanguageWhole` tells whether the language model outside
  /// answers all that it is asked.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour], isLanguageWhole: Bool = true) {
    self.seen = seen
    self.misbehaviours = misbehaviours
    self.isLanguageWhole = isLanguageWhole
  }

  public var name: String { "what failed comes back" }
  public var requirements: [String] { ["MODELS-1", "MODELS-7"] }

  /// How long it may take.
  private static let patience = TimeSpan.seconds(8)

  public func judge(_ record: FlightRecord) -> Judgement {
    var last = Instant(nanoseconds: 0)
    for fault in record.faults where fault.happened { last = max(last, fault.endedAt) }
    for misbehaviour in misbehaviours { last = max(last, Instant(nanoseconds: misbehaviour.endsAt.nanoseconds)) }
    let behind = seen.tasks.filter { task in
      guard task.startedAt > last + Self.patience else { return false }
      return isLanguageWhole || seen.registrations.contains { sameBytes($0.id, task.service.text) && $0.type != .language }
    }
    var violations: [Violation] = []
    for task in behind where task.status != 200 {
      violations.append(
        Violation(
          at: task.startedAt,
          "\(task.words) came to nothing, \((task.startedAt - last).label) after all was mended: \(task.status.map { "\($0) \(task.errorCode)" } ?? "no answer")"
        ))
    }
    return judgement(violations, examined: "\(counted(behind.count, "task")) after all was mended", count: behind.count)
  }
}
