// Audio in real time: of the blocks that were sent, one each 10 ms for each stream, no more than a share is missed.

import Checking
import ModelServicesLoad
import Vocabulary

/// Checks blocks.
public struct BlocksOnTime: Checker {
  private let mostPartsPerMillion: Int

  /// A checker that lets this share be missed.
  public init(mostPartsPerMillion: Int) { self.mostPartsPerMillion = mostPartsPerMillion }

  public var name: String { "missed blocks below \(Double(mostPartsPerMillion) / 10_000) %" }
  public var requirements: [String] { ["MODELS-12"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let blocks = record.observations.filter { $0.observation.fact == .audioBlock }
    let missed = blocks.filter { $0.observation.value == 1 }
    var violations: [Violation] = []
    if missed.count * 1_000_000 > mostPartsPerMillion * blocks.count {
      violations.append(
        Violation(
          at: missed.first?.at, "\(missed.count) of \(blocks.count) blocks were missed, more than \(Double(mostPartsPerMillion) / 10_000) %"
        ))
    }
    return judgement(violations, examined: "\(counted(blocks.count, "block")), \(missed.count) missed", count: blocks.count)
  }
}
