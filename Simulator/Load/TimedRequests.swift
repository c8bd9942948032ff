// The front of a load of single requests, open loop: one is sent at each arrival, whatever became of those before it, and each
// is timed from when it was meant to start until it was answered, failed or took too long. The load says what is sent, and
// what an answer means.

import Vocabulary

/// The requests of a load.
public struct TimedRequests {
  /// What is sent, to whom, and how long it may take.
  public typealias Sending = (endpoint: Endpoint, request: Request, timeout: TimeSpan)

  private let from: TimeSpan
  private var arrival: ArrivalTimer
  private var open = OpenOperations<Instant>()

  /// Requests at `arrivals` from `from` until `until` after the load's start.
  public init(_ arrivals: Arrivals, from: TimeSpan = .zero, until: TimeSpan) {
    self.from = from
    arrival = ArrivalTimer(arrivals, until: until)
  }

  /// The load starts, or starts anew.
  public mutating func start(_ turn: inout Turn) { arrival.start(&turn) }

  /// Takes an event: sends what `make` makes of the number of the arrival that is due, or tells what became of a request,
  /// `outcome` being what its answer means.
  public mutating func take(
    _ event: Event, _ turn: inout Turn, outcome: (Response) -> LoadOutcome, make: (_ number: Int, _ turn: inout Turn) -> Sending
  ) {
    if arrival.isDue(event) {
      if turn.now >= arrival.origin + from {
        let sending = make(arrival.number, &turn)
        open.call(sending.endpoint, sending.request, for: arrival.intended, until: turn.now + sending.timeout, &turn)
      }
      return arrival.goOn(&turn)
    }
    switch open.change(by: event, &turn) {
    case .answered(let intended, let response): outcome(response).tell(intended: intended, &turn)
    case .failed(let intended, _), .timedOut(let intended): LoadOutcome.failed.tell(intended: intended, &turn)
    case .due, nil: break
    }
  }
}
