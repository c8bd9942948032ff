// One node of the simulated world: the machine that lives there now, what outlives it, and what its host keeps for it.

import DequeModule
import Kernel
import Vocabulary

/// What the host needs to know to run one node.
public struct NodePlan {
  /// Name in scenarios, traces and reports: "SYSTEM/SERVICE", "SYSTEM/client-3".
  public var name: String
  /// Makes a machine for a new life.
  public var make: () -> any Machine
  /// What its turns and syncs cost.
  public var cost: CostModel
  /// Whether its exchanges, as caller or as server, are recorded whole.
  public var isRecorded: Bool
  /// Planted bugs that are switched on.
  public var planted: PlantedBugs
  /// Size of its disk in bytes; nodes of one box have the room of all of theirs together.
  public var diskBytes: Int
  /// What its chance is named by: the same in every flight in which it is the same node, however it is called there.
  public var identity: String
  /// Whether it is of the outside world: its box has a public address.
  public var isOutside = false

  /// A plan.
  public init(
    _ name: String, cost: CostModel = .service, isRecorded: Bool = false, planted: PlantedBugs = .none,
    diskBytes: Int = 1 << 40, make: @escaping () -> any Machine
  ) {
    self.name = name
    self.make = make
    self.cost = cost
    self.isRecorded = isRecorded
    self.planted = planted
    self.diskBytes = diskBytes
    identity = name
  }
}

/// An event that waits for the node, and when it came.
struct WaitingEvent {
  var event: Event
  var arrivedAt: Int64
}

/// A crash that waits for its moment.
struct ArmedCrash {
  /// The number of its fault in the plan.
  var fault: Int
  /// How long after it the process starts again.
  var downtime: TimeSpan
}

/// An effect that waits for a sync.
struct HeldEffect {
  var effect: Effect
  var position: DiskPosition
}

/// A call or stream that this node opened.
struct OutboundExchange {
  /// How the answer reaches the machine.
  enum Manner {
    /// Whole: `Event.response`.
    case whole
    /// In parts: `Event.stream`.
    case stream
  }
  var server: NodeID
  var endpoint: Endpoint
  var manner: Manner
  /// Whose connections a whole call takes one of.
  var pool: CallPool?
  /// Whether it waits for one, so that nothing of it was sent.
  var isWaiting = false
  /// When the request arrives that was sent whole, as far as that is known.
  var requestArrival: Int64 = 0
  /// The answer's head and the body so far, where the server streams an answer to a whole call.
  var partial: Response?
  /// Kept for the record, where exchanges of this node are recorded.
  var record: ExchangeRecord?
  /// The same of a stream.
  var streamRecord: StreamRecord?
}

/// A request or stream that this node serves.
struct InboundExchange {
  var caller: NodeID
  var callerID: ExchangeID
  /// Whether the machine answered or accepted.
  var isAnswered = false
  /// Whether it is (or became) a stream.
  var isStream = false
  /// The request so far, where a streamed body is collected for a machine that takes it whole.
  var collecting: Request?
  var limitBytes = 0
  /// Whether only the head of the answer is sent (HEAD).
  var isHeadOnly = false
}

/// One end of a stream.
struct StreamEnd {
  var peer: NodeID
  /// The caller's id of the exchange, which both ends put on their frames.
  var callerID: ExchangeID
  var isCaller: Bool
  /// What the machine may still send, as it was told; at 0 or below the stream is blocked.
  var sendCredit = 0
  /// Whether the machine may send at all: it opened or accepted the stream.
  var isAccepted = false
  var isWebSocket = false
  /// Longest message that is taken.
  var limitBytes = Int.max
  /// Bytes sent that the peer's machine has not granted again.
  var outstandingBytes = 0
  /// How many of these go beyond a window.
  var overrunBytes = 0
  /// When the peer last took something, or the overrun began.
  var takenAt: Int64 = 0
  /// Whether it is due to be looked at whether the peer takes what goes beyond a window.
  var isOverrunWatched = false
  /// What the machine granted and has not received; below 0 where a message went beyond.
  var receiveCredit = initialStreamCreditBytes
  /// What arrived and waits for a grant.
  var undelivered: Deque<StreamPart> = []
  /// What came of a WebSocket before this end's machine accepted it.
  var early: [StreamFrame] = []
  var hasSentFinish = false
  var hasReceivedFinish = false
  /// The peer of a WebSocket has closed it; the machine has not heard of it yet, or the host has not answered.
  var isClosedThere = false
  /// What this end sends goes nowhere, and is as good as taken: this direction has no body (the answer to HEAD, 204, a
  /// request by GET), or the peer wants none (a refused WebSocket, a whole answer to a body that is not complete).
  var isUnheard = false
  /// A frame that we sent broke the connection: what comes behind it never arrives, and both ends will hear of it.
  var isBroken = false
  /// When the last frame we sent arrives: later frames do not overtake it.
  var lastArrival: Int64 = 0
  /// When anything of the peer last arrived.
  var heardAt: Int64 = 0
}

/// A caller's exchange as its server finds it.
struct CallerKey: Hashable {
  var node: NodeID
  var id: ExchangeID
}

/// One node and all that its host keeps for it.
final class SimulatedNode {
  let id: NodeID
  let plan: NodePlan
  /// What stands for its identity wherever chance is split and hashes are taken.
  let digest: UInt64
  /// What breaks ties among what it schedules and others do at the same time.
  var ties: TieSequence
  /// The hash of all that happened to it, and that it stated.
  var traceHash: TraceHash
  /// How far its disk was when its writes were last hashed.
  var hashedPosition = DiskPosition.zero
  /// How long its syncs take, and which fail.
  var syncRandom: RandomStream
  /// In which pieces it is handed bodies.
  var pieceRandom: RandomStream
  /// How long its look-ups of names take.
  var nameRandom: RandomStream
  /// In which moment of a sync or a work an armed crash hits it.
  var crashRandom: RandomStream
  /// Where it stands. Both refer to each other until their host ends (its `deinit`): a reference that never changes is
  /// read without counting, and this one is read several times a turn.
  let box: SimulatedBox
  let disk: SimulatedDisk
  /// The clocks of its box.
  @inline(__always) var clock: NodeClock { box.clock }
  var incarnation: UInt32 = 0
  /// The machine of this life; nil while the process is down.
  var machine: (any Machine)?
  /// Whether `machine` is there; asked for each event, where a look at the existential itself would copy it.
  private(set) var isUp = false
  var turn: Turn
  /// What the machine of this life holds of the disk.
  private var lease: DiskLease
  var identities: IdentitySource
  /// Virtual time at which each past life ended.
  var lifeEnds: [Int64] = []
  /// Virtual times at which the machine lost power, which its kernel's memory did not outlive.
  var powerLosses: [Int64] = []
  /// Virtual time at which this life began.
  var lifeBeganAt: Int64 = 0
  /// Restarts that the machine itself asked for, one soon after the other.
  var restartsAskedInARow = 0

  /// Until when the process stands still (`SIGSTOP`, a long collection, a stolen core).
  var pausedUntil: Int64 = 0
  var mailbox = Deque<WaitingEvent>()

  var timers = ArmedTimers()
  var held = Deque<HeldEffect>()
  /// The position that the sync in flight will make durable.
  var syncing: DiskPosition?
  var outbound: [ExchangeID: OutboundExchange] = [:]
  var inbound: [ExchangeID: InboundExchange] = [:]
  var inboundByCaller: [CallerKey: ExchangeID] = [:]
  /// Exchanges whose peer, or host, ended them before the machine did: what it still answers to them reaches nobody, and
  /// is no defect. Not bounded but by the life's exchanges.
  var abandoned: Set<ExchangeID> = []
  var streams: [ExchangeID: StreamEnd] = [:]
  /// Calls and streams to destinations that are being looked up.
  var resolving: [ExchangeID: ResolvingExchange] = [:]
  /// How many whole calls are under way to whom, and which wait.
  var pools = CallPools()
  /// The overrun of all of them (`StreamLimits.accountBytes`).
  var overrunBytes = 0
  var works: [WorkID: RunningWork] = [:]

  /// Crashes that wait for a sync, oldest first.
  var crashesAtSyncs: [ArmedCrash] = []
  /// Crashes that wait for a work, oldest first.
  var crashesInWorks: [ArmedCrash] = []
  /// Counts the attempts to start, and what cut them short.
  var opening: UInt64 = 0
  /// Until when faults hold the node down, in nanoseconds of virtual time.
  var downUntil: Int64 = 0
  /// Set while a fault keeps the node from restarting.
  var staysDown = false

  init(id: NodeID, plan: NodePlan, seed: UInt64, box: SimulatedBox) {
    self.id = id
    self.plan = plan
    self.box = box
    digest = NameDigest.of(plan.identity)
    ties = TieSequence(seed: RandomStream.first(seed, "ties", number: digest))
    traceHash = TraceHash(seed: seed ^ digest)
    syncRandom = RandomStream(seed: seed, name: "syncs", number: digest)
    pieceRandom = RandomStream(seed: seed, name: "pieces", number: digest)
    nameRandom = RandomStream(seed: seed, name: "names", number: digest)
    crashRandom = RandomStream(seed: seed, name: "crashes", number: digest)
    disk = SimulatedDisk(on: box.medium, random: RandomStream(seed: seed, name: "disk", number: digest))
    lease = DiskLease(of: disk)
    turn = SimulatedNode.turn(id, digest, 0, lease, seed, plan)
    identities = IdentitySource(incarnation: 0, ofHost: true)
  }

  private static func turn(
    _ id: NodeID, _ digest: UInt64, _ incarnation: UInt32, _ disk: DiskLease, _ seed: UInt64, _ plan: NodePlan
  ) -> Turn {
    Turn(
      node: id, incarnation: incarnation, disk: disk,
      random: RandomStream(seed: seed, name: "node", number: digest &+ UInt64(incarnation) &* 0x9E37_79B9_7F4A_7C15),
      planted: plan.planted)
  }

  /// Forgets all that a process forgets when it ends.
  func endLife(at now: Int64) {
    invariant(
      isUp && lifeEnds.count == Int(incarnation), "life \(incarnation) of \(plan.name) ends behind \(lifeEnds.count) others")
    lease.revoke()
    machine = nil
    isUp = false
    lifeEnds.append(now)
    mailbox.removeAll()
    box.release(self, at: now)
    timers = ArmedTimers()
    held.removeAll()
    syncing = nil
    outbound.removeAll()
    resolving.removeAll()
    pools = CallPools()
    inbound.removeAll()
    inboundByCaller.removeAll()
    abandoned.removeAll()
    streams.removeAll()
    overrunBytes = 0
    pausedUntil = 0
  }

  /// Begins the next life with a new machine.
  func beginLife(seed: UInt64, at now: Int64) {
    invariant(!isUp && held.isEmpty && mailbox.isEmpty, "\(plan.name) begins a life and has \(held.count) effects of the one before")
    lifeBeganAt = now
    if !lifeEnds.isEmpty { incarnation += 1 }
    lease = DiskLease(of: disk)
    turn = SimulatedNode.turn(id, digest, incarnation, lease, seed, plan)
    identities = IdentitySource(incarnation: incarnation, ofHost: true)
    machine = plan.make()
    isUp = true
  }

  /// Whether the machine lost power from `departure` on and before `end`.
  @inline(__always) func lostPower(from departure: Int64, before end: Int64) -> Bool {
    departure < end && powerLosses.contains { $0 >= departure && $0 < end }
  }

  /// Whether what the life `incarnation` sent at `departure` really left: the process had not ended before.
  @inline(__always) func wasAlive(_ incarnation: UInt32, at departure: Int64) -> Bool {
    if incarnation == self.incarnation && isUp { return true }
    guard lifeEnds.indices.contains(Int(incarnation)) else { return true }
    return departure <= lifeEnds[Int(incarnation)]
  }
}
