// Processes in the simulated world: start, crash, restart, pause.
//
// A crash drops the machine in the middle of whatever it did; its disk keeps what was synced and any part of the rest. Peers that
// can be reached find their connections broken. A restart is `start` on what the disk kept.

import Kernel
import Vocabulary

extension SimulatedHost {
  func start(_ node: SimulatedNode) {
    node.beginLife(seed: seed)
    mixHost(2, UInt64(node.id.index) << 32 | UInt64(node.incarnation))
    traceSink?.trace(at: now, node: node.id, "starts (life \(node.incarnation))")
    node.turn.now = node.clock.instant(at: now)
    node.turn.wallClock = node.clock.wallTime(at: now)
    node.turn.arrived = node.turn.now
    do {
      try node.machine?.start(&node.turn)
    } catch {
      node.turn.effects.removeAll()
      node.endLife(at: now)
      node.staysDown = true
      traceSink?.trace(at: now, node: node.id, "refuses to start: \(error)")
      recorder?.record(DefectRecord(node: node.id, at: Instant(nanoseconds: now), what: "refused to start: \(error.description)"))
      return
    }
    finishTurn(node, costNanoseconds: node.plan.cost.exchangeTurn.nanoseconds)
  }

  /// Ends the node's process at once. Does nothing where it is down already.
  public func crash(_ id: NodeID) {
    let node = state(id)
    guard node.isUp else { return }
    mixHost(3, UInt64(id.index))
    traceSink?.trace(at: now, node: id, "crashes")
    breakConnections(of: node)
    node.endLife(at: now)
    node.disk.crash()
  }

  /// Starts the node's process `span` from now, if it is down then.
  public func restart(_ id: NodeID, after span: TimeSpan) {
    agenda.schedule(.restart(id), at: now + span.nanoseconds)
  }

  /// Starts the node's process now, if it is down, also where it refused to start before: an operator's restart.
  public func revive(_ id: NodeID) {
    state(id).staysDown = false
    restart(id, after: .zero)
  }

  /// Keeps the node from taking turns until virtual time `end`; what comes meanwhile waits.
  public func pause(_ id: NodeID, until end: Int64) {
    let node = state(id)
    guard node.isUp else { return }
    mixHost(4, UInt64(id.index))
    traceSink?.trace(at: now, node: id, "stands still for \(TimeSpan(nanoseconds: end - now).milliseconds) ms")
    node.pausedUntil = max(node.pausedUntil, end)
    if !node.mailbox.isEmpty { scheduleIdle(node) }
  }

  /// Both ends of each connection of a process that ends: the kernel resets them, and the peers hear it where the network carries it.
  private func breakConnections(of node: SimulatedNode) {
    for id in node.inbound.keys.sorted() {
      guard let exchange = node.inbound[id] else { continue }
      let delivery = Delivery(
        from: node.id, to: exchange.caller, incarnation: .max, departure: 0, envelope: .failure(exchange.callerID, .connectionLost))
      place(delivery, network.segment(from: node.id, to: exchange.caller, bytes: 64, departure: now))
    }
    for id in node.outbound.keys.sorted() {
      guard let exchange = node.outbound[id] else { continue }
      if let record = exchange.record { recorder?.record(record) }
      let delivery = Delivery(from: node.id, to: exchange.server, incarnation: .max, departure: 0, envelope: .abandonment(id))
      place(delivery, network.segment(from: node.id, to: exchange.server, bytes: 64, departure: now))
    }
  }
}
