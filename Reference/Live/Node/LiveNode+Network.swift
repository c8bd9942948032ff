// What the network tells a node, and what of it reaches the machine.
//
// An event waits in the mailbox, and an earlier turn may make it void: a reply makes `abandoned` void, a cancel makes
// `response` void. So each event is looked at again when its turn comes (`admitted`).

import NIOCore
import Vocabulary

extension LiveNode {
  /// The event as the machine is to see it now, or nil where it has become void.
  func admitted(_ event: Event, _ life: NodeLife) -> Event? {
    switch event {
    case .message(_, let bytes):
      peerMailBytes -= bytes.count
      return event
    case .durable, .completed: return event
    case .request(let id, _):
      (life.exchanges[id] as? ServerExchange)?.releaseBodySpace()
      return event
    case .timer(let id): return life.timers.spend(id) ? event : nil
    case .response(let id, _), .failed(let id, _): return life.exchanges.removeValue(forKey: id) == nil ? nil : event
    case .abandoned(let id):
      guard life.exchanges.removeValue(forKey: id) != nil else { return nil }
      life.abandoned.insert(id)
      return event
    case .stream(let id, let streamEvent): return admitted(streamEvent, of: id, life).map { .stream(id, $0) }
    }
  }

  private func admitted(_ event: StreamEvent, of id: ExchangeID, _ life: NodeLife) -> StreamEvent? {
    guard let exchange = life.exchanges[id] else { return nil }
    switch event {
    case .opened, .accepted, .received: return event
    case .credit:
      exchange.isCreditQueued = false
      guard exchange.sendCredit <= 0, !exchange.isFinishedHere else { return nil }
      let bytes = initialStreamCreditBytes - exchange.sendCredit
      exchange.sendCredit = initialStreamCreditBytes
      return .credit(bytes)
    case .finished:
      exchange.isFinishedThere = true
      exchange.answerClose()
      // A complete response ends an exchange of HTTP/1.1, whatever its request still had to say; and the close of a
      // WebSocket is answered.
      let isWebSocket = (exchange as? ServerExchange)?.webSocket != nil
      if exchange.isFinishedHere || exchange is CallerStream || isWebSocket { forget(id, life) }
      return event
    case .aborted:
      exchange.answerClose()
      forget(id, life)
      if exchange is ServerExchange { life.abandoned.insert(id) }
      return event
    }
  }

  // MARK: - Server role

  /// How the machine wants to take a request, or nil where there is no machine.
  func intake(_ head: RequestHead) -> Intake? {
    guard phase == .running, let life else { return nil }
    return life.machine.intake(head)
  }

  /// The server's side of a new exchange, known to the machine only once it is posted.
  func makeServerExchange(_ connection: ServerConnection) -> ServerExchange? {
    life.map { ServerExchange(id: $0.drawExchangeID(), connection: connection) }
  }

  /// There is no room for another body, of which more has just come: those that come slowly give theirs back.
  func giveWay(to other: ServerConnection?) {
    for connection in Array(connections.values) where connection !== other { connection.giveWayIfSlow() }
    flushAll()
  }

  /// There is no room for another answer: connections that take theirs slowly end.
  func giveWayToAnswers(of other: ServerConnection) {
    for connection in Array(connections.values) where connection !== other { connection.giveWayIfTakingSlowly() }
  }

  /// A whole request came. False where it must be refused.
  func take(_ exchange: ServerExchange, _ request: Request) -> Bool {
    guard let life, !isMailboxFull else { return false }
    life.exchanges[exchange.id] = exchange
    post(.request(exchange.id, request))
    return true
  }

  /// The head of a streamed request or of a WebSocket came. Throws where it must be refused.
  func takeStream(_ exchange: ServerExchange, _ head: RequestHead, webSocket: Bool, _ deadline: Deadline) throws(HTTPRefusal) {
    guard !limits.streams.isCrowded(overrun: streamOverrun.usedBytes) else { throw .crowdedStreams }
    guard let life, !isMailboxFull else { throw .overloaded }
    exchange.isStream = true
    life.exchanges[exchange.id] = exchange
    post(.stream(exchange.id, .opened(head, webSocket: webSocket, deadline: deadline)))
  }

  /// The peer of an exchange left, or a WebSocket ended for the reason that `closure` tells.
  func peerLeft(_ exchange: LiveExchange, _ closure: StreamClosure = .connectionLost) {
    guard let life, life.exchanges[exchange.id] === exchange, !exchange.isOver else { return }
    exchange.isOver = true
    if exchange.isStream { recordStreamEnd(exchange.id, .aborted(closure), life) }
    post(exchange.isStream ? .stream(exchange.id, .aborted(closure)) : .abandoned(exchange.id))
  }

  /// This host ends a WebSocket, once its machine has heard of it: what the machine sends before that still leaves.
  func socketFailed(_ exchange: LiveExchange, _ closure: StreamClosure) {
    guard isWanted(exchange), let life else { return }
    recordStreamEnd(exchange.id, .aborted(closure), life)
    post(.stream(exchange.id, .aborted(closure)))
  }

  /// A connection of a client came; false where there are as many as there may be.
  func takeConnection() -> Bool {
    guard takenConnections < limits.connections, shared.commonConnections.take(having: takenConnections) else { return false }
    takenConnections += 1
    return true
  }

  /// One that was taken ended.
  func giveBackConnection() {
    takenConnections -= 1
    invariant(takenConnections >= 0, "\(id) has \(takenConnections) connections")
    shared.commonConnections.giveBack(leaving: takenConnections)
  }

  // MARK: - Streams, both roles

  /// Whether the machine still wants to hear of the exchange.
  func isWanted(_ exchange: LiveExchange) -> Bool { life?.exchanges[exchange.id] === exchange && !exchange.isOver }

  func streamReceived(_ exchange: LiveExchange, _ bytes: [UInt8], isText: Bool) {
    guard isWanted(exchange), let life else { return }
    recordMessage(exchange.id, bytes, isText: isText, isFromCaller: false, life)
    post(.stream(exchange.id, .received(bytes, isText: isText)))
  }

  func streamAccepted(_ exchange: LiveExchange, _ head: ResponseHead) {
    guard isWanted(exchange), let life else { return }
    if specification.isRecorded {
      life.streamRecords[exchange.id]?.answer = head
      life.streamRecords[exchange.id]?.answeredAt = shared.clock.now
    }
    post(.stream(exchange.id, .accepted(head)))
  }

  func streamFinished(_ exchange: LiveExchange, _ closure: StreamClosure = .normal) {
    guard isWanted(exchange), let life else { return }
    recordStreamEnd(exchange.id, .finished(closure), life)
    post(.stream(exchange.id, .finished(closure)))
  }

  /// `bytes` that this node sent on a stream have been taken by the network. Only a stream that is blocked is told of
  /// it, and once all of it was taken: an event for each message would cost a turn for each.
  func streamDrained(_ exchange: LiveExchange, _ bytes: Int) {
    exchange.giveOutstanding(bytes)
    guard exchange.sendCredit <= 0, exchange.outstandingBytes == 0, !exchange.isCreditQueued, !exchange.isFinishedHere,
      isWanted(exchange)
    else { return }
    exchange.isCreditQueued = true
    post(.stream(exchange.id, .credit(0)))
  }

  // MARK: - Caller role

  /// A call of this node ended.
  func callEnded(_ exchange: CallExchange, _ result: Result<Response, TransportFailure>) {
    guard let life, life.exchanges[exchange.id] === exchange, !exchange.isOver else { return }
    exchange.isOver = true
    switch result {
    case .success(let response):
      recordEnd(exchange.id, .answered(response), life)
      post(.response(exchange.id, response))
    case .failure(let failure):
      recordEnd(exchange.id, .failed(failure), life)
      post(.failed(exchange.id, failure))
    }
  }

  /// A stream in caller role could not be opened (`Event.failed`) or broke (`StreamEvent.aborted`).
  func callerStreamFailed(_ exchange: CallerStream, _ failure: TransportFailure) {
    guard isWanted(exchange), let life else { return }
    exchange.isOver = true
    recordStreamEnd(exchange.id, failure == .connectionLost ? .aborted(.connectionLost) : .failed(failure), life)
    post(failure == .connectionLost ? .stream(exchange.id, .aborted(.connectionLost)) : .failed(exchange.id, failure))
  }

  /// A peer message came; surplus ones are dropped, as the network may.
  func messageArrived(from node: NodeID, _ bytes: [UInt8]) {
    guard life != nil, mailbox.count < 2 * limits.mailboxEvents, bytes.count <= limits.peerMailBytes - peerMailBytes else { return }
    peerMailBytes += bytes.count
    post(.message(from: node, bytes))
  }

  /// Somebody could not prove to be a peer: an operator hears of it, every ten seconds at most.
  func tellPeerRefusal(_ what: String) { tell(what, lastToldAt: &peerRefusalToldAt) }

  /// A connection could not be accepted: an operator hears of it, every ten seconds at most.
  func tellAcceptFailure(_ error: SystemError) {
    let pause = limits.acceptPause.milliseconds
    tell("no connection can be accepted (\(error.reason)); tried again every \(pause) ms", lastToldAt: &acceptFailureToldAt)
  }

  /// A destination did not prove by TLS what it must: an operator hears of it, every ten seconds at most.
  func tellUntrusted(_ what: String) { tell(what, lastToldAt: &untrustedToldAt) }

  private func tell(_ what: String, lastToldAt: inout Instant?) {
    let now = shared.clock.now
    if let told = lastToldAt, now - told < .seconds(10) { return }
    lastToldAt = now
    log.warning("\(what)")
  }
}
