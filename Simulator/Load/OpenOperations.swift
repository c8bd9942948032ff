// The operations of a load that are under way, each with the time that it may take, and those that wait to be sent
// again. The load decides what an answer means; this keeps calls, time-outs and pauses apart.

import Vocabulary

/// Operations under way, and such as wait.
public struct OpenOperations<Operation> {
  /// What became of one.
  public enum Change {
    /// It was answered.
    case answered(Operation, Response)
    /// Its call failed.
    case failed(Operation, TransportFailure)
    /// Its time is over; the call is cancelled.
    case timedOut(Operation)
    /// Its pause is over.
    case due(Operation)
  }

  private var open: [ExchangeID: (operation: Operation, timer: TimerID)] = [:]
  private var timeouts: [TimerID: ExchangeID] = [:]
  private var waiting: [TimerID: Operation] = [:]

  /// None.
  public init() {}

  /// Calls `endpoint` for an operation, which may take until `end`.
  public mutating func call(_ endpoint: Endpoint, _ request: Request, for operation: Operation, until end: Instant, _ turn: inout Turn) {
    var request = request
    request.deadline = Deadline(end)
    let id = turn.call(endpoint, request, .immediately)
    let timer = turn.wake(at: end)
    timeouts[timer] = id
    open[id] = (operation, timer)
  }

  /// Lets an operation wait.
  public mutating func wait(_ operation: Operation, for pause: TimeSpan, _ turn: inout Turn) {
    waiting[turn.wake(after: pause)] = operation
  }

  /// What an event changes; nil where it is about no operation.
  public mutating func change(by event: Event, _ turn: inout Turn) -> Change? {
    switch event {
    case .timer(let timer):
      if let id = timeouts.removeValue(forKey: timer), let (operation, _) = open.removeValue(forKey: id) {
        turn.cancelCall(id)
        return .timedOut(operation)
      }
      return waiting.removeValue(forKey: timer).map { .due($0) }
    case .response(let id, let response): return ended(id, &turn).map { .answered($0, response) }
    case .failed(let id, let failure): return ended(id, &turn).map { .failed($0, failure) }
    case .request, .abandoned, .message, .durable, .completed, .stream: return nil
    }
  }

  private mutating func ended(_ id: ExchangeID, _ turn: inout Turn) -> Operation? {
    guard let (operation, timer) = open.removeValue(forKey: id) else { return nil }
    timeouts[timer] = nil
    turn.cancelWake(timer)
    return operation
  }
}
