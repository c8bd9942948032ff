// Records of flights that tests make by hand: what a host would have written down, one thing after the other. Times are
// in milliseconds.

import Checking
import Vocabulary

/// A moment of the host's clock.
func instant(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

extension Request {
  /// A request whose body is this JSON text.
  init(_ method: Method, _ target: String, json: String, headers: Headers = Headers()) {
    var headers = headers
    headers.append("content-type", "application/json")
    self.init(method, target, headers: headers, body: Array(json.utf8))
  }
}

extension Response {
  /// An answer whose body is this JSON text.
  init(_ status: Int, json: String) { self.init(status: status, headers: ["content-type": "application/json"], body: Array(json.utf8)) }
}

extension FlightRecord {
  /// An empty record of nodes with these names, numbered in their order.
  convenience init(of names: [String]) {
    self.init(nodes: names.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element) })
  }

  /// The node of this name, which must be one of the record's.
  func id(_ name: String) -> NodeID {
    guard let id = node(name) else { preconditionFailure("no node of the record is named \(name)") }
    return id
  }

  /// An exchange that ended so.
  func exchange(
    _ caller: String, _ server: String, _ request: Request, ended outcome: ExchangeOutcome, _ from: Int64 = 0, _ until: Int64 = 1
  ) {
    record(
      ExchangeRecord(
        caller: id(caller), endpoint: Endpoint(id(server)), id: ExchangeID(UInt64(exchanges.count + 1)), request: request,
        startedAt: instant(from), endedAt: instant(until), outcome: outcome))
  }

  /// An exchange that was answered.
  func exchange(_ caller: String, _ server: String, _ request: Request, _ response: Response, _ from: Int64 = 0, _ until: Int64 = 1) {
    exchange(caller, server, request, ended: .answered(response), from, until)
  }

  /// A request of a load that was meant to start at `intendedAt` and took so long.
  func timed(_ caller: String, _ outcome: LoadOutcome, intendedAt: Int64, latency: Int64) {
    record(
      ObservationRecord(
        node: id(caller), incarnation: 0, at: instant(intendedAt + latency),
        observation: Observation(
          .timed, subject: UInt64(intendedAt * 1_000_000), value: LoadOutcome.value(outcome, nanoseconds: latency * 1_000_000))))
  }

  /// A server's fact about its part of a replicated log.
  func state(
    _ fact: Observation.Fact, _ node: NodeID, _ at: Int64, group: UInt16 = 0, index: UInt64 = 0, term: UInt64 = 1, rest: UInt64 = 0
  ) {
    record(
      ObservationRecord(
        node: node, incarnation: 0, at: instant(at),
        observation: Observation(
          fact, subject: RaftFact.subject(group: group, index: index), value: RaftFact.value(term: term, rest))))
  }

  /// A record was sent to the queue, its value a JSON text; `place` is what the answer told, nil where none came.
  func produced(
    _ caller: String, key: String, _ value: String, at place: (partition: Int, offset: Int64)?, _ from: Int64 = 0, _ until: Int64 = 1
  ) {
    let request = Request(.post, "/produce", json: #"{"topic":"metrics.inbound","key":"\#(key)","value":\#(value)}"#)
    if let place {
      exchange(caller, "queue", request, Response(200, json: #"{"partition":\#(place.partition),"offset":\#(place.offset)}"#), from, until)
    } else {
      exchange(caller, "queue", request, ended: .failed(.connectionLost), from, until)
    }
  }

  /// Messages were read from a partition; their values are JSON texts.
  func consumed(
    _ caller: String, partition: Int, from offset: Int64, _ messages: [(offset: Int64, key: String, value: String)], _ from: Int64 = 0,
    _ until: Int64 = 1
  ) {
    let texts = messages.map { #"{"offset":\#($0.offset),"key":"\#($0.key)","value":\#($0.value)}"# }
    let next = messages.last.map { $0.offset + 1 } ?? offset
    exchange(
      caller, "queue", Request(.get, "/consume?partition=\(partition)&offset=\(offset)&count=100"),
      Response(200, json: #"{"messages":[\#(texts.joined(separator: ","))],"next_offset":\#(next)}"#), from, until)
  }

  /// Offsets of a partition before `first` are not retained any more.
  func notRetained(_ caller: String, partition: Int, first: Int64) {
    exchange(
      caller, "queue", Request(.get, "/consume?partition=\(partition)&offset=0&count=100"),
      Response(410, json: #"{"error":{"code":"OFFSET_NOT_RETAINED","message":"it is gone","first_offset":\#(first)}}"#))
  }
}
