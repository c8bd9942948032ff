// Streams in the simulated world: streamed bodies, streamed answers, WebSockets, with credit in both directions.
//
// A stream's frames keep their order and are never repeated; a broken connection aborts both ends. Where one side
// speaks whole messages and the other streams, the host collects or splits, as HTTP does. A direction that has no body
// (the answer to HEAD, 204, a request by GET) is complete from its beginning, and what is sent there goes nowhere, as
// what is sent to a peer that wants none. What a machine does against the rules of `StreamEvent` is recorded as a defect
// and aborts that stream alone. Stricter than a real host in this: a
// sender is told credit once the peer's machine has granted what was sent, where a real one tells it once the network
// has taken that. Parts: SimulatedHost+StreamArrivals.

import Kernel
import Vocabulary

/// What is due at one end of a stream.
enum StreamAlarm {
  /// What arrived may be handed on.
  case handOn
  /// Whether the peer is still there.
  case silence
  /// The peer has not answered a close.
  case close
  /// The machine has accepted a WebSocket: what came before that is taken up.
  case accepted
  /// So many bytes that go nowhere are as good as taken.
  case drained(Int)
  /// Whether the peer takes what goes beyond a window.
  case overrun
}

extension SimulatedHost {
  // MARK: caller role

  func openStream(
    _ node: SimulatedNode, _ id: ExchangeID, _ endpoint: Endpoint, _ request: Request, _ form: StreamForm, _ departure: Int64
  ) {
    guard node.outbound[id] == nil else { return defect(node, "opened a stream twice with one id") }
    var record: StreamRecord?
    let server = resolve(endpoint)
    if recorder != nil && (node.plan.isRecorded || server.map { state($0).plan.isRecorded } ?? false) {
      record = StreamRecord(
        caller: node.id, endpoint: endpoint, id: id, request: request, form: form, openedAt: Instant(nanoseconds: departure))
    }
    guard let server else {
      if var record {
        record.outcome = .failed(.unresolvable)
        record.endedAt = Instant(nanoseconds: departure)
        recorder?.record(record)
      }
      return schedule(.hostEvent(node.id, incarnation: node.incarnation, .failed(id, .unresolvable)), at: departure, node)
    }
    openStream(node, id, endpoint, server, request, form, record, departure)
  }

  /// Opens a stream to `server`, of which `record` is kept.
  func openStream(
    _ node: SimulatedNode, _ id: ExchangeID, _ endpoint: Endpoint, _ server: NodeID, _ request: Request, _ form: StreamForm,
    _ record: StreamRecord?, _ departure: Int64
  ) {
    node.outbound[id] = OutboundExchange(
      server: server, endpoint: endpoint, manner: .stream, streamRecord: record)
    var end = StreamEnd(peer: server, callerID: id, isCaller: true, sendCredit: initialStreamCreditBytes)
    end.isWebSocket = form == .webSocket
    end.limitBytes = streamLimits.messageBytes
    end.hasSentFinish = form == .whole
    end.isAccepted = true
    end.isUnheard = form == .streamed && [.get, .head, .delete].contains(request.head.method)
    node.streams[id] = end
    let left = request.deadline.remaining(at: node.clock.instant(at: departure))
    let deadline = Deadline(Instant(nanoseconds: left.nanoseconds))
    switch form {
    case .whole:
      var crossing = request
      crossing.deadline = deadline
      transmitRequest(node, id, crossing, to: server, departure)
      // What this side says of its stream later does not arrive before that.
      node.streams[id]?.lastArrival = node.outbound[id]?.requestArrival ?? 0
    case .streamed, .webSocket:
      transmitFrame(
        node, id, .open(request.head, webSocket: form == .webSocket, deadline: deadline), bytes: Self.headBytes, departure)
      if end.isUnheard { transmitFrame(node, id, .finish(.normal), bytes: 16, departure) }
    }
  }

  /// Sends a frame of a stream in its order.
  func transmitFrame(_ node: SimulatedNode, _ id: ExchangeID, _ frame: StreamFrame, bytes: Int, _ departure: Int64) {
    guard var end = node.streams[id], !end.isBroken else { return }
    let delivery = Delivery(
      from: node.id, to: end.peer, incarnation: node.incarnation, departure: departure, envelope: .stream(end.callerID, frame))
    let passage = network.segment(from: node.id, to: end.peer, bytes: bytes, departure: departure)
    if case .arrives(let time, let left) = passage {
      // One nanosecond apart, since ties in time are broken at random.
      end.lastArrival = max(time, end.lastArrival + 1)
      node.streams[id] = end
      place(delivery, .arrives(end.lastArrival, left: left))
    } else {
      if case .breaks = passage { node.streams[id]?.isBroken = true }
      place(delivery, passage, notBefore: end.lastArrival + 1)
    }
  }

  // MARK: effects of either role

  func acceptStream(_ node: SimulatedNode, _ id: ExchangeID, _ head: ResponseHead, _ departure: Int64) {
    let wrongKind = "accepted an exchange twice, or one of its own"
    guard var exchange = node.inbound[id] else {
      return judgeLate(node, id, "accepted an exchange that it had answered, or one that never was", ofItsOwn: wrongKind, departure)
    }
    guard !exchange.isAnswered else { return breakRule(node, id, wrongKind, departure) }
    exchange.isAnswered = true
    if !exchange.isStream {
      // A request that was taken whole is answered in parts.
      exchange.isStream = true
      var end = StreamEnd(peer: exchange.caller, callerID: exchange.callerID, isCaller: false)
      end.hasReceivedFinish = true
      node.streams[id] = end
    }
    node.inbound[id] = exchange
    if node.streams[id]?.isWebSocket == true && head.status != 101 {
      // No WebSocket came of it: the answer is a body, and what its caller sent already reaches nobody.
      node.streams[id]?.isWebSocket = false
      node.streams[id]?.hasReceivedFinish = true
      node.streams[id]?.early = []
    }
    transmitFrame(node, id, .accept(head), bytes: Self.headBytes, departure)
    if exchange.isHeadOnly || (!head.mayHaveBody && head.status >= 200) {
      node.streams[id]?.isUnheard = true
      transmitFrame(node, id, .finish(.normal), bytes: 16, departure)
    }
    node.streams[id]?.sendCredit = initialStreamCreditBytes
    node.streams[id]?.isAccepted = true
    if node.streams[id]?.isWebSocket == true {
      watchSilence(node, id, from: departure)
      if node.streams[id]?.early.isEmpty == false {
        schedule(.stream(node.id, incarnation: node.incarnation, id, .accepted), at: departure, node)
      }
    }
  }

  func send(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: [UInt8], isText: Bool, _ departure: Int64) {
    if postpones(node, id, .send([id], bytes, isText: isText)) { return }
    guard var end = node.streams[id] else {
      // A whole request that was not accepted, or a whole call of its own.
      if node.inbound[id] != nil || node.outbound[id] != nil {
        breakRule(node, id, "sent on an exchange that it had not accepted", departure)
      }
      return
    }
    guard end.isAccepted else { return breakRule(node, id, "sent on an exchange that it had not accepted", departure) }
    guard !end.hasSentFinish else { return breakRule(node, id, "sent on a stream that it had finished", departure) }
    guard end.sendCredit > 0 else {
      return breakRule(node, id, "sent \(bytes.count) bytes on a stream with a credit of \(end.sendCredit)", departure)
    }
    let outstanding = end.outstandingBytes + bytes.count
    let overrun = max(0, outstanding - initialStreamCreditBytes)
    guard node.overrunBytes - end.overrunBytes + overrun <= streamLimits.overrunBytes || overrun <= end.overrunBytes else {
      return endStream(node, id, .tryAgainLater, departure)
    }
    node.overrunBytes += overrun - end.overrunBytes
    end.overrunBytes = overrun
    end.outstandingBytes = outstanding
    end.sendCredit -= bytes.count
    if overrun > 0, !end.isOverrunWatched {
      end.isOverrunWatched = true
      end.takenAt = departure
      watchOverrun(node, id, from: departure)
    }
    node.streams[id] = end
    note(node, id, bytes, isText: isText, isFromCaller: true, at: departure)
    if end.isUnheard {
      schedule(.stream(node.id, incarnation: node.incarnation, id, .drained(bytes.count)), at: departure, node)
    } else {
      transmitFrame(node, id, .chunk(bytes, isText: isText), bytes: bytes.count + 16, departure)
    }
  }

  /// Writes a message into the record of a stream that this node opened.
  func note(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: [UInt8], isText: Bool, isFromCaller: Bool, at time: Int64) {
    guard node.outbound[id]?.streamRecord != nil else { return }
    node.outbound[id]?.streamRecord?.note(
      StreamMessage(at: Instant(nanoseconds: time), isFromCaller: isFromCaller, isText: isText, bytes: bytes))
  }

  func grant(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: Int, _ departure: Int64) {
    if postpones(node, id, .grant(id, bytes)) { return }
    guard var end = node.streams[id], bytes > 0 else { return }
    end.receiveCredit = end.receiveCredit.addingReportingOverflow(bytes).overflow ? .max : end.receiveCredit + bytes
    node.streams[id] = end
    if !end.undelivered.isEmpty { schedule(.stream(node.id, incarnation: node.incarnation, id, .handOn), at: departure, node) }
    transmitFrame(node, id, .credit(bytes), bytes: 16, departure)
  }

  func finishStream(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure, _ departure: Int64) {
    if postpones(node, id, .finish(id, closure)) { return }
    guard let end = node.streams[id] else { return }
    guard !end.hasSentFinish else { return defect(node, "finished a stream twice") }
    node.streams[id]?.hasSentFinish = true
    if end.isWebSocket {
      guard end.isAccepted, closure != .connectionLost else { return endStream(node, id, .connectionLost, departure) }
      transmitFrame(node, id, .finish(closure), bytes: 16, departure)
      schedule(
        .stream(node.id, incarnation: node.incarnation, id, .close), at: departure + streamLimits.closeTimeout.nanoseconds, node)
      return
    }
    if !end.isUnheard { transmitFrame(node, id, .finish(.normal), bytes: 16, departure) }
    if end.isCaller || end.hasReceivedFinish { return closeIfComplete(node, id, .normal) }
    // A complete answer ends an exchange of HTTP/1.1: the rest of its request is not read.
    closeInbound(node, id)
    schedule(.hostEvent(node.id, incarnation: node.incarnation, .stream(id, .aborted(.connectionLost))), at: departure, node)
  }

  /// The machine gives a stream, a request that it took whole or a call up: it hears nothing more of it. One that waits
  /// for the disk never leaves.
  func abortStream(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure, _ departure: Int64) {
    if dropsResolving(node, id, closure, departure) { return }
    if node.streams[id] != nil {
      tellPeerOfEnd(node, id, closure, departure)
      forgetStream(node, id, .cancelled(closure))
    } else if node.inbound[id] != nil {
      breakInbound(node, id, departure)
    } else {
      cancelCall(node, id, departure)
    }
    withdraw(node, id)
  }

  /// The host ends a stream, and tells both machines.
  func endStream(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure, _ departure: Int64) {
    guard node.streams[id] != nil else { return }
    tellPeerOfEnd(node, id, closure, departure)
    forgetStream(node, id, .aborted(closure))
    schedule(.hostEvent(node.id, incarnation: node.incarnation, .stream(id, .aborted(closure))), at: departure, node)
  }

  /// A WebSocket's peer is told why; of a body it finds the connection broken.
  private func tellPeerOfEnd(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure, _ departure: Int64) {
    guard let end = node.streams[id] else { return }
    let isTold = end.isWebSocket && end.isAccepted && closure != .connectionLost
    transmitFrame(node, id, isTold ? .finish(closure) : .abort, bytes: 16, departure)
  }

  /// An end of a stream is gone.
  func forgetStream(_ node: SimulatedNode, _ id: ExchangeID, _ outcome: StreamOutcome) {
    guard let end = dropStream(node, id) else { return }
    if end.isCaller { return endOutbound(node, id, .cancelled, outcome) }
    closeInbound(node, id)
    // Unless the machine ended it itself, what it says now crosses what it is about to hear.
    switch outcome {
    case .aborted, .failed, .pending: node.abandoned.insert(id)
    case .finished: if !end.isAccepted { node.abandoned.insert(id) }
    case .cancelled: break
    }
  }

  /// Takes an end of a stream away, and what it took of the node's memory.
  @discardableResult func dropStream(_ node: SimulatedNode, _ id: ExchangeID) -> StreamEnd? {
    guard let end = node.streams.removeValue(forKey: id) else { return nil }
    node.overrunBytes -= end.overrunBytes
    invariant(
      node.overrunBytes >= 0 && end.outstandingBytes >= 0,
      "\(name(of: node.id)) has \(node.overrunBytes) bytes beyond its credits, and a stream had \(end.outstandingBytes) to be drained")
    return end
  }

  /// The machine hears nothing more of what it gave up, also of what waits for its turn.
  func withdraw(_ node: SimulatedNode, _ id: ExchangeID) {
    guard !node.mailbox.isEmpty else { return }
    node.mailbox.removeAll { waiting in
      switch waiting.event {
      case .stream(id, _), .failed(id, _), .response(id, _), .abandoned(id): true
      case .request, .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: false
      }
    }
  }

  /// A body's stream is over when both directions are; for its caller, when the answer is.
  func closeIfComplete(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure) {
    guard let end = node.streams[id], end.hasReceivedFinish, end.hasSentFinish || end.isCaller, end.undelivered.isEmpty else { return }
    forgetStream(node, id, .finished(closure))
  }

  /// The machine is about to hear of a stream. Once it hears that its peer closed a WebSocket, the host answers, behind
  /// what the machine had sent before.
  func willHear(_ node: SimulatedNode, _ id: ExchangeID, _ event: StreamEvent) {
    guard case .finished(let closure) = event, let end = node.streams[id], end.isWebSocket else { return }
    if !end.hasSentFinish { transmitFrame(node, id, .finish(closure), bytes: 16, now) }
    forgetStream(node, id, .finished(closure))
  }

  // MARK: what is due

  func take(_ alarm: StreamAlarm, _ node: SimulatedNode, _ id: ExchangeID) {
    guard node.streams[id] != nil else { return }
    switch alarm {
    case .handOn: handOn(node, id)
    case .close: endStream(node, id, .connectionLost, now)
    case .accepted: takeEarly(node, id)
    case .drained(let bytes): arriveCredit(node, id, bytes)
    case .silence: lookAtSilence(node, id)
    case .overrun: lookAtOverrun(node, id)
    }
  }

  private func watchOverrun(_ node: SimulatedNode, _ id: ExchangeID, from time: Int64) {
    schedule(
      .stream(node.id, incarnation: node.incarnation, id, .overrun), at: time + streamLimits.overrunTimeout.nanoseconds, node)
  }

  /// Gives a stream up whose peer takes nothing of what goes beyond a window.
  private func lookAtOverrun(_ node: SimulatedNode, _ id: ExchangeID) {
    guard let end = node.streams[id] else { return }
    guard end.overrunBytes > 0 else {
      node.streams[id]?.isOverrunWatched = false
      return
    }
    if now - end.takenAt >= streamLimits.overrunTimeout.nanoseconds { return endStream(node, id, .connectionLost, now) }
    watchOverrun(node, id, from: end.takenAt)
  }

  /// Begins to look whether the peer of a WebSocket is still there.
  func watchSilence(_ node: SimulatedNode, _ id: ExchangeID, from time: Int64) {
    node.streams[id]?.heardAt = time
    schedule(
      .stream(node.id, incarnation: node.incarnation, id, .silence), at: time + streamLimits.pingInterval.nanoseconds, node)
  }

  /// Pings a silent peer, and gives up one that stays silent.
  private func lookAtSilence(_ node: SimulatedNode, _ id: ExchangeID) {
    guard var end = node.streams[id] else { return }
    let interval = streamLimits.pingInterval.nanoseconds
    // Whoever may not send cannot be blamed for silence.
    if end.receiveCredit <= 0 {
      end.heardAt = now
      node.streams[id] = end
    }
    if now - end.heardAt >= 3 * interval { return endStream(node, id, .connectionLost, now) }
    if now - end.heardAt >= interval { transmitFrame(node, id, .ping, bytes: 16, now) }
    schedule(.stream(node.id, incarnation: node.incarnation, id, .silence), at: now + interval, node)
  }
}
