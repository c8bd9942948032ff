// Whole calls of one node to one endpoint or destination: no more are under way than a host keeps connections for. The
// others wait, in order, and beyond `HostLimits.waitingCalls` they are refused; so are those to a further destination once
// all of a node's connections to destinations are taken. Streams have connections of their own and are not counted.
//
// Stricter than a real host in this: there calls wait too while their connections are being opened, so of a burst as many
// are taken as may wait; here never more than that, whatever is open already.

import DequeModule
import Kernel
import Vocabulary

/// The whole calls of one node to one place.
final class CallPool {
  /// Where they go, if that is a destination.
  let destination: Destination?
  /// Calls with a connection, those included whose destination is being looked up.
  fileprivate(set) var underWay = 0
  /// Calls that wait for one, in order, and some that were given up meanwhile.
  fileprivate var waiting = Deque<WaitingCall>()

  init(to destination: Destination?) { self.destination = destination }
}

/// A call that waits for a connection.
struct WaitingCall {
  var id: ExchangeID
  /// What is to be sent, of a call to an endpoint.
  var request: Request?
}

/// The pools of one life of a node.
struct CallPools {
  /// By the index of the endpoint.
  private var ofEndpoints: [CallPool?] = []
  private var ofDestinations: [Destination: CallPool] = [:]
  /// Calls under way in all of the latter.
  fileprivate var callsToDestinations = 0

  mutating func pool(of endpoint: Endpoint) -> CallPool {
    let index = Int(endpoint.index)
    if index >= ofEndpoints.count { ofEndpoints += Array(repeating: nil, count: index + 1 - ofEndpoints.count) }
    if let pool = ofEndpoints[index] { return pool }
    let pool = CallPool(to: nil)
    ofEndpoints[index] = pool
    return pool
  }

  mutating func pool(of destination: Destination) -> CallPool {
    if let pool = ofDestinations[destination] { return pool }
    let pool = CallPool(to: destination)
    ofDestinations[destination] = pool
    return pool
  }

  /// Forgets a destination that is not called.
  fileprivate mutating func drop(_ destination: Destination) { ofDestinations[destination] = nil }
}

/// What a call finds that is about to begin.
enum Admission {
  /// A connection.
  case goes
  /// None yet: it waits.
  case waits
  /// None, and no room to wait.
  case refused
}

extension SimulatedHost {
  /// Gives a new call a connection, has it wait for one, or refuses it. `request` is kept until it can be sent.
  func admit(_ node: SimulatedNode, _ id: ExchangeID, to pool: CallPool, _ request: Request?) -> Admission {
    let mayGo: Bool
    if pool.destination == nil {
      mayGo = pool.underWay < HostLimits.callsPerEndpoint
    } else {
      mayGo = pool.underWay < HostLimits.callsPerDestination && node.pools.callsToDestinations < HostLimits.callsToDestinations
    }
    if mayGo {
      enter(node, pool)
      return .goes
    }
    if pool.underWay + pool.waiting.count >= HostLimits.waitingCalls { pool.waiting.removeAll { !isWaiting(node, $0) } }
    // Where none is under way none will end that this one could wait for.
    guard pool.underWay + pool.waiting.count < HostLimits.waitingCalls, pool.underWay > 0 else {
      traceSink?.trace(at: now, node: node.id, "has as many calls under way and waiting as it may: one is refused")
      if let destination = pool.destination, pool.underWay == 0 { node.pools.drop(destination) }
      return .refused
    }
    traceSink?.trace(at: now, node: node.id, "has \(pool.underWay) calls under way to one place: another waits")
    pool.waiting.append(WaitingCall(id: id, request: request))
    return .waits
  }

  private func enter(_ node: SimulatedNode, _ pool: CallPool) {
    pool.underWay += 1
    if pool.destination != nil { node.pools.callsToDestinations += 1 }
  }

  /// A call that was under way is over: the next one that waits has its connection, from `departure` on.
  func leave(_ node: SimulatedNode, _ pool: CallPool, _ departure: Int64) {
    pool.underWay -= 1
    if pool.destination != nil { node.pools.callsToDestinations -= 1 }
    invariant(
      pool.underWay >= 0 && node.pools.callsToDestinations >= 0, "\(name(of: node.id)) has ended more calls than it had under way")
    while let next = pool.waiting.popFirst() {
      guard isWaiting(node, next) else { continue }
      enter(node, pool)
      let begins = max(now, departure, node.pausedUntil)
      if let request = next.request, let server = node.outbound[next.id]?.server {
        node.outbound[next.id]?.isWaiting = false
        sendCall(node, next.id, request, to: server, begins)
      } else {
        node.resolving[next.id]?.isWaiting = false
        lookUp(node, next.id, begins)
      }
      return
    }
    if let destination = pool.destination, pool.underWay == 0 { node.pools.drop(destination) }
  }

  /// Whether a call was not given up since it waits.
  private func isWaiting(_ node: SimulatedNode, _ call: WaitingCall) -> Bool {
    call.request == nil ? node.resolving[call.id]?.isWaiting == true : node.outbound[call.id]?.isWaiting == true
  }
}
