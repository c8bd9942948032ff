// One hosted node: its mailbox, its turns, and the order in which their effects leave (output commit).
//
// A batch is all events that are ready in one tick of the loop, up to bounds, and there is one batch in a tick
// (`LoopTicks`): other nodes of the loop, and what the network brings, wait for no more than that. After each turn its
// effects leave, or wait for the disk; after each batch the connections are flushed and, if the disk is dirty and no sync
// runs, the next group commit starts. Turns go on while it runs. Fault model: a failed sync ends the life
// (`LiveNode+Lives`).

import Logging
import NIOCore
import NIOPosix
import PeerAuthentication
import Vocabulary

/// What takes no more of a stream while its machine's mailbox is full. Confined to the node's loop.
protocol RoomWaiting: AnyObject {
  /// There is room now.
  func mailboxHasRoom()
}

/// A node on its loop. Sendable because everything in it is used on that loop only; the few calls from elsewhere hop
/// onto it first.
final class LiveNode: @unchecked Sendable {
  /// Where the node is in its existence.
  enum Phase {
    case down, running, draining, stopped
  }

  struct Mail {
    var event: Event
    var arrived: Instant
  }

  let specification: LiveNodeSpecification
  let shared: HostShared
  /// The host's log, with the node's name.
  let log: Logger
  /// Whether each answer is logged: asked for each request.
  let logsAnswers: Bool
  let loop: any EventLoop
  /// The node's one sync thread, where it has a disk.
  let syncThread: NIOThreadPool?
  var id: NodeID { specification.node }
  var limits: LiveLimits { shared.limits }
  /// The bounds of heads on the port for peers.
  private(set) lazy var peerHeadLimits: LiveLimits = {
    var limits = limits
    limits.headBytes = min(limits.headBytes, limits.peerHeadBytes)
    limits.requestLineBytes = min(limits.requestLineBytes, 256)
    limits.headerFields = min(limits.headerFields, 32)
    return limits
  }()
  /// Every connection to this node.
  var allConnections: [ServerConnection] { Array(connections.values) + Array(peerConnections.values) }

  var phase = Phase.down
  var life: NodeLife?
  var livesBegun: UInt32 = 0
  var restartsInARow = 0
  /// Starts of this node that failed since the last one that did not.
  var failedStartsInARow = 0
  var mailbox = CircularBuffer<Mail>(initialCapacity: 64)
  /// Streams whose next parts wait until the mailbox has room.
  private var waitingForRoom: [any RoomWaiting] = []
  private var waitersForRoom: Set<ObjectIdentifier> = []
  private var areTurnsScheduled = false
  private let ticks: LoopTick
  /// The tick in which the last batch of turns was begun.
  private var lastBatch: UInt64 = 0
  private var flushQueue: [any Flushable] = []
  /// Whether what is written leaves at once: one message goes to many connections, of which each would else be fetched
  /// into the processor's caches twice.
  var flushesAtOnce = false
  var alarm: Scheduled<Void>?
  var alarmAt = Instant.never
  var listeners: [any Channel] = []
  /// Connections of clients, those included that are only told that there are too many.
  var connections: [ObjectIdentifier: ServerConnection] = [:]
  /// How many of these were taken.
  var takenConnections = 0
  /// Connections to the port for peers, those that have proved nothing included.
  var peerConnections: [ObjectIdentifier: ServerConnection] = [:]
  /// How many of these there have been.
  var peerConnectionsSoFar: UInt64 = 0
  /// The connection of each peer that proved to be one; a newer one takes the place of an older.
  var provedPeers: [NodeID: ServerConnection] = [:]
  /// Requests that changed the cluster: none is taken again.
  var takenProofs = TakenProofs()
  /// Bytes of peer messages in the mailbox.
  var peerMailBytes = 0
  /// Whole request bodies that the machine has not taken yet, and messages of WebSockets that are not complete.
  let bodySpace: SpaceAccount
  /// By how much sends on streams went beyond their credits (`StreamLimits.accountBytes`).
  let streamOverrun: SpaceAccount
  /// Complete answers that their clients have not taken yet (`UntakenAnswers`).
  let answerSpace: SpaceAccount
  /// When it was last told that somebody could not prove to be a peer.
  var peerRefusalToldAt: Instant?
  /// When it was last told that a destination was not trusted.
  var untrustedToldAt: Instant?
  /// When it was last told that no connection could be accepted.
  var acceptFailureToldAt: Instant?
  var sweeper: RepeatedTask?
  var drained: EventLoopPromise<Void>?
  /// When the graceful stop began.
  var stoppingSince: Instant?
  /// Works on the compute threads, those of earlier lives included.
  var worksRunning = 0
  private(set) lazy var caller = CallerPools(node: self)
  private(set) lazy var peers = PeerLinks(node: self)
  let dateField = DateField()

  init(_ specification: LiveNodeSpecification, shared: HostShared, loop: any EventLoop) {
    self.specification = specification
    self.shared = shared
    self.loop = loop
    ticks = shared.ticks.ticks(of: loop)
    var log = shared.log
    log[metadataKey: LogLines.nodeKey] = "\(specification.name)"
    self.log = log
    logsAnswers = log.logLevel <= .debug
    bodySpace = SpaceAccount(quotaBytes: shared.limits.requestBodyBytes)
    streamOverrun = SpaceAccount(quotaBytes: shared.limits.streams.overrunBytes)
    answerSpace = SpaceAccount(quotaBytes: shared.limits.streams.answerBytes)
    syncThread = specification.dataDirectory == nil ? nil : NIOThreadPool(numberOfThreads: 1)
    syncThread?.start()
  }

  /// Whether no new work is taken any more.
  var isStopping: Bool { phase == .draining || phase == .stopped }

  // MARK: - The mailbox

  /// Whether further requests must be refused.
  var isMailboxFull: Bool { mailbox.count >= limits.mailboxEvents }

  /// Tells `stream` once the mailbox is half empty, those first that have waited longest.
  func tellOfRoom(_ stream: any RoomWaiting) {
    if waitersForRoom.insert(ObjectIdentifier(stream)).inserted { waitingForRoom.append(stream) }
  }

  private func tellThatThereIsRoom() {
    guard !waitingForRoom.isEmpty, mailbox.count <= limits.mailboxEvents / 2 else { return }
    for stream in forgetWaitersForRoom() { stream.mailboxHasRoom() }
  }

  /// Those that wait, which do not any more.
  @discardableResult
  func forgetWaitersForRoom() -> [any RoomWaiting] {
    defer {
      waitingForRoom = []
      waitersForRoom = []
    }
    return waitingForRoom
  }

  /// Queues an event for the machine.
  func post(_ event: Event) {
    guard life != nil else { return }
    mailbox.append(Mail(event: event, arrived: shared.clock.now))
    scheduleTurns()
  }

  /// Has a batch of turns taken: after all that is ready in this tick has been read, so that one sync serves it whole; or
  /// in the next, where this tick has had its batch.
  func scheduleTurns() {
    guard !areTurnsScheduled else { return }
    areTurnsScheduled = true
    if lastBatch == ticks.number { runTurnsBehindNetwork(after: .microseconds(20)) } else { loop.execute { self.runTurns() } }
  }

  /// The loop must have something to wake for, or it would wait for the network alone. What has become due before it looks
  /// there, as behind a long batch of another node's, is put off further.
  private func runTurnsBehindNetwork(after pause: TimeAmount) {
    loop.scheduleTask(in: pause) {
      if self.lastBatch == self.ticks.number {
        self.runTurnsBehindNetwork(after: .nanoseconds(2 * pause.nanoseconds))
      } else {
        self.runTurns()
      }
    }
  }

  /// Whether turns must wait for the disk, so that memory stays bounded.
  private func isDiskBehind(_ life: NodeLife) -> Bool {
    life.held.count >= limits.heldEffects || (life.disk?.bufferedBytes ?? 0) >= limits.bufferedBytes
  }

  // MARK: - Turns

  private func runTurns() {
    lastBatch = ticks.number
    if let life { takeTurns(life) } else { dropMail() }
    areTurnsScheduled = false
    if !flushQueue.isEmpty || isReadyForTurns { scheduleTurns() }
  }

  private var isReadyForTurns: Bool { !mailbox.isEmpty && life.map { !isDiskBehind($0) } ?? true }

  private func dropMail() {
    mailbox.removeAll()
    peerMailBytes = 0
    flushAll()
  }

  /// One batch.
  private func takeTurns(_ life: NodeLife) {
    var budget = limits.turnsPerBatch
    var begun: Instant?
    while budget > 0, !isDiskBehind(life), let mail = mailbox.popFirst() {
      guard let event = admitted(mail.event, life) else { continue }
      budget -= 1
      setClocks(life, arrived: mail.arrived)
      let now = life.turn.now
      life.machine.handle(event, &life.turn)
      carryOutEffects(life)
      if life.disk?.failure != nil || life.restartReason != nil { break }
      if now - (begun ?? now) >= limits.batchTime { break }
      begun = begun ?? now
    }
    endBatch(life)
  }

  func setClocks(_ life: NodeLife, arrived: Instant?) {
    let now = shared.clock.now
    life.turn.now = now
    life.turn.wallClock = shared.clock.wallTime(at: now)
    life.turn.arrived = arrived ?? now
  }

  func endBatch(_ life: NodeLife) {
    if let failure = life.disk?.failure {
      crash("the disk failed in a turn: \(failure)")
      return
    }
    flushAll()
    if let reason = life.restartReason {
      crash("the machine asked to be started anew: \(reason)")
      return
    }
    startSyncIfDirty(life)
    setAlarm(life)
    tellThatThereIsRoom()
    if isReadyForTurns { scheduleTurns() }
  }

  // MARK: - Flushing

  /// Flushes `connection` at the end of the batch.
  func flushLater(_ connection: any Flushable) {
    if flushesAtOnce { return connection.flushNow() }
    if flushQueue.isEmpty && !areTurnsScheduled { scheduleTurns() }
    flushQueue.append(connection)
  }

  func flushAll() {
    guard !flushQueue.isEmpty else { return }
    let ready = flushQueue
    flushQueue.removeAll(keepingCapacity: true)
    for connection in ready { connection.flushNow() }
  }

  // MARK: - Group commit

  func startSyncIfDirty(_ life: NodeLife) {
    guard let disk = life.disk, let syncThread, disk.isDirty, !life.isSyncing else { return }
    life.isSyncing = true
    let batch = disk.handOver()
    let incarnation = life.incarnation
    syncThread.submit { state in
      let failure = state == .active ? batch.failureOfCarryingOut() : SystemError("sync thread stopped", 0)
      self.loop.execute { self.syncEnded(upTo: batch.upTo, failure, incarnation: incarnation) }
    }
  }

  private func syncEnded(upTo position: DiskPosition, _ failure: SystemError?, incarnation: UInt32) {
    guard let life, life.incarnation == incarnation else { return }
    invariant(life.isSyncing, "a sync of \(id) up to \(position.value) ended that had not begun")
    life.isSyncing = false
    if let failure {
      // What was written may or may not be there, and a second sync could claim success for pages that the first threw
      // away.
      crash("a sync failed: \(failure)")
      return
    }
    life.disk?.landed(position)
    let reached = life.durableWaits.filter { $0 <= position }
    if !reached.isEmpty {
      life.durableWaits.removeAll { $0 <= position }
      for wanted in reached { post(.durable(wanted)) }
    }
    while let item = life.held.next(durable: position) { carryOut(item.effect, needed: item.needed, wasHeld: true, life) }
    endBatch(life)
    drainIfDone()
  }

  // MARK: - Wakes

  func setAlarm(_ life: NodeLife) {
    guard let earliest = life.timers.earliest() else { return }
    if alarm != nil && alarmAt <= earliest { return }
    alarm?.cancel()
    alarmAt = earliest
    alarm = loop.scheduleTask(deadline: shared.clock.deadline(for: earliest)) { self.ring() }
  }

  private func ring() {
    alarm = nil
    alarmAt = .never
    guard let life else { return }
    let now = shared.clock.now
    while let due = life.timers.nextDue(at: now) {
      mailbox.append(Mail(event: .timer(due.id), arrived: due.at))
    }
    if mailbox.isEmpty { setAlarm(life) } else { scheduleTurns() }
  }
}
