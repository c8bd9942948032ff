// Parts of exchanges that meet a cut: their sender's kernel keeps them and sends them again once the link heals, if its
// machine keeps its power. What one side of a connection sends keeps its order all the same, also beside what was on its
// way already when the cut healed.

import Kernel
import Vocabulary

/// One direction of an exchange's connection.
private struct DirectedExchange: Hashable {
  var from: NodeID
  var to: NodeID
  /// The caller's id.
  var id: ExchangeID

  /// That which carries `delivery`; nil of a message, which has no connection.
  init?(_ delivery: Delivery) {
    guard let id = delivery.exchange else { return nil }
    self.id = id
    from = delivery.from
    to = delivery.to
  }
}

/// What became of the last part of a direction that waited for a cut: what was sent after it, and was on its way already
/// when the cut healed, comes behind it.
private struct ReleasedPart {
  /// Its number among all.
  var number: UInt64
  /// When it arrives.
  var arrival: Int64
  /// Whether its connection broke instead: then nothing comes behind, for as long as anything can be on its way.
  var isBroken = false
}

/// Behind what the parts of exchanges arrive that a cut held up; of all other connections it knows nothing.
struct HeldUpOrder {
  /// When a part may arrive.
  enum Place {
    /// At any time: nothing was held up before it.
    case free
    /// Not before then.
    case behind(Int64)
    /// Not at all: its connection broke before it.
    case nowhere
  }

  /// No part of an exchange is on its way for longer.
  private static var longestOnItsWay: TimeSpan { .seconds(60) }

  private var released: [DirectedExchange: ReleasedPart] = [:]

  /// Whether nothing was held up.
  var isEmpty: Bool { released.isEmpty }

  /// The place of a part.
  func place(of delivery: Delivery, at now: Int64) -> Place {
    guard let direction = DirectedExchange(delivery), let earlier = released[direction], delivery.number > earlier.number,
      now <= earlier.arrival
    else { return .free }
    if earlier.isBroken { return delivery.tellsOfAnEnd ? .free : .nowhere }
    return .behind(earlier.arrival + 1)
  }

  /// A part goes on, and arrives then: what was sent after it comes behind.
  mutating func note(_ delivery: Delivery, arrivesAt arrival: Int64) {
    if let direction = DirectedExchange(delivery) { released[direction] = ReleasedPart(number: delivery.number, arrival: arrival) }
  }

  /// The connection broke that carried a part: nothing comes behind.
  mutating func noteBreak(of delivery: Delivery, at now: Int64) {
    guard let direction = DirectedExchange(delivery) else { return }
    released[direction] = ReleasedPart(
      number: delivery.number, arrival: now + Self.longestOnItsWay.nanoseconds, isBroken: true)
  }

  /// Forgets what has arrived, since nothing overtakes it any more.
  mutating func forget(before now: Int64) { released = released.filter { $0.value.arrival >= now } }
}

extension Delivery {
  /// The exchange whose part it is, as its caller names it; nil of a message.
  fileprivate var exchange: ExchangeID? {
    switch envelope {
    case .request(let id, _), .response(let id, _), .failure(let id, _), .abandonment(let id), .stream(let id, _): id
    case .message: nil
    }
  }
  /// Whether it says that there is no connection any more, which is heard of one that broke too.
  var tellsOfAnEnd: Bool {
    switch envelope {
    case .failure, .abandonment: true
    case .request, .response, .stream, .message: false
    }
  }
}

extension SimulatedHost {
  /// What is left of a part whose sender's machine lost power while its kernel kept it: the end of its connection,
  /// which the peer hears when it would have heard the part; nil where the peer never heard of the connection.
  func remains(of delivery: Delivery) -> Delivery? {
    let end: Envelope
    switch delivery.envelope {
    // These are ends of connections themselves, and told by the network as much as by the machine.
    case .failure, .abandonment, .message: return delivery
    case .request, .stream(_, .open): return nil
    case .response(let id, _): end = .failure(id, .connectionLost)
    case .stream(let id, _):
      let isFromServer = state(delivery.to).outbound[id]?.server == delivery.from
      end = isFromServer ? .failure(id, .connectionLost) : .abandonment(id)
    }
    return Delivery(
      from: delivery.from, to: delivery.to, incarnation: .max, departure: 0, notBefore: delivery.notBefore, number: delivery.number,
      envelope: end)
  }

  /// The machine of a node lost power: what its kernel kept for links that are cut is gone.
  func dropParked(of node: NodeID) { parked = parked.compactMap { $0.from == node ? remains(of: $0) : $0 } }

  /// Lets what waited for a healed link go on.
  func releaseParked() {
    // What waits since it was sent may have come here before what was sent earlier, and was held up on its way.
    let waiting = parked.sorted { $0.number < $1.number }
    parked.removeAll()
    heldUp.forget(before: now)
    for delivery in waiting {
      if network.cutsOff(from: delivery.from, to: delivery.to) {
        parked.append(delivery)
      } else {
        release(delivery, network.afterHeal(from: delivery.from, to: delivery.to, now: now))
      }
    }
  }

  /// Lets a part go on: behind what is on its way of its connection, before what is sent from now on.
  private func release(_ delivery: Delivery, _ passage: Passage) {
    var earliest = delivery.notBefore
    switch heldUp.place(of: delivery, at: now) {
    case .nowhere: return
    case .behind(let time): earliest = max(earliest, time)
    case .free: break
    }
    guard case .arrives(let time, let left) = passage else {
      if case .breaks = passage {
        heldUp.noteBreak(of: delivery, at: now)
        if let own = connection(of: delivery)?.own { state(delivery.from).streams[own]?.isBroken = true }
      }
      place(delivery, passage)
      return
    }
    let arrival = max(time, earliest)
    heldUp.note(delivery, arrivesAt: arrival)
    if let (own, isCaller) = connection(of: delivery) {
      let sender = state(delivery.from)
      if isCaller, let request = sender.outbound[own]?.requestArrival { sender.outbound[own]?.requestArrival = max(request, arrival) }
      if let end = sender.streams[own] { sender.streams[own]?.lastArrival = max(end.lastArrival, arrival) }
    }
    place(delivery, .arrives(arrival, left: left), notBefore: delivery.notBefore)
  }

  /// The exchange whose part `delivery` is, as its sender names it, and whether that is its caller; nil where the sender
  /// knows nothing of it any more.
  private func connection(of delivery: Delivery) -> (own: ExchangeID, isCaller: Bool)? {
    guard let id = delivery.exchange else { return nil }
    let sender = state(delivery.from)
    if sender.outbound[id]?.server == delivery.to { return (id, true) }
    return sender.inboundByCaller[CallerKey(node: delivery.to, id: id)].map { ($0, false) }
  }

  /// Whether a part of an exchange comes before one that was sent earlier, and was held up by a cut: then it comes behind
  /// that, or not at all.
  func comesBehind(_ delivery: Delivery) -> Bool {
    switch heldUp.place(of: delivery, at: now) {
    case .free: return false
    case .nowhere: return true
    case .behind(let time):
      heldUp.note(delivery, arrivesAt: time)
      schedule(.arrival(delivery), at: time, state(delivery.from))
      return true
    }
  }
}
