// The one switch over what a machine can ask.

import NIOCore
import Vocabulary

extension LiveNode {
  /// Lets the effects of the turn that has just ended leave, or holds them for the disk.
  func carryOutEffects(_ life: NodeLife) {
    if life.turn.effects.isEmpty { return }
    let position = life.position
    let durable = life.durablePosition
    while let pending = life.turn.effects.next() {
      let needed: DiskPosition =
        switch pending.release {
        case .whenDurable: position
        case .after(let wanted): min(wanted, position)  // A position of the future would never come.
        case .immediately: .zero
        }
      if needed <= durable {
        carryOut(pending.effect, needed: needed, wasHeld: false, life)
      } else {
        announce(pending.effect, life)
        life.held.hold(pending.effect, needed: needed)
      }
    }
  }

  /// Makes known what may be withdrawn while it waits for the disk.
  private func announce(_ effect: Effect, _ life: NodeLife) {
    switch effect {
    case .call(let id, let callee, let request):
      life.exchanges[id] = CallExchange(id: id, callee: callee, request: request, node: self)
    case .open(let id, let callee, let request, let form):
      life.exchanges[id] = CallerStream(id: id, callee: callee, request: request, form: form, node: self)
    case .compute(let id, _): life.works[id] = WorkCancellation()
    case .wake(let id, _): life.heldWakes.insert(id)
    case .cancelCall, .reply, .message, .accept, .send, .grant, .finish, .abort, .cancelWake, .notifyWhenDurable, .cancelCompute, .locate,
      .restart, .observe:
      break
    }
  }

  /// Carries one effect out.
  func carryOut(_ effect: Effect, needed: DiskPosition, wasHeld: Bool, _ life: NodeLife) {
    switch effect {
    case .call(let id, let callee, let request):
      if !wasHeld { announce(effect, life) }
      guard let exchange = life.exchanges[id] as? CallExchange else { return }
      recordStart(id, callee, request, life)
      caller.submit(exchange)
    case .open(let id, let callee, let request, let form):
      if !wasHeld { announce(effect, life) }
      guard let exchange = life.exchanges[id] as? CallerStream else { return }
      exchange.isStream = true
      if specification.isRecorded {
        let (endpoint, destination) = Self.recorded(callee)
        life.streamRecords[id] = StreamRecord(
          caller: self.id, endpoint: endpoint, destination: destination, id: id, request: request, form: form, openedAt: shared.clock.now)
      }
      exchange.start()
    case .cancelCall(let id): breakOff(id, .connectionLost, life)
    case .abort(let id, let closure): breakOff(id, closure, life)
    case .reply(let id, let response): reply(id, response, needed: needed, life)
    case .accept(let id, let head): accept(id, head, life)
    case .message(let node, let bytes):
      guard bytes.count <= limits.peerMessageBytes else {
        return defect("sent a message of \(bytes.count) bytes to a peer, which takes \(limits.peerMessageBytes) at most")
      }
      peers.send(bytes, to: node)
    case .send(let ids, let bytes, let isText): send(ids, bytes, isText: isText, life)
    case .grant(let id, let bytes): if bytes > 0 { life.exchanges[id]?.grant(bytes) }
    case .finish(let id, let closure): finish(id, closure, life)
    case .wake(let id, let instant):
      if wasHeld && life.heldWakes.remove(id) == nil { return }
      life.timers.arm(id, at: instant)
    case .cancelWake(let id):
      life.heldWakes.remove(id)
      life.timers.cancel(id)
    case .notifyWhenDurable(let position):
      let reachable = min(position, life.position)
      if reachable <= life.durablePosition { post(.durable(position)) } else { life.durableWaits.append(reachable) }
    case .compute(let id, let work):
      if !wasHeld { announce(effect, life) }
      startWork(id, work, life)
    case .cancelCompute(let id):
      life.works[id]?.cancel()
      if shared.computePool.withdraw(id, of: self.id, life.incarnation) {
        workEnded(id, .failed(.cancelled), [], life.incarnation)
      }
    case .locate(let endpoint, let text):
      if let addresses = NodeAddresses(text) {
        shared.setDestination(shared.sibling(at: NetworkAddress(addresses.clients)), of: endpoint)
        shared.setPeerAddress(NetworkAddress(addresses.peers), of: NodeID(endpoint.index))
      } else {
        log.warning("\"\(text)\" is no address of \(endpoint)")
      }
    // The turn's other effects leave first: the batch ends with it.
    case .restart(let reason): if life.restartReason == nil { life.restartReason = reason }
    case .observe(let observation):
      shared.record(ObservationRecord(node: self.id, incarnation: life.incarnation, at: shared.clock.now, observation: observation))
    }
  }

  func defect(_ what: String) {
    log.error("defect: \(what)")
    shared.record(DefectRecord(node: id, at: shared.clock.now, what: what))
  }

  // MARK: - Answers

  private func reply(_ id: ExchangeID, _ response: Response, needed: DiskPosition, _ life: NodeLife) {
    guard let exchange = life.exchanges[id] else {
      // The peer may have left while this waited for the disk.
      if !life.abandoned.remove(id) && life.abandoned.isComplete { defect("answered an exchange twice, or one that never was") }
      return
    }
    guard let server = exchange as? ServerExchange, !server.isAccepted else {
      defect("answered an exchange that it had accepted as a stream, or one of its own")
      breakOffLoudly(exchange, .internalError, life)
      return
    }
    life.exchanges[id] = nil
    life.disk?.witness?.released(id, needed: needed)
    if !(200...599).contains(response.status) {
      defect("answered with status \(response.status)")
      server.reply(HTTPRefusal.invalidAnswer.response)
      return
    }
    server.reply(response)
  }

  private func accept(_ id: ExchangeID, _ head: ResponseHead, _ life: NodeLife) {
    guard let exchange = life.exchanges[id] else {
      if !life.abandoned.remove(id) && life.abandoned.isComplete {
        defect("accepted an exchange that it had answered, or one that never was")
      }
      return
    }
    guard let server = exchange as? ServerExchange, !server.isAccepted else {
      defect("accepted an exchange twice, or one of its own")
      breakOffLoudly(exchange, .internalError, life)
      return
    }
    // The body of a whole request came before: the peer's direction is complete.
    if !exchange.isStream { exchange.isFinishedThere = true }
    exchange.isStream = true
    exchange.accept(head)
  }

  // MARK: - Streams

  private func send(_ ids: [ExchangeID], _ bytes: [UInt8], isText: Bool, _ life: NodeLife) {
    // One buffer, shared by reference by all the connections that it goes to.
    let message = OutgoingMessage(bytes, isText: isText)
    // The head and the payload of a long one are two writes, which are to leave together.
    flushesAtOnce = ids.count >= 64 && message.isJoined
    defer { flushesAtOnce = false }
    for id in ids {
      guard let exchange = life.exchanges[id], !exchange.isOver else { continue }
      guard exchange.isSendable, !exchange.isFinishedHere, exchange.sendCredit > 0 else {
        if !exchange.isSendable {
          defect("sent on an exchange that it had not accepted")
        } else if exchange.isFinishedHere {
          defect("sent on a stream that it had finished")
        } else {
          defect("sent \(bytes.count) bytes on a stream with a credit of \(exchange.sendCredit)")
        }
        breakOffLoudly(exchange, .internalError, life)
        continue
      }
      guard exchange.takeOutstanding(bytes.count, streamOverrun) else {
        breakOffLoudly(exchange, .tryAgainLater, life)
        continue
      }
      exchange.sendCredit -= bytes.count
      recordMessage(id, bytes, isText: isText, isFromCaller: true, life)
      exchange.send(message)
    }
  }

  private func finish(_ id: ExchangeID, _ closure: StreamClosure, _ life: NodeLife) {
    // Of one that is over, the machine has not heard yet.
    guard let exchange = life.exchanges[id], !exchange.isOver else { return }
    guard !exchange.isFinishedHere else { return defect("finished a stream twice") }
    exchange.isFinishedHere = true
    exchange.finish(closure)
    if exchange.isFinishedThere { forget(id, life) }
  }

  /// The machine gives an exchange up: nothing more is heard of it.
  func breakOff(_ id: ExchangeID, _ closure: StreamClosure, _ life: NodeLife) {
    guard let exchange = life.exchanges.removeValue(forKey: id) else { return }
    recordEnd(id, .cancelled, life)
    recordStreamEnd(id, .cancelled(closure), life)
    exchange.abort(closure)
  }

  /// The host breaks a stream off, and its machine hears of it.
  private func breakOffLoudly(_ exchange: LiveExchange, _ closure: StreamClosure, _ life: NodeLife) {
    recordEnd(exchange.id, .cancelled, life)
    recordStreamEnd(exchange.id, .aborted(closure), life)
    exchange.isStream = true
    exchange.isOver = true
    exchange.abort(closure)
    post(.stream(exchange.id, .aborted(closure)))
  }

  func forget(_ id: ExchangeID, _ life: NodeLife) { life.exchanges[id] = nil }

  // MARK: - Work

  private func startWork(_ id: WorkID, _ work: any Work, _ life: NodeLife) {
    guard let cancellation = life.works[id] else { return }
    if cancellation.isCancelled {
      life.works[id] = nil
      post(.completed(id, .failed(.cancelled)))
      return
    }
    let incarnation = life.incarnation
    let place = life.disk.map {
      WorkPlace(directory: $0.directory, space: $0.space, witness: $0.witness, number: id.value)
    }
    worksRunning += 1
    shared.computePool.submit(id, of: self.id, incarnation) { isActive in
      let files = WorkDirectory(place, cancellation)
      let outcome = isActive && !cancellation.isCancelled ? LiveNode.outcome(of: work, files) : .failed(.cancelled)
      let created = files.created
      self.loop.execute { self.workEnded(id, outcome, created, incarnation) }
    }
  }

  private static func outcome(of work: any Work, _ files: any WorkFiles) -> WorkOutcome {
    do throws(WorkFailure) {
      return .finished(try work.run(files))
    } catch {
      return .failed(error)
    }
  }

  private func workEnded(_ id: WorkID, _ outcome: WorkOutcome, _ created: [CreatedFile], _ incarnation: UInt32) {
    worksRunning -= 1
    invariant(worksRunning >= 0, "\(worksRunning) works of \(self.id) run")
    guard let life, life.incarnation == incarnation else { return }
    life.works[id] = nil
    for file in created { life.disk?.adopt(file.name, size: file.sizeBytes) }
    post(.completed(id, outcome))
  }

  // MARK: - Records

  /// Whom a record names: this host does not know whose node a destination leads to.
  private static func recorded(_ callee: Callee) -> (Endpoint, Destination?) {
    switch callee {
    case .endpoint(let endpoint): (endpoint, nil)
    case .destination(let destination): (.elsewhere, destination)
    }
  }

  private func recordStart(_ id: ExchangeID, _ callee: Callee, _ request: Request, _ life: NodeLife) {
    guard specification.isRecorded else { return }
    let (endpoint, destination) = Self.recorded(callee)
    life.records[id] = ExchangeRecord(
      caller: self.id, endpoint: endpoint, destination: destination, id: id, request: request, startedAt: shared.clock.now)
  }

  func recordEnd(_ id: ExchangeID, _ outcome: ExchangeOutcome, _ life: NodeLife) {
    guard specification.isRecorded, var record = life.records.removeValue(forKey: id) else { return }
    record.endedAt = shared.clock.now
    record.outcome = outcome
    shared.record(record)
  }

  /// Writes a message into the record of a stream that this node opened.
  func recordMessage(_ id: ExchangeID, _ bytes: [UInt8], isText: Bool, isFromCaller: Bool, _ life: NodeLife) {
    guard specification.isRecorded else { return }
    life.streamRecords[id]?.note(StreamMessage(at: shared.clock.now, isFromCaller: isFromCaller, isText: isText, bytes: bytes))
  }

  func recordStreamEnd(_ id: ExchangeID, _ outcome: StreamOutcome, _ life: NodeLife) {
    guard specification.isRecorded, var record = life.streamRecords.removeValue(forKey: id) else { return }
    record.endedAt = shared.clock.now
    record.outcome = outcome
    shared.record(record)
  }
}
