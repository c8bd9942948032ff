// Turns in the simulated world: what comes for a node is taken at once where its box's loop is free and nothing else waits
// there, else in the order in which it came; a full mailbox refuses. What a turn did is charged and carried out when it
// ends, or once what it wrote is durable.

import DequeModule
import Kernel
import Vocabulary

extension SimulatedHost {
  /// Gives `event` to the node: at once if it is free, else it waits.
  @inline(__always) func offer(_ node: SimulatedNode, _ event: Event) {
    let box = node.box
    if box.loop.busyUntil <= now && node.pausedUntil <= now && node.mailbox.isEmpty
      && (box.nodes.count == 1 || box.nextWaiting(at: now) == nil)
    {
      takeTurn(node, event, arrivedAt: now)
    } else {
      wait(node, event)
    }
  }

  private func wait(_ node: SimulatedNode, _ event: Event) {
    if node.mailbox.count >= node.plan.cost.mailboxLimit, shed(node, event) { return }
    node.mailbox.append(WaitingEvent(event: event, arrivedAt: now))
    scheduleIdle(node)
  }

  /// Refuses what a full mailbox cannot take. Returns false for events that must not be lost.
  private func shed(_ node: SimulatedNode, _ event: Event) -> Bool {
    switch event {
    case .request(let id, _), .stream(let id, .opened):
      refuse(node, id, .overloaded)
      return true
    case .message: return true
    case .response, .failed, .abandoned, .timer, .durable, .completed, .stream: return false
    }
  }

  /// Sees to it that the loop takes up what waits for `node` as soon as both are free.
  func scheduleIdle(_ node: SimulatedNode) {
    let box = node.box
    let at = max(now, box.loop.busyUntil, node.pausedUntil)
    guard at < box.idleAt else { return }
    if box.idleAt < .max { box.forgetIdle() }
    box.idleAt = at
    schedule(.idle(box: box.number, generation: box.idleGeneration), at: at, node)
  }

  func takeWaiting(_ box: SimulatedBox) {
    if box.loop.busyUntil <= now, let node = box.nextWaiting(at: now), let waiting = node.mailbox.popFirst() {
      takeTurn(node, waiting.event, arrivedAt: waiting.arrivedAt)
    }
    takeUpWaiting(box)
  }

  /// Sees to it that all that waits in a box is taken up in its time.
  func takeUpWaiting(_ box: SimulatedBox) {
    for node in box.nodes where !node.mailbox.isEmpty { scheduleIdle(node) }
  }

  private func takeTurn(_ node: SimulatedNode, _ event: Event, arrivedAt: Int64) {
    turnsTaken += 1
    invariant(
      node.isUp && node.box.loop.busyUntil <= now && node.pausedUntil <= now && arrivedAt <= now,
      "a node takes a turn that is down, held up, or ahead of what came")
    note(node, TurnMark.number(event))
    mix(node, event)
    if case .stream(let id, let part) = event { willHear(node, id, part) }
    traceSink?.trace(at: now, node: node.id, EventText.line(event, name: name(of:)))
    let instant = node.clock.instant(at: now)
    node.turn.now = instant
    node.turn.wallClock = node.clock.wallTime(when: instant)
    node.turn.arrived = arrivedAt == now ? instant : node.clock.instant(at: arrivedAt)
    node.machine?.handle(event, &node.turn)
    finishTurn(node, costNanoseconds: node.plan.cost.turnNanoseconds(event))
  }

  /// Accounts for a turn that ran at `now`, and carries its effects out.
  func finishTurn(_ node: SimulatedNode, costNanoseconds: Int64) {
    let box = node.box
    var cost = costNanoseconds + node.turn.takeSpent().nanoseconds
    let bytesRead = node.disk.takeBytesRead()
    if bytesRead > 0 {
      cost += box.slowed(node.plan.cost.read.nanoseconds + node.plan.cost.transferNanoseconds(bytesRead))
    }
    // A start or a stop waits for no event, but the loop has its turn before it.
    invariant(cost >= 0, "a turn costs less than nothing")
    let departure = box.takeLoop(node, at: now, for: cost)
    mixWrites(node)
    let isDirty = node.disk.isDirty
    if node.turn.effects.isEmpty {
      if isDirty { beginSync(node, at: departure) }
      return
    }
    while let pending = node.turn.effects.next() {
      let release = pending.release
      // Taken apart, not copied: a copy costs two operations on its payload's reference count.
      let effect = (consume pending).effect
      mix(node, effect, release)
      switch release {
      case .immediately: carryOut(node, effect, departure)
      case .whenDurable:
        if isDirty {
          node.held.append(HeldEffect(effect: effect, position: node.disk.position))
        } else {
          carryOut(node, effect, departure)
        }
      case .after(let position):
        if node.disk.durablePosition < position {
          node.held.append(HeldEffect(effect: effect, position: position))
        } else {
          carryOut(node, effect, departure)
        }
      }
    }
    if isDirty { beginSync(node, at: departure) }
  }

  /// Puts a message on its way through the network.
  @inline(__always) func sendDatagram(_ node: SimulatedNode, _ to: NodeID, _ bytes: [UInt8], _ departure: Int64) {
    switch network.datagram(from: node.id, to: to, bytes: bytes.count, departure: departure) {
    case .arrives(let time, _):
      schedule(.message(from: node.id, to: to, incarnation: node.incarnation, departure: departure, bytes), at: time, node)
    case .arrivesTwice(let first, let second):
      schedule(.message(from: node.id, to: to, incarnation: node.incarnation, departure: departure, bytes), at: first, node)
      schedule(.message(from: node.id, to: to, incarnation: node.incarnation, departure: departure, bytes), at: second, node)
    case .lost, .breaks, .parked: break
    }
  }
}
