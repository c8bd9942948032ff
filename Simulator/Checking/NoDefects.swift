// No machine did what it must never do: answer twice, send past its credit, refuse to start on a disk that no fault had damaged. To
// refuse to start after bits of its disk rotted, or its reads failed, is what a node must do, and no defect.

import Vocabulary

/// Checks that the host noted no defect.
public struct NoDefects: Checker {
  /// A checker.
  public init() {}

  public var name: String { "no defects" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let damaged = record.faults.filter { $0.label.contains(" rot") || $0.label.contains("of reads of") }
    let defects = record.defects.filter { defect in
      !(defect.what.hasPrefix("refused to start")
        && damaged.contains { $0.beganAt <= defect.at && $0.label.contains(record.name(of: defect.node)) })
    }
    return judgement(
      defects.map { Violation(at: $0.at, "\(record.name(of: $0.node)): \($0.what)") }, examined: "\(record.nodes.count) nodes",
      count: record.nodes.count)
  }
}
