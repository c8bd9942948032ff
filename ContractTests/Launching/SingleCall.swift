// One request to a service at an address, and its answer: for commands and tests that ask one thing after the other.

import Checking
import Live
import Vocabulary

extension Fact {
  /// The one call of a caller has ended.
  fileprivate static let callEnded = Fact("launching/call-ended")
}

/// One request over a real socket.
public enum SingleCall {
  /// A machine that makes one call and tells when it ended.
  private struct Caller: Machine {
    let request: Request
    let timeout: TimeSpan

    mutating func start(_ turn: inout Turn) throws(StartRefusal) {
      var request = request
      request.deadline = Deadline(turn.now + timeout)
      _ = turn.call(Endpoint(1), request, .immediately)
      _ = turn.wake(after: timeout)
    }

    mutating func handle(_ event: Event, _ turn: inout Turn) {
      switch event {
      case .response, .failed, .timer: turn.observe(.callEnded)
      case .request, .abandoned, .message, .durable, .completed, .stream: break
      }
    }
  }

  /// The answer to `request` at `address`; nil where there was none within `timeout`.
  public static func answer(to request: Request, at address: NetworkAddress, within timeout: TimeSpan = .seconds(5)) async throws
    -> Response?
  {
    try await answer(to: request, at: Destination(address), within: timeout)
  }

  /// The answer to `request` at `destination`, which by TLS must prove to be the one that was named, to an authority in
  /// `authorityFiles`, or to one of the system's where there are none; nil where there was none within `timeout`.
  public static func answer(
    to request: Request, at destination: Destination, believing authorityFiles: [String] = [], within timeout: TimeSpan = .seconds(5)
  ) async throws -> Response? {
    let record = GuardedRecord(FlightRecord(nodes: []))
    var configuration = LiveConfiguration()
    configuration.directory[Endpoint(1)] = destination
    configuration.security.authorityFiles = authorityFiles
    let host = try LiveHost(
      [
        LiveNodeSpecification(NodeID(0), name: "caller", listen: nil, dataDirectory: nil, isRecorded: true) {
          Caller(request: request, timeout: timeout)
        }
      ], configuration, recorder: record)
    try await host.start()
    while !record.hasStated(.callEnded, NodeID(0)) { try await Task.sleep(for: .milliseconds(2)) }
    await host.stop(grace: .zero)
    for exchange in record.record.exchanges { if case .answered(let response) = exchange.outcome { return response } }
    return nil
  }
}
