// A task that one instance fails is done by another: while one host hangs, lies or flaps, and the others do their work, every
// task of a service that has another instance is answered 200.

import Checking
import ModelServicesAPI
import Vocabulary

/// Checks the tasks of services that fail on one host.
public struct DoneElsewhere: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]

  /// A checker of what was `seen`, where hosts misbehaved so.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour]) {
    self.seen = seen
    self.misbehaviours = misbehaviours
  }

  public var name: String { "a task that one instance fails is done by another" }
  public var requirements: [String] { ["MODELS-7"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let nodes = [record.node(.registry), record.node(.context)].compactMap { $0 } + record.modelHosts
    let disturbances = record.disturbances(of: nodes)
    let failing = misbehaviours.filter(\.failsTasks)
    for one in failing {
      let isOnlyOne = one.failsAlone(among: failing)
      guard isOnlyOne else { continue }
      let from = one.began
      let until = one.ended
      for task in seen.tasks where task.startedAt >= from && task.endedAt < until {
        let replicas = seen.registrations.first { sameBytes($0.id, task.service.text) }?.replicas ?? 1
        if replicas < 2 || disturbances.contains(where: { $0.from <= task.endedAt && $0.until >= task.startedAt }) { continue }
        count += 1
        if task.status != 200 {
          violations.append(
            Violation(at: task.startedAt, "\(task.words) came to nothing, and host-\(one.host + 1) alone failed: \(task.end)"))
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "task")) while one host failed", count: count)
  }
}
