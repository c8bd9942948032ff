// Records of flights that tests make by hand: what a host would have written down, one thing after the other. Times are
// in milliseconds.

import Checking
import Load
import Vocabulary

/// A moment of the host's clock.
public func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

extension Request {
  /// A request whose body is this JSON text.
  public init(_ method: Method, _ target: String, json: String, headers: Headers = Headers()) {
    var headers = headers
    headers.append("content-type", "application/json")
    self.init(method, target, headers: headers, body: Array(json.utf8))
  }
}

extension Response {
  /// An answer whose body is this JSON text.
  public init(_ status: Int, json: String) {
    self.init(status: status, headers: ["content-type": "application/json"], body: Array(json.utf8))
  }
}

extension FlightRecord {
  /// An empty record of nodes with these names, which are their roles too, numbered in their order.
  public convenience init(of names: [String]) {
    self.init(nodes: names.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element, roles: [NodeRole($0.element)]) })
  }

  /// The node of this name, which must be one of the record's.
  public func id(_ name: String) -> NodeID {
    guard let id = nodes.first(where: { $0.name == name })?.id else { preconditionFailure("no node of the record is named \(name)") }
    return id
  }

  /// An exchange that ended so.
  public func exchange(
    _ caller: String, _ server: String, _ request: Request, ended outcome: ExchangeOutcome, _ from: Int64 = 0, _ until: Int64 = 1
  ) {
    record(
      ExchangeRecord(
        caller: id(caller), endpoint: Endpoint(id(server)), id: ExchangeID(UInt64(exchanges.count + 1)), request: request,
        startedAt: instant(from), endedAt: instant(until), outcome: outcome))
  }

  /// An exchange that was answered.
  public func exchange(_ caller: String, _ server: String, _ request: Request, _ response: Response, _ from: Int64 = 0, _ until: Int64 = 1)
  {
    exchange(caller, server, request, ended: .answered(response), from, until)
  }

  /// A request of a load that was meant to start at `intendedAt` and took so long.
  public func timed(_ caller: String, _ outcome: LoadOutcome, intendedAt: Int64, latency: Int64) {
    record(
      ObservationRecord(
        node: id(caller), incarnation: 0, at: instant(intendedAt + latency),
        observation: Observation(
          .timed, subject: UInt64(intendedAt * 1_000_000), value: LoadOutcome.value(outcome, nanoseconds: latency * 1_000_000))))
  }
}
