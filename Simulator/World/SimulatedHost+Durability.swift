// Group commit in the simulated world: one sync in flight for a node; turns go on meanwhile; what they write goes into
// the next.
//
// A failed sync is never tried again: the held effects are discarded with the process, and the node starts on what the
// disk kept.

import Kernel
import Vocabulary

extension SimulatedHost {
  /// Begins a sync of all that the node wrote so far, up to its first barrier, unless one is in flight.
  func beginSync(_ node: SimulatedNode, at start: Int64) {
    guard node.syncing == nil else { return }
    // A phase at a time: what stands behind a barrier waits for the next sync.
    node.syncing = node.disk.syncTarget
    let duration = syncNanoseconds(node, node.disk.bytesOfNextSync)
    invariant(duration >= 0 && start >= now, "a sync of \(name(of: node.id)) begins at \(start), at \(now), and takes \(duration) ns")
    // The disk carries out one sync after the other, whoever of its box asked for it.
    let end = node.box.syncs.take(by: node.id, at: now, from: start, for: duration)
    crashWithin(node, \.crashesAtSyncs, from: end - duration, duration)
    let fails = node.box.failsSync(&node.syncRandom)
    schedule(.syncEnd(node.id, incarnation: node.incarnation, fails: fails), at: end, node)
  }

  /// How long a sync of `bytes` takes, in `phases`; drawn anew.
  func syncNanoseconds(_ node: SimulatedNode, _ bytes: Int, phases: Int = 1) -> Int64 {
    node.box.slowed(
      node.plan.cost.sync.draw(&node.syncRandom).nanoseconds * Int64(phases) + node.plan.cost.transferNanoseconds(bytes))
  }

  func endSync(_ node: SimulatedNode, fails: Bool) {
    guard let position = node.syncing else { breakInvariant("a sync of \(name(of: node.id)) ended that had not begun") }
    node.syncing = nil
    if fails {
      traceSink?.trace(at: now, node: node.id, "sync failed: the node starts again")
      crash(node.id)
      restart(node.id, after: Self.restartAfterFailedSync)
      return
    }
    node.disk.sync(upTo: position)
    mixHost(node, 1, position.value)
    releaseHeld(node)
    if node.disk.isDirty { beginSync(node, at: max(now, node.box.loop.busyUntil)) }
  }

  /// How long a process takes to start again after its disk failed it.
  static var restartAfterFailedSync: TimeSpan { .milliseconds(100) }

  /// Lets the effects leave, in their order, that waited for no more than is durable now.
  func releaseHeld(_ node: SimulatedNode) {
    guard !node.held.isEmpty else { return }
    let durable = node.disk.durablePosition
    // Effects that wait for less may stand behind those that wait for more, so all are looked at; the order is kept.
    var remaining = node.held
    remaining.removeAll(keepingCapacity: true)
    let held = node.held
    node.held.removeAll()
    for effect in held {
      if effect.position <= durable { carryOut(node, effect.effect, now) } else { remaining.append(effect) }
    }
    // A released effect may have been held anew only by `notifyWhenDurable`, which is durable now; nothing was added
    // meanwhile.
    invariant(node.held.isEmpty, "\(name(of: node.id)) held \(node.held.count) effects while others were released")
    node.held = remaining
  }
}
