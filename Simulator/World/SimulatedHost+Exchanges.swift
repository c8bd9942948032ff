// Whole exchanges in the simulated world: calls, replies, refusals, abandonment, and their records.
//
// An exchange runs over a connection: nothing of it is repeated by the network, and what one side sends keeps its order,
// but it may come late, or its connection may break. A call to a process that is down is refused by its host; a call that meets a cut waits or is lost
// (`Network`).

import Kernel
import Vocabulary

extension SimulatedHost {
  /// Bytes of the fixed parts of a request or response on the wire, for bandwidth.
  static var headBytes: Int { 200 }

  func beginCall(_ node: SimulatedNode, _ id: ExchangeID, _ endpoint: Endpoint, _ request: Request, _ departure: Int64) {
    guard let server = resolve(endpoint) else {
      schedule(.hostEvent(node.id, incarnation: node.incarnation, .failed(id, .unresolvable)), at: departure, node)
      return
    }
    guard node.outbound[id] == nil else { return defect(node, "called twice with one id") }
    var record: ExchangeRecord?
    if recorder != nil && (node.plan.isRecorded || state(server).plan.isRecorded) {
      record = ExchangeRecord(
        caller: node.id, endpoint: endpoint, id: id, request: request, startedAt: Instant(nanoseconds: departure))
    }
    let pool = node.pools.pool(of: endpoint)
    let admission = admit(node, id, to: pool, request)
    if case .refused = admission {
      self.record(record, .failed(.refused), nil, .pending)
      return schedule(.hostEvent(node.id, incarnation: node.incarnation, .failed(id, .refused)), at: departure, node)
    }
    node.outbound[id] = OutboundExchange(server: server, endpoint: endpoint, manner: .whole, pool: pool, record: record)
    if case .waits = admission { node.outbound[id]?.isWaiting = true } else { sendCall(node, id, request, to: server, departure) }
  }

  /// Sends a call for which there is a connection.
  func sendCall(_ node: SimulatedNode, _ id: ExchangeID, _ request: Request, to server: NodeID, _ departure: Int64) {
    // The deadline crosses as the time that is left.
    var crossing = request
    crossing.deadline = Deadline(Instant(nanoseconds: request.deadline.remaining(at: node.clock.instant(at: departure)).nanoseconds))
    transmitRequest(node, id, crossing, to: server, departure)
  }

  /// Puts a whole request on its way; what ends the exchange will not arrive before it.
  func transmitRequest(_ node: SimulatedNode, _ id: ExchangeID, _ request: Request, to server: NodeID, _ departure: Int64) {
    let bytes = Self.headBytes + request.head.target.utf8.count + request.body.count
    let arrival = transmit(from: node, to: server, .request(id, request), bytes: bytes, departure)
    node.outbound[id]?.requestArrival = arrival ?? 0
  }

  /// Tells the server of an exchange that its caller gave it up, behind all that was sent; of one of which nothing was
  /// sent it hears nothing.
  func abandon(_ node: SimulatedNode, _ id: ExchangeID, _ exchange: OutboundExchange, _ end: StreamEnd?, _ departure: Int64) {
    guard !exchange.isWaiting else { return }
    transmit(
      from: node, to: exchange.server, .abandonment(id), bytes: 64, departure,
      notBefore: max(exchange.requestArrival, end?.lastArrival ?? 0) + 1)
  }

  /// Puts a part of an exchange on its way. Returns when it arrives; nil where that is open.
  @discardableResult
  func transmit(
    from node: SimulatedNode, to: NodeID, _ envelope: Envelope, bytes: Int, _ departure: Int64, notBefore: Int64 = 0
  ) -> Int64? {
    let delivery = Delivery(from: node.id, to: to, incarnation: node.incarnation, departure: departure, envelope: envelope)
    return place(delivery, network.segment(from: node.id, to: to, bytes: bytes, departure: departure), notBefore: notBefore)
  }

  /// Carries out what the network makes of a part of an exchange. Returns when it arrives; nil where that is open.
  @discardableResult
  func place(_ delivery: Delivery, _ passage: Passage, notBefore: Int64 = 0) -> Int64? {
    var delivery = delivery
    if delivery.number == 0 {
      partsSent += 1
      delivery.number = partsSent
    }
    delivery.notBefore = notBefore
    switch passage {
    case .arrives(let time, let left):
      delivery.left = left
      schedule(.arrival(delivery), at: max(time, notBefore), state(delivery.from))
      return max(time, notBefore)
    case .arrivesTwice(let time, _):
      schedule(.arrival(delivery), at: max(time, notBefore), state(delivery.from))
      return max(time, notBefore)
    case .parked: parked.append(delivery)
    case .lost: break
    case .breaks(let time):
      // A broken connection is an end as well, and both sides hear of it.
      if delivery.tellsOfAnEnd {
        schedule(.arrival(delivery), at: max(now, time, notBefore), state(delivery.from))
      } else {
        breakConnection(of: delivery, at: time)
      }
    }
    return nil
  }

  /// The connection that carried `delivery` broke: the caller hears it; the server's answer will find nobody.
  private func breakConnection(of delivery: Delivery, at time: Int64) {
    let (caller, id): (NodeID, ExchangeID)
    switch delivery.envelope {
    case .request(let exchange, _), .abandonment(let exchange): (caller, id) = (delivery.from, exchange)
    case .response(let exchange, _), .failure(let exchange, _): (caller, id) = (delivery.to, exchange)
    case .stream(let exchange, _):
      let node = state(delivery.from)
      let isFromCaller = node.outbound[exchange]?.server == delivery.to
      (caller, id) = (isFromCaller ? delivery.from : delivery.to, exchange)
    case .message: return
    }
    let failure = Delivery(
      from: caller, to: caller, incarnation: state(caller).incarnation, departure: 0, envelope: .failure(id, .connectionLost))
    schedule(.arrival(failure), at: max(now, time), state(caller))
  }

  // MARK: arrivals

  func arrive(_ delivery: Delivery) {
    if !heldUp.isEmpty, comesBehind(delivery) { return }
    if delivery.from != delivery.to, network.cutsOff(from: delivery.from, to: delivery.to) {
      // It is lost on its way, and must be sent again: by a machine that may have lost power since.
      let isKept = !state(delivery.from).lostPower(from: delivery.departure, before: .max)
      if let waiting = isKept ? delivery : remains(of: delivery) { parked.append(waiting) }
      return
    }
    let node = state(delivery.to)
    switch delivery.envelope {
    case .request(let id, let request):
      guard node.isUp else { return refuseConnection(delivery, id) }
      arriveRequest(node, delivery.from, id, request)
    case .response(let id, let response): arriveResponse(node, id, response)
    case .failure(let id, let failure): arriveFailure(node, id, failure)
    case .abandonment(let id): arriveAbandonment(node, CallerKey(node: delivery.from, id: id))
    case .message(let bytes): offer(node, .message(from: delivery.from, bytes))
    case .stream(let id, let frame):
      guard node.isUp else {
        if case .open = frame { refuseConnection(delivery, id) } else { answerUnknown(node, delivery.from, id, frame) }
        return
      }
      arriveFrame(node, delivery.from, id, frame)
    }
  }

  /// The process is down: its machine's kernel refuses the connection.
  private func refuseConnection(_ delivery: Delivery, _ id: ExchangeID) {
    let back = Delivery(
      from: delivery.to, to: delivery.from, incarnation: state(delivery.to).incarnation, departure: 0,
      envelope: .failure(id, .refused))
    place(back, network.segment(from: delivery.to, to: delivery.from, bytes: 64, departure: now))
  }

  private func arriveRequest(_ node: SimulatedNode, _ caller: NodeID, _ callerID: ExchangeID, _ request: Request) {
    let id = ExchangeID(node.identities.draw())
    let key = CallerKey(node: caller, id: callerID)
    node.inbound[id] = InboundExchange(caller: caller, callerID: callerID, isHeadOnly: request.head.method == .head)
    node.inboundByCaller[key] = id
    if let refusal = request.head.refusal { return refuse(node, id, refusal) }
    var request = request
    if request.deadline != .never {
      request.deadline = Deadline(node.clock.instant(at: now) + TimeSpan(nanoseconds: request.deadline.instant.nanoseconds))
    }
    switch node.machine?.intake(request.head) {
    // The simulated world has no outsiders: all its callers may administer, as clients on a live node's own machine may
    // that has no key.
    case .whole(let limitBytes), .administration(let limitBytes):
      guard request.body.count <= limitBytes else {
        return refuse(node, id, .bodyTooLarge(limitBytes: limitBytes))
      }
      offer(node, .request(id, request))
    case .stream: streamWholeRequest(node, id, request)
    case .webSocket: refuse(node, id, .webSocketOnly)
    case nil: break
    }
  }

  /// The host's own answer to a request.
  func refuse(_ node: SimulatedNode, _ id: ExchangeID, _ refusal: HTTPRefusal, _ departure: Int64? = nil) {
    reply(node, id, refusal.response, departure ?? now)
  }

  func reply(_ node: SimulatedNode, _ id: ExchangeID, _ response: Response, _ departure: Int64) {
    let wrongKind = "answered an exchange that it had accepted as a stream, or one of its own"
    guard let exchange = node.inbound[id] else {
      return judgeLate(node, id, "answered an exchange twice, or one that never was", ofItsOwn: wrongKind, departure)
    }
    guard !exchange.isAnswered else { return breakRule(node, id, wrongKind, departure) }
    guard (200...599).contains(response.status) else {
      defect(node, "answered with status \(response.status)")
      return refuse(node, id, .invalidAnswer, departure)
    }
    closeInbound(node, id)
    var response = response
    // As the real host does: no body where none can be, and for HEAD the length of the one that GET would have.
    if exchange.isHeadOnly && response.head.mayHaveBody {
      response.head.headers.append("content-length", String(response.body.count))
    }
    if exchange.isHeadOnly || !response.head.mayHaveBody { response.body = [] }
    transmit(
      from: node, to: exchange.caller, .response(exchange.callerID, response), bytes: Self.headBytes + response.body.count, departure)
  }

  /// The machine answered or accepted what it does not serve (any more). Where its peer left, or the host ended it, the
  /// two crossed, and that is no defect.
  func judgeLate(_ node: SimulatedNode, _ id: ExchangeID, _ what: String, ofItsOwn: String, _ departure: Int64) {
    if node.outbound[id] != nil { return breakRule(node, id, ofItsOwn, departure) }
    if node.abandoned.remove(id) == nil { defect(node, what) }
  }

  /// The machine broke a rule of an exchange or a stream: it is broken off, and both sides hear of it.
  func breakRule(_ node: SimulatedNode, _ id: ExchangeID, _ what: String, _ departure: Int64) {
    defect(node, what)
    if node.streams[id] != nil { return endStream(node, id, .internalError, departure) }
    if let exchange = node.outbound[id] {
      endOutbound(node, id, .cancelled, departure: departure)
      abandon(node, id, exchange, nil, departure)
    } else {
      breakInbound(node, id, departure)
      node.abandoned.insert(id)
    }
    schedule(.hostEvent(node.id, incarnation: node.incarnation, .stream(id, .aborted(.internalError))), at: departure, node)
  }

  /// A request that was taken whole is broken off: its caller finds the connection lost.
  func breakInbound(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    guard let exchange = node.inbound[id] else { return }
    closeInbound(node, id)
    transmit(from: node, to: exchange.caller, .failure(exchange.callerID, .connectionLost), bytes: 64, departure)
  }

  func closeInbound(_ node: SimulatedNode, _ id: ExchangeID) {
    guard let exchange = node.inbound.removeValue(forKey: id) else { return }
    node.inboundByCaller[CallerKey(node: exchange.caller, id: exchange.callerID)] = nil
    dropStream(node, id)
  }

  private func arriveResponse(_ node: SimulatedNode, _ id: ExchangeID, _ response: Response) {
    guard let exchange = node.outbound[id] else { return }
    guard !response.head.isTooLong else { return failUnread(node, id, exchange) }
    switch exchange.manner {
    case .whole:
      guard response.body.count <= HostLimits.responseBytes else {
        endOutbound(node, id, .failed(.responseTooLarge))
        return offer(node, .failed(id, .responseTooLarge))
      }
      endOutbound(node, id, .answered(response))
      offer(node, .response(id, response))
    case .stream: streamWholeResponse(node, id, response)
    }
  }

  /// An answer's head is longer than any host reads: the caller closes the connection.
  func failUnread(_ node: SimulatedNode, _ id: ExchangeID, _ exchange: OutboundExchange) {
    let end = dropStream(node, id)
    endOutbound(node, id, .failed(.malformedResponse), .failed(.malformedResponse))
    abandon(node, id, exchange, end, now)
    offer(node, .failed(id, .malformedResponse))
  }

  private func arriveFailure(_ node: SimulatedNode, _ id: ExchangeID, _ failure: TransportFailure) {
    // Whoever closed a WebSocket may leave before its peer's machine has heard of that.
    guard node.isUp, let exchange = node.outbound[id], node.streams[id]?.isClosedThere != true else { return }
    dropStream(node, id)
    endOutbound(node, id, .failed(failure), failure == .connectionLost ? .aborted(.connectionLost) : .failed(failure))
    // The server's side of the connection is gone too.
    tellAbandoned(exchange.server, CallerKey(node: node.id, id: id))
    switch exchange.manner {
    case .whole: offer(node, .failed(id, failure))
    case .stream: offer(node, failure == .connectionLost ? .stream(id, .aborted(.connectionLost)) : .failed(id, failure))
    }
  }

  func cancelCall(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    if dropsResolving(node, id, .connectionLost, departure) { return }
    guard let exchange = node.outbound[id] else {
      // It may still wait for the disk: then it never leaves.
      node.held.removeAll { held in
        switch held.effect {
        case .call(let waiting, _, _): waiting == id
        case .open(let waiting, _, _, _): waiting == id
        case .cancelCall, .reply, .message, .accept, .send, .grant, .finish, .abort, .wake, .cancelWake, .notifyWhenDurable, .compute,
          .cancelCompute, .locate, .restart, .observe:
          false
        }
      }
      // Or its outcome waits for a turn: then nothing is heard of it.
      return withdraw(node, id)
    }
    let end = dropStream(node, id)
    if end != nil { withdraw(node, id) }
    endOutbound(node, id, .cancelled, departure: departure)
    abandon(node, id, exchange, end, departure)
  }

  private func arriveAbandonment(_ node: SimulatedNode, _ key: CallerKey) {
    guard let id = node.inboundByCaller[key], let exchange = node.inbound[id], node.streams[id]?.isClosedThere != true else { return }
    closeInbound(node, id)
    node.abandoned.insert(id)
    offer(node, exchange.isStream ? .stream(id, .aborted(.connectionLost)) : .abandoned(id))
  }

  /// The server hears that its caller is gone, one network latency from now unless a cut hides it.
  func tellAbandoned(_ server: NodeID, _ key: CallerKey) {
    guard state(server).inboundByCaller[key] != nil else { return }
    let delivery = Delivery(from: key.node, to: server, incarnation: .max, departure: 0, envelope: .abandonment(key.id))
    place(delivery, network.segment(from: key.node, to: server, bytes: 64, departure: now))
  }

  /// Forgets a call or a stream, and completes its record.
  func endOutbound(
    _ node: SimulatedNode, _ id: ExchangeID, _ outcome: ExchangeOutcome, _ ofStream: StreamOutcome = .cancelled(.connectionLost),
    departure: Int64 = 0
  ) {
    guard let exchange = node.outbound.removeValue(forKey: id) else { return }
    record(exchange.record, outcome, exchange.streamRecord, ofStream)
    if let pool = exchange.pool, !exchange.isWaiting { leave(node, pool, departure) }
  }

  /// Writes down the record of a call or of a stream that is over, whichever there is, and how it ended.
  func record(_ call: ExchangeRecord?, _ outcome: ExchangeOutcome, _ stream: StreamRecord?, _ ofStream: StreamOutcome) {
    if var call {
      call.outcome = outcome
      call.endedAt = Instant(nanoseconds: now)
      recorder?.record(call)
    }
    if var stream {
      stream.outcome = ofStream
      stream.endedAt = Instant(nanoseconds: now)
      recorder?.record(stream)
    }
  }

  /// Completes the records of calls and streams that are still open, as `pending`; for the end of a run.
  public func closeRecords() {
    for node in nodes {
      for id in node.outbound.keys.sorted() {
        if let record = node.outbound[id]?.record { recorder?.record(record) }
        if let record = node.outbound[id]?.streamRecord { recorder?.record(record) }
      }
      closeResolving(node)
    }
  }
}

extension ResponseHead {
  /// Whether a body can follow it, where it does not answer HEAD (RFC 9112, 6.3).
  var mayHaveBody: Bool { status >= 200 && status != 204 && status != 304 }
}
