// A share of a load's requests is served: answered with the status that the load wants. Requests that a limit refused
// are not limited.

import Vocabulary

/// Checks the share of requests that were served.
public struct ServedObjective: Checker {
  /// The least share, in parts per million.
  public var partsPerMillion: Int

  /// An objective.
  public init(partsPerMillion: Int) { self.partsPerMillion = partsPerMillion }

  public var name: String { "\(Double(partsPerMillion) / 10_000) % served" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let judged = record.timedRequests.filter { $0.outcome != .limited }
    let served = judged.count { $0.outcome == .served }
    var violations: [Violation] = []
    if served * 1_000_000 < partsPerMillion * judged.count {
      violations.append(
        Violation("\(served) of \(judged.count) requests were served, less than \(Double(partsPerMillion) / 10_000) %"))
    }
    return judgement(violations, examined: "\(counted(judged.count, "request"))", count: judged.count)
  }
}
