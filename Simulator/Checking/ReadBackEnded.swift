// What is read after a flight was read to its end: checks of what was read say nothing of what was not. The probe
// states 1 at its end, and 0 where it gave a request up after many tries.

import Load
import Vocabulary

/// Checks that the probe came to the end of what it had to read.
public struct ReadBackEnded: Checker {
  /// A checker.
  public init() {}

  public var name: String { "all was read back" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    guard let probe = record.node(.probe) else { return judgement([], examined: "no probe", count: 0) }
    let answered = record.exchanges.count { exchange in
      guard exchange.caller == probe, case .answered = exchange.outcome else { return false }
      return true
    }
    let ends = record.observations.filter { $0.node == probe && $0.observation.fact == .scriptEnded }
    var violations: [Violation] = []
    if ends.isEmpty { violations.append(Violation("the probe did not come to its end; it had \(answered) answers")) }
    for end in ends where end.observation.value == 0 {
      violations.append(Violation(at: end.at, "the probe gave up; it had \(answered) answers"))
    }
    return judgement(violations, examined: "\(counted(answered, "answer"))", count: answered)
  }
}
