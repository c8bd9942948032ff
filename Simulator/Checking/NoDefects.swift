// No machine did what its host forbids: answer twice, send past its credit, refuse to start on a disk that no fault had
// damaged. To refuse to start after bits of its disk rotted, or its reads failed, is what a node must do, and no
// defect.

import Vocabulary

/// Checks that the host noted no defect.
public struct NoDefects: Checker {
  /// A checker.
  public init() {}

  public var name: String { "machines keep the host's rules" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    // Only what befell this very node before, and came to pass, is an excuse.
    let defects = record.defects.filter { defect in
      !(defect.what.hasPrefix("refused to start")
        && record.faults.contains { $0.happened && $0.spoils.contains(defect.node) && $0.beganAt <= defect.at })
    }
    return judgement(
      defects.map { Violation(at: $0.at, "\(record.name(of: $0.node)): \($0.what)") }, examined: "\(counted(record.nodes.count, "node"))",
      count: record.nodes.count)
  }
}
