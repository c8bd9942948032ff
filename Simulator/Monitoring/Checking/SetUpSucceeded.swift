// What a flight sets up before its load was taken: a rule that the service refuses watches nothing, and checks of it
// would hold for nothing.

import Checking
import Vocabulary

/// Checks that each request of the node that sets a flight up was accepted, or found what it makes there already.
public struct SetUpSucceeded: Checker {
  /// A checker.
  public init() {}

  public var name: String { "the set-up was accepted" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let setup = record.node(.setup)
    let exchanges = record.exchanges.filter { $0.caller == setup }
    var refused: [[UInt8]: ExchangeRecord] = [:]
    var accepted: Set<[UInt8]> = []
    for exchange in exchanges {
      if case .answered(let response) = exchange.outcome, (200...299).contains(response.status) || response.status == 409 {
        accepted.insert(exchange.request.body)
      } else {
        refused[exchange.request.body] = exchange
      }
    }
    let violations = refused.filter { !accepted.contains($0.key) }.values.sorted { $0.startedAt < $1.startedAt }.map { exchange in
      Violation(
        at: exchange.endedAt,
        "\(exchange.request.head.method.token) \(exchange.request.head.target) \(String(decoding: exchange.request.body, as: UTF8.self)): "
          + Self.words(exchange.outcome))
    }
    return judgement(
      violations, examined: "\(counted(accepted.count + violations.count, "request"))", count: accepted.count + violations.count)
  }

  private static func words(_ outcome: ExchangeOutcome) -> String {
    switch outcome {
    case .answered(let response): "\(response.status) \(String(decoding: response.body, as: UTF8.self))"
    case .failed(let failure): "no answer (\(failure))"
    case .cancelled, .pending: "no answer"
    }
  }
}
