// A model that hangs blocks nobody else: while the tasks of one service hang on a host, those of all other services are
// answered.

import Checking
import ModelServicesAPI
import Vocabulary

/// Checks the tasks of those who do not hang.
public struct HungBlocksNobody: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]

  /// A checker of what was `seen`, where hosts misbehaved so.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour]) {
    self.seen = seen
    self.misbehaviours = misbehaviours
  }

  public var name: String { "a hung model blocks nobody else" }
  public var requirements: [String] { ["MODELS-7"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let nodes = [record.node(.registry), record.node(.context)].compactMap { $0 } + record.modelHosts
    let disturbances = record.disturbances(of: nodes)
    for hang in misbehaviours where hang.kind == .hang {
      guard let hung = hang.service else { continue }
      let from = hang.began
      let until = hang.ended
      for task in seen.tasks where task.service != ExactName(hung) && task.startedAt >= from && task.endedAt < until {
        if disturbances.contains(where: { $0.from <= task.endedAt && $0.until >= task.startedAt }) { continue }
        count += 1
        if task.status != 200 {
          violations.append(
            Violation(
              at: task.startedAt,
              "\(task.words) came to nothing while \(hung) hung: \(task.end)"))
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "task")) beside a hung model", count: count)
  }
}
