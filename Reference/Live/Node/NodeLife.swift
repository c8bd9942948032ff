// One life of a node: its machine, its turn, and all that dies with them.

import NIOCore
import Vocabulary

/// From a start to a crash or a stop; confined to the node's loop.
final class NodeLife {
  let incarnation: UInt32
  /// The node's files, or nil where it has none.
  let disk: FileDisk?
  /// What the machine holds of them; revoked before it is dropped.
  let lease: DiskLease
  var machine: any Machine
  var turn: Turn
  var timers = TimerQueue()
  var held = HeldEffects()
  var exchanges: [ExchangeID: LiveExchange] = [:]
  /// Calls that are recorded and have not ended.
  var records: [ExchangeID: ExchangeRecord] = [:]
  /// The same of streams.
  var streamRecords: [ExchangeID: StreamRecord] = [:]
  var works: [WorkID: WorkCancellation] = [:]
  /// Wakes that wait for the disk before they are armed; hardly ever any.
  var heldWakes: Set<TimerID> = []
  /// Positions that the machine wants to hear of.
  var durableWaits: [DiskPosition] = []
  var abandoned = AbandonedExchanges()
  var identities: IdentitySource
  var isSyncing = false
  /// Why the machine asked to be started anew; nil while it did not.
  var restartReason: String?

  init(node: NodeID, incarnation: UInt32, disk: FileDisk?, machine: any Machine, planted: PlantedBugs, seed: UInt64, now: Instant) {
    self.incarnation = incarnation
    self.disk = disk
    self.machine = machine
    lease = DiskLease(of: disk ?? NoDisk())
    let random = RandomStream(seed: seed &+ UInt64(node.index), name: "live node", number: UInt64(incarnation))
    turn = Turn(node: node, incarnation: incarnation, disk: lease, random: random, planted: planted, now: now)
    identities = IdentitySource(incarnation: incarnation, ofHost: true)
  }

  var position: DiskPosition { disk?.position ?? .zero }
  var durablePosition: DiskPosition { disk?.durablePosition ?? .zero }

  /// An id of the host's own.
  func drawExchangeID() -> ExchangeID { ExchangeID(identities.draw()) }
}

/// Exchanges whose peer left before the answer: an answer to them is no defect, and reaches nobody. Bounded; once the
/// oldest was forgotten, answers to unknown exchanges are no longer judged.
struct AbandonedExchanges {
  private var known: Set<ExchangeID> = []
  private var order = CircularBuffer<ExchangeID>()
  private(set) var isComplete = true

  mutating func insert(_ id: ExchangeID) {
    guard known.insert(id).inserted else { return }
    order.append(id)
    if order.count > 4_096, let oldest = order.popFirst(), known.remove(oldest) != nil { isComplete = false }
  }

  /// Whether the exchange was abandoned; it is forgotten now.
  mutating func remove(_ id: ExchangeID) -> Bool { known.remove(id) != nil }
}
