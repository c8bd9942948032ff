// No machine did what it must never do: answer twice, send past its credit, refuse to start on a disk that no fault had damaged.

import Vocabulary

/// Checks that the host noted no defect.
public struct NoDefects: Checker {
  /// A checker.
  public init() {}

  public var name: String { "no defects" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    judgement(
      record.defects.map { Violation(at: $0.at, "\(record.name(of: $0.node)): \($0.what)") }, examined: "\(record.nodes.count) nodes",
      count: record.nodes.count)
  }
}
