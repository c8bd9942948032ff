// While a cache's process lives a counter without a time to live tells each value once, and the values rise as steps of one
// do. A counter that was evicted begins anew: flights that are judged so leave room enough.

import Checking
import StoresAPI
import Vocabulary

/// Checks counters.
public struct CountersCount: Checker {
  /// A checker.
  public init() {}

  public var name: String { "counters count each step" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let byName = Dictionary(grouping: record.cacheOperations()) { $0.name }
    for (name, operations) in byName.sorted(by: { $0.key < $1.key }) {
      let steps = operations.compactMap { operation -> (operation: CacheOperation, value: Int64)? in
        guard case .count = operation.asked, operation.hasStatus(200), let document = try? operation.response?.document(),
          let value = try? document.member("value").integer()
        else { return nil }
        return (operation, value)
      }.sorted { $0.operation.endedAt < $1.operation.endedAt }
      count += steps.count
      for (place, step) in steps.enumerated() {
        for later in steps[(place + 1)...] {
          if record.cacheMayHaveRestarted(from: step.operation.startedAt, until: later.operation.endedAt) { break }
          if later.value == step.value {
            violations.append(Violation(at: later.operation.endedAt, "the counter \(name) told \(step.value) twice"))
          } else if later.operation.startedAt > step.operation.endedAt, later.value < step.value {
            violations.append(Violation(at: later.operation.endedAt, "the counter \(name) told \(later.value) behind \(step.value)"))
          }
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "step"))", count: count)
  }
}
