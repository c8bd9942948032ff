// An open-loop caller: requests at their arrivals, whatever became of those before, each timed from when it was meant to start.
// For benches and for what one kind of request comes to; loads that mean something by what they send are their systems'.

import Vocabulary

/// The machine.
public struct PacedCaller: Machine {
  private let endpoint: Endpoint
  private let timeout: TimeSpan
  private let request: (_ number: Int) -> Request
  private var arrival: ArrivalTimer
  private var open = OpenOperations<Instant>()

  /// Calls `endpoint` at `arrivals` until `until` after its start; `request` gives what is asked by the request of that
  /// number. Served is what is answered below 300.
  public init(
    _ arrivals: Arrivals, until: TimeSpan, timeout: TimeSpan = .seconds(2), _ endpoint: Endpoint, _ request: @escaping (Int) -> Request
  ) {
    self.endpoint = endpoint
    self.timeout = timeout
    self.request = request
    arrival = ArrivalTimer(arrivals, until: until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { arrival.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if arrival.isDue(event) {
      open.call(endpoint, request(arrival.number), for: arrival.intended, until: turn.now + timeout, &turn)
      return arrival.goOn(&turn)
    }
    switch open.change(by: event, &turn) {
    case .answered(let intended, let response):
      (response.status < 300 ? LoadOutcome.served : response.status == 429 ? .limited : .failed).tell(intended: intended, &turn)
    case .failed(let intended, _), .timedOut(let intended): LoadOutcome.failed.tell(intended: intended, &turn)
    case .due, nil: break
    }
  }
}
