// A box of the simulated world: what several nodes can stand in together, as processes or parts of one process stand in
// one machine. It has cores, one disk, clocks, power and an address.
//
// Model. The turns of its nodes are those of one event loop: one at a time, in the order in which their events came,
// and before all works. Works share the cores, fairly between nodes and first come first served within one: each has a
// core until it ends; the loop's own core is the last that is given to a work, and turns taken meanwhile hold that work
// up by their time, until another core has nothing to do and takes it over. Syncs of its nodes are made one after the
// other, those before a start among them. Between its nodes lies no network: nothing there is cut, lost or slowed. A
// fault of the disk or of the clocks is one of all nodes in the box; of several that overlap the worst counts. A crash
// of the box ends them all; a node can end alone too, as a container with a page cache of its own would: then its turns
// and syncs end with it, and those of the others keep the time that was put down for them.
//
// Limits: works' own syncs take their time beside those of the journals; memory is not modelled.

import DequeModule
import Kernel
import Vocabulary

/// What the host needs to know of a box in which several nodes stand.
public struct BoxPlan: Hashable, Sendable {
  /// How many cores a box has that nobody gave another number.
  public static let usualCores = 2

  /// Name in traces and reports.
  public var name: String
  /// How many cores it has, at least one.
  public var cores: Int
  /// Its nodes, by their numbers; not empty, and none of another box.
  public var nodes: [NodeID]

  /// A box of `nodes`.
  public init(_ name: String, cores: Int = BoxPlan.usualCores, nodes: [NodeID]) {
    self.name = name
    self.cores = cores
    self.nodes = nodes
  }
}

/// A work that has the core of the loop.
struct LoopWork: Equatable {
  var node: NodeID
  var id: WorkID
}

/// A box and what it lends to its nodes.
final class SimulatedBox {
  /// Which one of the world it is.
  var number = 0
  /// Its cores, at least one.
  let cores: Int
  /// What the disks of its nodes lie on.
  let medium: DiskMedium
  /// Its clocks.
  var clock: NodeClock
  /// The nodes that stand in it, by their numbers; set once, and given back when their host ends.
  var nodes: [SimulatedNode] = []

  /// Which turns take the loop, and until when.
  private(set) var loop = SerialUse()
  /// How long turns took the loop so far, in nanoseconds, those under way to their end.
  private(set) var turnNanoseconds: Int64 = 0
  /// When the idle moment comes that is put down; the far future where none is.
  var idleAt = Int64.max
  /// Counts the idle moments that are not awaited any more.
  var idleGeneration: UInt32 = 0

  /// Works that wait for a core.
  var waitingWorks = FairQueue<NodeID, QueuedWork>()
  /// How many works have a core.
  private(set) var runningWorks = 0
  /// The work that has the loop's core.
  var loopWork: LoopWork?

  /// Which syncs take the disk, and until when.
  var syncs = SerialUse()
  /// By what faults slow the disk.
  var slownesses = UnderWay<Int64>() {
    didSet { slowness = slownesses.damages.max() ?? 1 }
  }
  /// How many times as long the disk takes: the slowest counts.
  private var slowness: Int64 = 1
  /// Which shares of the syncs faults let fail.
  var failingSyncs = UnderWay<Double>() {
    didSet { syncFailureProbability = failingSyncs.damages.max() ?? 0 }
  }
  /// The share of syncs that fail: the largest counts.
  private var syncFailureProbability = 0.0
  /// By what faults its clocks run wrong, in parts per billion.
  private var drifts = UnderWay<Int64>()

  init(cores: Int, diskBytes: Int, clock: NodeClock) {
    invariant(cores >= 1, "a box has \(cores) cores")
    self.cores = cores
    medium = DiskMedium(capacityBytes: diskBytes)
    self.clock = clock
  }

  /// How long the disk takes for what takes it so many nanoseconds where nothing slows it.
  func slowed(_ nanoseconds: Int64) -> Int64 {
    if slownesses.isOneIdle, nanoseconds > 0 {
      let worst = slowness
      slownesses.act { $0 == worst }
    }
    return nanoseconds * slowness
  }

  /// Whether the next sync fails.
  func failsSync(_ random: inout RandomStream) -> Bool {
    guard syncFailureProbability > 0, random.chance(syncFailureProbability) else { return false }
    if failingSyncs.isOneIdle {
      let worst = syncFailureProbability
      failingSyncs.act { $0 == worst }
    }
    return true
  }

  /// Takes or gives back cores for works.
  func changeRunningWorks(by count: Int) {
    runningWorks += count
    invariant(runningWorks >= 0 && runningWorks <= cores, "\(runningWorks) works run on the \(cores) cores of box \(number)")
  }

  /// A turn of `node` takes the loop as soon as it is free, for `nanoseconds`. Returns when it ends.
  @inline(__always) func takeLoop(_ node: SimulatedNode, at now: Int64, for nanoseconds: Int64) -> Int64 {
    turnNanoseconds += nanoseconds
    return loop.take(by: node.id, at: now, from: now, for: nanoseconds)
  }

  /// How long turns took the loop up to `now`, in nanoseconds.
  func turnNanoseconds(at now: Int64) -> Int64 { turnNanoseconds - loop.nanosecondsLeft(at: now) }

  /// The process of `node` ended: its turns take the loop no longer, nor its syncs the disk. Whatever waits for the
  /// loop is to be looked at anew (`SimulatedHost.takeUpWaiting`).
  func release(_ node: SimulatedNode, at now: Int64) {
    _ = syncs.release(node.id, at: now)
    let freed = loop.release(node.id, at: now)
    guard freed > 0 else { return }
    turnNanoseconds -= freed
    invariant(turnNanoseconds >= 0, "turns took box \(number) for \(turnNanoseconds) ns so far")
    forgetIdle()
  }

  /// A fault lets the clocks run wrong, or ends. Of several, the one that is furthest from the truth counts, the older
  /// of two alike.
  func changeDrifts(at now: Int64, _ change: (inout UnderWay<Int64>) -> Void) {
    change(&drifts)
    let worst = drifts.damages.reduce(0) { $1.magnitude > $0.magnitude ? $1 : $0 }
    clock.setDrift(partsPerBillion: worst, at: now)
  }

  /// Whatever idle moment is put down is not awaited any more.
  func forgetIdle() {
    idleGeneration &+= 1
    idleAt = .max
  }

  /// The node whose event waits longest; nil where none waits that can take a turn at `now`.
  func nextWaiting(at now: Int64) -> SimulatedNode? {
    if nodes.count == 1 { return nodes[0].mailbox.isEmpty || nodes[0].pausedUntil > now ? nil : nodes[0] }
    var next: (node: SimulatedNode, since: Int64)?
    for node in nodes where node.pausedUntil <= now {
      guard let since = node.mailbox.first?.arrivedAt, since < next?.since ?? .max else { continue }
      next = (node, since)
    }
    return next?.node
  }
}
