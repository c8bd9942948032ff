// A node's lives: start, crash, restart; listening; the graceful stop.
//
// Fault model: a failed sync, a medium that fails or a machine that asks for it (`Effect.restart`) ends the life: held
// effects are discarded, exchanges are broken off, and a new life starts from what the directory holds, not sooner than
// `restartDelay` (doubled with each crash in a row, up to sixteen times). A start that the system failed (no descriptor
// left, an error of the medium) is tried again in the same rhythm, `startTries` times in all. After that, and at once
// where the machine refuses its disk (`StartRefusal`, with a defect record), the node is down for good: the host says
// so in a notice and as its `failure`.

import Glibc
import NIOCore
import NIOPosix
import Vocabulary

extension LiveNode {
  // MARK: - Start

  /// Begins a life. Throws where the disk cannot be opened or the machine refuses it.
  func begin() throws(LiveHostError) {
    var disk: FileDisk?
    if let path = specification.dataDirectory {
      do throws(SystemError) {
        disk = try FileDisk(
          path: path, quotaBytes: specification.diskQuotaBytes, mostOpenHandles: shared.descriptors.openFiles,
          witness: specification.witness)
      } catch {
        throw failure(error.code == EWOULDBLOCK ? .directoryInUse(path: path) : .directoryUnusable(path: path, error))
      }
    }
    let incarnation = disk?.incarnation ?? livesBegun
    livesBegun += 1
    let life = NodeLife(
      node: id, incarnation: incarnation, disk: disk, machine: specification.makeMachine(), planted: specification.planted,
      seed: shared.seed, now: shared.clock.now)
    setClocks(life, arrived: nil)
    do throws(StartRefusal) {
      try life.machine.start(&life.turn)
    } catch {
      if let path = specification.dataDirectory, let medium = disk?.failure ?? disk?.readFailure {
        // The machine never saw what it asked for: this says nothing about what the disk holds.
        throw failure(.directoryUnusable(path: path, medium))
      }
      defect("refused to start: \(error)")
      throw failure(.refused(error))
    }
    self.life = life
    if phase == .down { phase = .running }
    log.info("begins a life", metadata: ["life": "\(incarnation)"])
    carryOutEffects(life)
    endBatch(life)
  }

  private func failure(_ cause: LiveHostError.Cause) -> LiveHostError { LiveHostError(node: specification.name, cause: cause) }

  /// Listens at one of its doors, and returns where.
  func listen(_ door: ServerConnection.Door) -> EventLoopFuture<NetworkAddress?> {
    let address =
      switch door {
      case .clients: specification.listen
      case .peers: specification.peerListen
      }
    guard let wanted = address else { return loop.makeSucceededFuture(nil) }
    let bootstrap = ServerBootstrap(group: loop, childGroup: loop)
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptPause(node: self)) }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .asking(KeepAlive(limits))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Peers prove who they are by a key of their own, and listen where others do not.
          if door == .clients { try self.shared.security.serve(channel) }
          try channel.pipeline.syncOperations.addHandler(ServerConnection(node: self, door))
        }
      }
    return bootstrap.bind(host: wanted.host, port: wanted.port).map { channel in
      self.listeners.append(channel)
      self.startSweeping()
      let address = NetworkAddress(host: wanted.host, port: channel.localAddress?.port ?? wanted.port)
      self.log.info("listens", metadata: ["address": "\(address)", "for": "\(door)"])
      return address
    }.flatMapErrorThrowing { error in throw self.failure(LiveHostError.cause(error, at: wanted)) }
  }

  func startSweeping() {
    guard sweeper == nil else { return }
    let interval = TimeAmount.nanoseconds((isStopping ? limits.stoppingSweepInterval : limits.sweepInterval).nanoseconds)
    sweeper = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.sweep() }
  }

  /// Looks at all time-outs.
  private func sweep() {
    let now = shared.clock.now
    for connection in allConnections { connection.sweep(now) }
    caller.sweep(now)
  }

  // MARK: - Crash

  /// Ends the life without ceremony and schedules the next one.
  func crash(_ reason: String, restart: Bool = true) {
    guard life != nil else { return }
    endLife()
    log.warning("\(restart ? "\(reason); it restarts from its disk" : reason)")
    guard restart, phase == .running else { return }
    restartsInARow += 1
    restartLater(restartDelay(inARow: restartsInARow))
  }

  /// How long to wait before the `count`-th start in a row.
  private func restartDelay(inARow count: Int) -> TimeAmount {
    .nanoseconds(limits.restartDelay.nanoseconds << Int64(min(max(0, count - 1), 4)))
  }

  /// Restarts once the directory is free: when the works of the old life (which were cancelled) and its last sync have
  /// ended.
  private func restartLater(_ delay: TimeAmount) {
    loop.scheduleTask(in: delay) {
      if self.worksRunning > 0 { return self.restartLater(delay) }
      guard let syncThread = self.syncThread else { return self.restart() }
      // The sync thread takes its works in order: this one waits behind a sync that is under way.
      syncThread.submit { _ in self.loop.execute { self.restart() } }
    }
  }

  private func restart() {
    guard phase == .running, life == nil else { return }
    do throws(LiveHostError) {
      try begin()
      failedStartsInARow = 0
      let settled = TimeAmount.nanoseconds(limits.restartDelay.nanoseconds * 64)
      let count = restartsInARow
      loop.scheduleTask(in: settled) { if self.restartsInARow == count { self.restartsInARow = 0 } }
    } catch {
      failedStartsInARow += 1
      guard error.mayPass, failedStartsInARow < limits.startTries else {
        phase = .down
        log.critical("\(error); it stays down")
        shared.fail(error)
        return
      }
      let delay = restartDelay(inARow: failedStartsInARow)
      let milliseconds = delay.nanoseconds / 1_000_000
      log.error("\(error); try \(failedStartsInARow) of \(limits.startTries), the next in \(milliseconds) ms")
      restartLater(delay)
    }
  }

  /// Drops the machine and all that waits for it; peers see closed connections.
  func endLife() {
    guard let ended = life else { return }
    ended.lease.revoke()
    life = nil
    mailbox.removeAll()
    peerMailBytes = 0
    alarm?.cancel()
    alarm = nil
    alarmAt = .never
    for cancellation in ended.works.values { cancellation.cancel() }
    for id in ended.records.keys.sorted() { if let record = ended.records[id] { shared.record(record) } }
    for id in ended.streamRecords.keys.sorted() { if let record = ended.streamRecords[id] { shared.record(record) } }
    for id in ended.exchanges.keys.sorted() { ended.exchanges[id]?.abort(.connectionLost) }
    for connection in allConnections { connection.closeNow() }
    caller.closeAll()
    peers.closeAll()
    forgetWaitersForRoom()
  }

  // MARK: - Graceful stop

  /// Takes no new work, answers what has come, syncs, and closes. Succeeds when all that is done or `grace` is over:
  /// only a request that the machine has keeps it from being done (`LiveLimits.stoppingTimeout`).
  func stop(grace: TimeSpan) -> EventLoopFuture<Void> {
    guard phase != .stopped, drained == nil else { return loop.makeSucceededFuture(()) }
    let done = loop.makePromise(of: Void.self)
    drained = done
    let wasRunning = phase == .running
    phase = .draining
    log.info("stops", metadata: ["connections": "\(connections.count)"])
    stoppingSince = shared.clock.now
    sweeper?.cancel()
    sweeper = nil
    startSweeping()
    let closed = EventLoopFuture.andAllComplete(listeners.map { $0.close(mode: .all) }, on: loop)
    closed.whenComplete { _ in
      for connection in self.allConnections { connection.drain() }
      self.tellStopping()
      self.drainIfDone()
    }
    loop.scheduleTask(in: .nanoseconds(wasRunning ? grace.nanoseconds : 0)) { self.finishStop() }
    return done.futureResult
  }

  /// Lets the machine answer what it keeps; the connections know already that these are their last answers.
  private func tellStopping() {
    guard let life else { return }
    setClocks(life, arrived: nil)
    life.machine.stopping(&life.turn)
    carryOutEffects(life)
    endBatch(life)
  }

  /// Ends the stop where nothing is left to do.
  func drainIfDone() {
    guard phase == .draining, drained != nil else { return }
    let isIdle =
      connections.isEmpty && peerConnections.isEmpty && (life.map { $0.held.isEmpty && !$0.isSyncing && $0.disk?.isDirty != true } ?? true)
    if isIdle { finishStop() }
  }

  private func finishStop() {
    guard phase == .draining, let done = drained else { return }
    phase = .stopped
    drained = nil
    sweeper?.cancel()
    log.info("has stopped")
    // Also behind a sync that is under way: a slow medium loses nothing of a stop, it only takes longer.
    var last: [SyncBatch] = []
    while let disk = life?.disk, disk.isDirty { last.append(disk.handOver()) }
    endLife()
    guard let syncThread else {
      done.succeed(())
      return
    }
    // The sync thread takes its works in order: this one runs after a sync that is under way.
    syncThread.submit { [last] _ in
      for batch in last {
        guard let failure = batch.failureOfCarryingOut() else { continue }
        self.log.error("the last sync failed: \(failure)")
        break
      }
      self.loop.execute { done.succeed(()) }
    }
  }
}
