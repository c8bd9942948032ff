// Registers that several servers keep are one register each to their clients: every answer fits one order of all
// operations, in which none is placed before its call or after its answer (Herlihy and Wing, 1990). Judged on the
// exchanges that the host recorded.
//
// Each exchange of a load with a server is an operation. 200 tells that it was done; 421 and 503, and a refused
// connection, that it was not and never will be; a swap's 409 what the register held; any other end leaves it open.

import Checking
import Linearizability
import Vocabulary
import Wire

/// Checks that registers are linearizable.
public struct RegistersLinearizable: Checker {
  private let judge: HistoryJudge

  /// A checker. `maximumStates` bounds the search for an order of each register's operations; one that gives up shows
  /// nothing, and fails.
  public init(maximumStates: Int = HistoryJudge.defaultMaximumStates) { judge = HistoryJudge(maximumStates: maximumStates) }

  public var name: String { "registers are linearizable" }
  public var requirements: [String] { ["MONITORING-10"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    judgement(of: Self.history(of: record), in: record, objects: "registers", by: judge) { $0 }
  }

  /// The history of a flight's registers.
  public static func history(of record: FlightRecord) -> History<RegisterModel> {
    var operations: [RecordedOperation<RegisterInput, RegisterOutput>] = []
    for exchange in record.exchanges {
      guard let target = try? HTTPTarget(exchange.request.head.target), target.segments.count >= 2, target.segments[0] == "registers",
        let input = input(exchange.request, target)
      else { continue }
      operations.append(
        RecordedOperation(
          client: Int64(exchange.caller.index), key: HistoryValue(target.segments[1]), callNanoseconds: exchange.startedAt.nanoseconds,
          input: input, outcome: outcome(exchange, input)))
    }
    return History(operations)
  }

  private static func input(_ request: Request, _ target: HTTPTarget) -> RegisterInput? {
    let value = HistoryValue(String(decoding: request.body, as: UTF8.self))
    switch request.head.method {
    case .get: return .read
    case .put: return .write(value)
    case .post:
      let expected = (try? target.item("expect")) ?? ""
      return .compareAndSwap(expected: expected.isEmpty ? nil : HistoryValue(expected), new: value)
    default: return nil
    }
  }

  private static func outcome(_ exchange: ExchangeRecord, _ input: RegisterInput) -> OperationOutcome<RegisterOutput> {
    let end = exchange.endedAt.nanoseconds
    switch exchange.outcome {
    case .answered(let response):
      let held = response.body.isEmpty ? nil : HistoryValue(String(decoding: response.body, as: UTF8.self))
      switch (input, response.status) {
      case (.read, 200): return .answered(atNanoseconds: end, .held(held))
      case (.read, 404): return .answered(atNanoseconds: end, .held(nil))
      case (.write, 200), (.compareAndSwap, 200): return .answered(atNanoseconds: end, .done)
      case (.compareAndSwap, 409): return .answered(atNanoseconds: end, .held(held))
      case (_, 421), (_, 503): return .failed(atNanoseconds: end)
      default: return .unknown
      }
    case .failed(let failure): return failure == .refused ? .failed(atNanoseconds: end) : .unknown
    case .cancelled, .pending: return .unknown
    }
  }
}
