// Events as one line of text, for traces and people.

import Vocabulary

/// Renders events for the trace.
enum EventText {
  /// One line for `event`, without its time and node; `name` gives the names of nodes.
  static func line(_ event: Event, name: (NodeID) -> String) -> String {
    switch event {
    case .request(_, let request):
      "request \(request.head.method.token) \(request.head.target) (\(request.body.count) bytes)"
    case .response(_, let response): "response \(response.status) (\(response.body.count) bytes)"
    case .failed(_, let failure): "call failed: \(failure)"
    case .abandoned: "peer left"
    case .message(let from, let bytes): "message from \(name(from)) (\(bytes.count) bytes)"
    case .timer: "timer"
    case .durable(let position): "durable up to \(position.value)"
    case .completed(_, .finished): "work finished"
    case .completed(_, .failed(let failure)): "work failed: \(failure)"
    case .stream(_, let part): "stream \(line(part))"
    }
  }

  private static func line(_ part: StreamEvent) -> String {
    switch part {
    case .opened(let head, let webSocket, _): "opened \(head.method.token) \(head.target)\(webSocket ? " (WebSocket)" : "")"
    case .accepted(let head): "accepted \(head.status)"
    case .received(let bytes, _): "received (\(bytes.count) bytes)"
    case .credit(let bytes): "credit \(bytes)"
    case .finished(let closure): "finished (\(closure))"
    case .aborted(let closure): "aborted (\(closure))"
    }
  }

  /// A number for a failure, stable across runs and processes.
  static func code(_ failure: TransportFailure) -> UInt64 {
    switch failure {
    case .refused: 1
    case .connectionLost: 2
    case .unresolvable: 3
    case .responseTooLarge: 4
    case .malformedResponse: 5
    case .forbidden: 6
    case .untrusted: 7
    }
  }
}
