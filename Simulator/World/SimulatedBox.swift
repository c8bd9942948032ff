// A box of the simulated world: what several nodes can stand in together, as processes or parts of one process stand in
// one machine. It has cores, one disk, clocks, power and an address.
//
// Model. The turns of its nodes are those of one event loop: one at a time, in the order in which their events came,
// and before all works. Works share the cores, fairly between nodes and first come first served within one: each has a
// core until it ends; the loop's own core is the last that is given to a work, and turns taken meanwhile hold that work
// up by their time. Syncs of its nodes are made one after the other. Between its nodes lies no network: nothing there
// is cut, lost or slowed. A fault of the disk or of the clocks is one of all nodes in the box. A crash of the box ends
// them all; a node can end alone too, as a container with a page cache of its own would.
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
  /// The nodes that stand in it, by their numbers; set once.
  var nodes: [SimulatedNode] = []

  /// Until when the loop is taken by a turn, in nanoseconds of virtual time.
  var busyUntil: Int64 = 0
  /// Whose turn takes it.
  unowned(unsafe) var busyNode: SimulatedNode?
  /// How long turns took the loop so far, in nanoseconds.
  var turnNanoseconds: Int64 = 0
  /// When the idle moment comes that is put down; the far future where none is.
  var idleAt = Int64.max
  /// Counts the idle moments that are not awaited any more.
  var idleGeneration: UInt32 = 0

  /// Works that wait for a core.
  var waitingWorks = FairQueue<NodeID, QueuedWork>()
  /// How many works have a core.
  private(set) var runningWorks = 0

  /// Until when the disk carries out what it was asked for.
  var diskBusyUntil: Int64 = 0
  /// By what each fault in force slows the disk.
  var slownesses: [Int64] = []
  /// How many times as long the disk takes. The slowest counts: two faults at once are one slow disk, not the product
  /// of both.
  var slowness: Int64 { slownesses.max() ?? 1 }
  /// The share of syncs that fail.
  var syncFailureProbability = 0.0

  init(cores: Int, diskBytes: Int, clock: NodeClock) {
    invariant(cores >= 1, "a box has \(cores) cores")
    self.cores = cores
    medium = DiskMedium(capacityBytes: diskBytes)
    self.clock = clock
  }

  /// Takes or gives back cores for works.
  func changeRunningWorks(by count: Int) {
    runningWorks += count
    invariant(runningWorks >= 0 && runningWorks <= cores, "\(runningWorks) works run on the \(cores) cores of box \(number)")
  }

  /// The loop is free again if it was `node` that took it: its process ended.
  func release(_ node: SimulatedNode, at now: Int64) {
    guard busyNode === node, busyUntil > now else { return }
    turnNanoseconds -= busyUntil - now
    invariant(turnNanoseconds >= 0, "turns took box \(number) for \(turnNanoseconds) ns so far")
    busyUntil = now
    busyNode = nil
    forgetIdle()
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
