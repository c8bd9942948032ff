// Nodes of the real host for what is no HTTP: an adapter stands where the simulated world has a scripted machine, takes
// whole requests of an endpoint and answers each. The services that call it know nothing of that.
//
// Fault model: what is behind an adapter may refuse, be slow, or vanish. A request is given up when its caller gives it
// up, and answered 504 when its caller's deadline or `LiveLimits.adapterTimeout` is over, whichever comes first; what the
// adapter had begun by then may have been done. Limits: `LiveLimits.adapterRequests` at once, the next is answered 503;
// bodies up to `adapterBodyBytes`; no streams. An adapter keeps nothing that matters: it is not started anew.

import NIOCore
import Synchronization
import Vocabulary

/// What an adapter is given beside a request.
public struct AdapterSurroundings: Sendable {
  let group: any EventLoopGroup
  let security: HostSecurity
  /// The time that is left for the answer.
  public let timeLeft: TimeSpan
  /// The nodes' wall clock.
  public let wallClock: WallTime
}

/// Something that answers whole requests by speaking another protocol.
public protocol Adapter: Sendable {
  /// Answers a request. The task is cancelled when nobody waits for the answer any more. Never called for more requests
  /// at once than `LiveLimits.adapterRequests` says.
  func answer(_ request: Request, _ surroundings: AdapterSurroundings) async -> Response
}

/// One adapter's requests; safe on any thread.
final class AdapterDesk: Sendable {
  private let adapter: any Adapter
  private let group: any EventLoopGroup
  private let underWay = Atomic(0)

  init(_ adapter: any Adapter, _ group: any EventLoopGroup) {
    self.adapter = adapter
    self.group = group
  }

  /// Has a call answered, on the loop of its node, never before this returns.
  func take(_ exchange: CallExchange, _ request: Request, _ node: LiveNode) {
    let loop = node.loop
    let place = NIOLoopBound(exchange, eventLoop: loop)
    func refuse(_ refusal: HTTPRefusal) { loop.execute { place.value.answered(refusal.response) } }
    guard request.body.count <= node.limits.adapterBodyBytes else {
      return refuse(.bodyTooLarge(limitBytes: node.limits.adapterBodyBytes))
    }
    guard underWay.add(1, ordering: .relaxed).newValue <= node.limits.adapterRequests else {
      underWay.subtract(1, ordering: .relaxed)
      return refuse(HTTPRefusal(503, "OVERLOADED", "too many requests are under way"))
    }
    let now = node.shared.clock.now
    let timeLeft = min(request.deadline.remaining(at: now), node.limits.adapterTimeout)
    let surroundings = AdapterSurroundings(
      group: group, security: node.shared.security, timeLeft: timeLeft, wallClock: node.shared.clock.wallTime(at: now))
    let adapter = self.adapter
    let task = Task {
      let response = await adapter.answer(request, surroundings)
      self.underWay.subtract(1, ordering: .relaxed)
      loop.execute { place.value.answered(response) }
    }
    let alarm = loop.scheduleTask(in: .nanoseconds(max(0, timeLeft.nanoseconds))) {
      place.value.answered(HTTPRefusal(504, "TIMEOUT", "no answer in time").response)
    }
    exchange.whenOver = {
      alarm.cancel()
      task.cancel()
    }
  }
}
