// An open-loop caller: requests at their arrivals, whatever became of those before, each timed from when it was meant to start.
// For benches and for what one kind of request comes to; loads that mean something by what they send are their systems'.

import Vocabulary

/// The machine.
public struct PacedCaller: Machine {
  private let endpoint: Endpoint
  private let timeout: TimeSpan
  private let request: (_ number: Int) -> Request
  private var requests: TimedRequests

  /// Calls `endpoint` at `arrivals` until `until` after its start; `request` gives what is asked by the request of that
  /// number. Served is what is answered below 300.
  public init(
    _ arrivals: Arrivals, until: TimeSpan, timeout: TimeSpan = .seconds(2), _ endpoint: Endpoint, _ request: @escaping (Int) -> Request
  ) {
    self.endpoint = endpoint
    self.timeout = timeout
    self.request = request
    requests = TimedRequests(arrivals, until: until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { requests.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    let (endpoint, request, timeout) = (endpoint, request, timeout)
    requests.take(event, &turn) { response in
      response.status < 300 ? .served : response.status == 429 ? .limited : .failed
    } make: { number, _ in
      (endpoint, request(number), timeout)
    }
  }
}
