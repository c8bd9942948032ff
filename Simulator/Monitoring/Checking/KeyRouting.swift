// Messages of one key lie in one partition.

import Checking
import Vocabulary

/// Checks that a key has one partition.
public struct KeyRouting: Checker {
  /// A checker.
  public init() {}

  public var name: String { "one partition for each key" }
  public var requirements: [String] { ["MONITORING-6", "MONITORING-8"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var partitions: [ExactName: Set<Int>] = [:]
    for (partition, messages) in record.consumedMessages() {
      for message in messages { if let key = message.key { partitions[ExactName(key), default: []].insert(partition) } }
    }
    let violations = partitions.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map {
      Violation("key \($0.key) lies in partitions \($0.value.sorted().map(String.init).joined(separator: ", "))")
    }
    return judgement(violations, examined: "\(counted(partitions.count, "key"))", count: partitions.count)
  }
}
