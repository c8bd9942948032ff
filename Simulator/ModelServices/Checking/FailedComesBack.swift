// What failed comes back: once nothing is broken any more, and a while has gone by, every task is answered 200. Where the load
// is a recording that was given, which may ask for more than there is room for, tasks that are refused for that are none that
// it looks at; that such are few is for an objective to hold.

import Checking
import ModelServicesAPI
import Vocabulary

/// Checks tasks behind the last fault.
public struct FailedComesBack: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]
  private let isLanguageWhole: Bool
  private let isDemandGiven: Bool

  /// A checker of what was `seen`, where hosts misbehaved so; `isLanguageWhole` tells whether the language model outside
  /// answers all that it is asked, `isDemandGiven` whether tasks come as a recording has them.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour], isLanguageWhole: Bool = true, isDemandGiven: Bool = false) {
    self.seen = seen
    self.misbehaviours = misbehaviours
    self.isLanguageWhole = isLanguageWhole
    self.isDemandGiven = isDemandGiven
  }

  public var name: String { "what failed comes back" }
  public var requirements: [String] { ["MODELS-1", "MODELS-7"] }

  /// How long it may take.
  private static let patience = TimeSpan.seconds(8)

  public func judge(_ record: FlightRecord) -> Judgement {
    var last = Instant(nanoseconds: 0)
    for fault in record.faults where fault.happened { last = max(last, fault.endedAt) }
    for misbehaviour in misbehaviours { last = max(last, misbehaviour.ended) }
    let behind = seen.tasks.filter { task in
      guard task.startedAt > last + Self.patience else { return false }
      if isDemandGiven, task.status == 503, sameBytes(task.errorCode, "OVERLOADED") { return false }
      return isLanguageWhole || seen.registrations.contains { sameBytes($0.id, task.service.text) && $0.type != .language }
    }
    var violations: [Violation] = []
    for task in behind where task.status != 200 {
      violations.append(
        Violation(
          at: task.startedAt,
          "\(task.words) came to nothing, \((task.startedAt - last).label) after all was mended: \(task.end)"
        ))
    }
    return judgement(violations, examined: "\(counted(behind.count, "task")) after all was mended", count: behind.count)
  }
}
