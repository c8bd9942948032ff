// Processes in the simulated world: start, crash, restart, pause.
//
// A crash drops the machine in the middle of whatever it did, and the operating system with it: the disk keeps what was
// synced and any part of the rest, and what the operating system kept to send (again) is gone. A kill ends the process
// alone: what it wrote stays with the operating system, synced or not, and what it sent is still sent. Peers that can
// be reached find their connections broken. A restart is `start` on what is there, once the host has synced it: the
// machine takes what it finds for durable, and a sync that an earlier process did not live to see would else be missing
// for ever.

import Kernel
import Vocabulary

extension SimulatedHost {
  func start(_ node: SimulatedNode) {
    node.beginLife(seed: seed, at: now)
    mixHost(node, 2, UInt64(node.incarnation))
    traceSink?.trace(at: now, node: node.id, "starts (life \(node.incarnation))")
    node.turn.now = node.clock.instant(at: now)
    node.turn.wallClock = node.clock.wallTime(at: now)
    node.turn.arrived = node.turn.now
    note(node, TurnMark.start)
    do {
      try node.machine?.start(&node.turn)
    } catch {
      node.turn.effects.removeAll()
      node.endLife(at: now)
      takeUpWaiting(node.box)
      node.staysDown = true
      traceSink?.trace(at: now, node: node.id, "refuses to start: \(error)")
      recorder?.record(DefectRecord(node: node.id, at: Instant(nanoseconds: now), what: "refused to start: \(error.description)"))
      return
    }
    finishTurn(node, costNanoseconds: node.plan.cost.exchangeTurn.nanoseconds)
  }

  /// Ends the node's process at once, and its operating system with it. A process that is down already stays down, but
  /// what its operating system had not synced is lost too.
  /// Returns whether there was anything to end.
  @discardableResult public func crash(_ id: NodeID) -> Bool {
    let node = state(id)
    mixHost(node, 3)
    traceSink?.trace(at: now, node: id, "crashes")
    let didAnything = node.isUp || node.disk.isDirty
    dropParked(of: id)
    node.powerLosses.append(now)
    end(node)
    if node.disk.isDirty { node.disk.crash() }
    return didAnything
  }

  /// Tells the node's machine that its host stops it in order (`Machine.stopping`), at once, whatever waits for it.
  /// Returns whether it was up. What follows, an end of the process, is the caller's to ask for.
  @discardableResult public func askToStop(_ id: NodeID) -> Bool {
    let node = state(id)
    guard node.isUp else { return false }
    mixHost(node, 9)
    traceSink?.trace(at: now, node: id, "is asked to stop")
    node.turn.now = node.clock.instant(at: now)
    node.turn.wallClock = node.clock.wallTime(at: now)
    node.turn.arrived = node.turn.now
    note(node, TurnMark.stop)
    node.machine?.stopping(&node.turn)
    finishTurn(node, costNanoseconds: node.plan.cost.smallTurn.nanoseconds)
    return true
  }

  /// Ends the node's process at once, and nothing else (`SIGKILL`). Returns whether it was up.
  @discardableResult public func kill(_ id: NodeID) -> Bool {
    let node = state(id)
    guard node.isUp else { return false }
    mixHost(node, 7)
    traceSink?.trace(at: now, node: id, "is killed")
    end(node)
    return true
  }

  /// The fault in hand keeps the node down until it ends, whatever else would start it before; `didAnything` tells
  /// whether it ended a process.
  func holdDown(_ id: NodeID, didAnything: Bool) {
    if !didAnything { faultInHandDidNothing() }
    state(id).downUntil = max(state(id).downUntil, faults[faultInHand].planned.endsAt ?? .max)
  }

  private func end(_ node: SimulatedNode) {
    node.opening += 1
    guard node.isUp else {
      _ = node.box.syncs.release(node.id, at: now)
      return
    }
    breakConnections(of: node)
    node.endLife(at: now)
    abandonWorks(node)
    // What waited in the box for the turn that ended waits no longer.
    takeUpWaiting(node.box)
  }

  /// Starts a process: at once, or after the sync of what an earlier one left unsynced.
  func open(_ node: SimulatedNode) {
    guard !node.isUp, !node.staysDown, now >= node.downUntil else { return }
    node.opening += 1
    _ = node.box.syncs.release(node.id, at: now)
    guard node.disk.isDirty else { return start(node) }
    let duration = syncNanoseconds(node, node.disk.unsyncedBytes, phases: node.disk.phaseCount)
    let end = node.box.syncs.take(by: node.id, at: now, from: now, for: duration)
    schedule(.opened(node.id, opening: node.opening), at: end, node)
  }

  func endOpening(_ node: SimulatedNode) {
    if node.box.failsSync(&node.syncRandom) {
      traceSink?.trace(at: now, node: node.id, "sync failed: the node starts again")
      node.disk.crash()
      return restart(node.id, after: Self.restartAfterFailedSync)
    }
    node.disk.syncAll()
    start(node)
  }

  // MARK: crashes that wait for their moment

  typealias Moment = ReferenceWritableKeyPath<SimulatedNode, [ArmedCrash]>

  /// The fault in hand waits for a moment of the node, and then lasts for `downtime`.
  func armCrash(of id: NodeID, at moment: Moment, _ downtime: TimeSpan) {
    faults[faultInHand].course = .waiting
    state(id)[keyPath: moment].append(ArmedCrash(fault: faultInHand, downtime: downtime))
  }

  /// The fault in hand waits no longer.
  func disarmCrash(of id: NodeID, at moment: Moment) { state(id)[keyPath: moment].removeAll { $0.fault == faultInHand } }

  /// The moment is there, and lasts for `duration` nanoseconds from `start`: the crash that waited longest falls into
  /// it.
  func crashWithin(_ node: SimulatedNode, _ moment: Moment, from start: Int64, _ duration: Int64) {
    guard !node[keyPath: moment].isEmpty else { return }
    let armed = node[keyPath: moment].removeFirst()
    let middle = start + Int64(node.crashRandom.below(UInt64(max(1, duration))))
    schedule(.crash(node.id, incarnation: node.incarnation, armed, moment), at: middle, node)
  }

  func takeArmedCrash(_ id: NodeID, _ incarnation: UInt32, _ armed: ArmedCrash, _ moment: Moment) {
    let node = state(id)
    let isOver = faults[armed.fault].planned.endsAt.map { $0 <= now } ?? false
    guard node.incarnation == incarnation, node.isUp, !isOver else {
      // The process ended before its moment was over, by something else: the crash waits for the next one.
      if !isOver { node[keyPath: moment].insert(armed, at: 0) }
      return
    }
    // Faults are over with their plan's time, whatever they were to last.
    let end = min(now + armed.downtime.nanoseconds, faults[armed.fault].planned.endsAt ?? .max)
    faults[armed.fault].course = .came(from: now, until: end)
    traceSink?.trace(at: now, node: NodeID(.max), "fault begins: \(faults[armed.fault].planned.fault.label(self))")
    crash(id)
    node.downUntil = max(node.downUntil, end)
    restart(id, after: TimeSpan(nanoseconds: end - now))
  }

  // MARK: start again, pause

  /// The machine asked to be started anew (`Effect.restart`): its process crashes and starts again after a pause that
  /// grows with each time in a row.
  func startAnew(_ node: SimulatedNode, _ reason: String) {
    if now - node.lifeBeganAt >= Self.shortestPause.nanoseconds * 64 { node.restartsAskedInARow = 0 }
    let pause = TimeSpan(nanoseconds: Self.shortestPause.nanoseconds << Int64(min(node.restartsAskedInARow, 4)))
    node.restartsAskedInARow += 1
    mixHost(node, 8)
    traceSink?.trace(at: now, node: node.id, "asks to be started anew, in \(pause.milliseconds) ms: \(reason)")
    crash(node.id)
    restart(node.id, after: pause)
  }

  /// The pause before the first restart that a machine asks for; that of the live host.
  private static var shortestPause: TimeSpan { .milliseconds(100) }

  /// Starts the node's process `span` from now, if it is down then.
  public func restart(_ id: NodeID, after span: TimeSpan) {
    schedule(.restart(id), at: now + span.nanoseconds, state(id))
  }

  /// Starts the node's process now, if it is down, also where it refused to start before: an operator's restart.
  public func revive(_ id: NodeID) {
    state(id).staysDown = false
    state(id).downUntil = 0
    restart(id, after: .zero)
  }

  /// Keeps the node from taking turns until virtual time `end`; what comes meanwhile waits. Returns whether it was up.
  @discardableResult public func pause(_ id: NodeID, until end: Int64) -> Bool {
    let node = state(id)
    guard node.isUp else { return false }
    mixHost(node, 4)
    traceSink?.trace(at: now, node: id, "stands still for \(TimeSpan(nanoseconds: end - now).milliseconds) ms")
    node.pausedUntil = max(node.pausedUntil, end)
    if !node.mailbox.isEmpty { scheduleIdle(node) }
    return true
  }

  /// Both ends of each connection of a process that ends: the kernel resets them, and the peers hear it where the
  /// network carries it.
  private func breakConnections(of node: SimulatedNode) {
    for id in node.inbound.keys.sorted() {
      guard let exchange = node.inbound[id] else { continue }
      let delivery = Delivery(
        from: node.id, to: exchange.caller, incarnation: .max, departure: 0, envelope: .failure(exchange.callerID, .connectionLost))
      let passage = network.segment(from: node.id, to: exchange.caller, bytes: 64, departure: now)
      place(delivery, passage, notBefore: (node.streams[id]?.lastArrival ?? 0) + 1)
    }
    closeResolving(node)
    for id in node.outbound.keys.sorted() {
      guard let exchange = node.outbound[id] else { continue }
      if let record = exchange.record { recorder?.record(record) }
      if let record = exchange.streamRecord { recorder?.record(record) }
      guard !exchange.isWaiting else { continue }
      let delivery = Delivery(from: node.id, to: exchange.server, incarnation: .max, departure: 0, envelope: .abandonment(id))
      let passage = network.segment(from: node.id, to: exchange.server, bytes: 64, departure: now)
      place(delivery, passage, notBefore: max(exchange.requestArrival, node.streams[id]?.lastArrival ?? 0) + 1)
    }
  }
}
