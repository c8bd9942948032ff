// An external world: the receiver of webhooks. It takes every POST, in simulation and live; its exchanges are recorded.

import Load
import Vocabulary
import Wire

/// The machine of a webhook's receiver.
public struct WebhookReceiver: Machine {
  /// Share of the requests that are answered 503, 0 … 1.
  private let failureShare: Double

  /// A receiver.
  public init(failureShare: Double = 0) { self.failureShare = failureShare }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      if request.head.method != .post {
        turn.reply(exchange, .failure(405, code: "METHOD_NOT_ALLOWED", message: "a webhook takes POST"))
      } else if turn.random.chance(failureShare) {
        turn.reply(exchange, .failure(503, code: "UNAVAILABLE", message: "the receiver is out of order for this one"))
      } else {
        turn.reply(exchange, Response(status: 204))
      }
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }
}
