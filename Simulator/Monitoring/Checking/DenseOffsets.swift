// Offsets of each partition are dense: what is read from the first retained offset on has no gap and no repetition.

import Checking
import Vocabulary

/// Checks that offsets are dense.
public struct DenseOffsets: Checker {
  /// A checker.
  public init() {}

  public var name: String { "dense offsets" }
  public var requirements: [String] { ["MONITORING-6", "MONITORING-7"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let retained = record.firstRetainedOffsets()
    for (partition, messages) in record.consumedMessages().sorted(by: { $0.key < $1.key }) {
      count += messages.count
      for (first, second) in zip(messages, messages.dropFirst()) where second.offset != first.offset + 1 {
        violations.append(Violation("partition \(partition): offset \(second.offset) follows \(first.offset)"))
      }
      if let first = messages.first, first.offset != retained[partition] ?? 0 {
        let from = retained[partition].map { "\($0) is the first that is retained" } ?? "nothing was discarded"
        violations.append(Violation("partition \(partition) begins with offset \(first.offset), and \(from)"))
      }
    }
    return judgement(violations, examined: "\(counted(count, "message"))", count: count)
  }
}
