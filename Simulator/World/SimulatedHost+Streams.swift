// Streams in the simulated world: streamed bodies, streamed answers, WebSockets, with credit in both directions.
//
// A stream's frames keep their order and are never repeated; a broken connection aborts both ends. Where one side
// speaks whole messages and the other streams, the host collects or splits, as HTTP does. Sending past the credit is a
// defect of the machine: it is recorded and the stream is aborted.

import Kernel
import Vocabulary

extension SimulatedHost {
  // MARK: caller role

  func openStream(
    _ node: SimulatedNode, _ id: ExchangeID, _ endpoint: Endpoint, _ head: RequestHead, webSocket: Bool, deadline: Deadline,
    _ departure: Int64
  ) {
    guard let server = resolve(endpoint) else {
      schedule(.hostEvent(node.id, incarnation: node.incarnation, .failed(id, .unresolvable)), at: departure, node)
      return
    }
    guard node.outbound[id] == nil else { return defect(node, "opened a stream twice with one id") }
    node.outbound[id] = OutboundExchange(server: server, endpoint: endpoint, manner: .stream, partial: nil, record: nil)
    node.streams[id] = StreamEnd(peer: server, callerID: id, isCaller: true, sendCredit: initialStreamCreditBytes)
    let left = deadline.remaining(at: node.clock.instant(at: departure))
    let frame = StreamFrame.open(head, webSocket: webSocket, deadline: Deadline(Instant(nanoseconds: left.nanoseconds)))
    transmitFrame(node, id, frame, bytes: Self.headBytes, departure)
  }

  /// Sends a frame of a stream in its order.
  private func transmitFrame(_ node: SimulatedNode, _ id: ExchangeID, _ frame: StreamFrame, bytes: Int, _ departure: Int64) {
    guard var end = node.streams[id] else { return }
    let delivery = Delivery(
      from: node.id, to: end.peer, incarnation: node.incarnation, departure: departure, envelope: .stream(end.callerID, frame))
    let passage = network.segment(from: node.id, to: end.peer, bytes: bytes, departure: departure)
    if case .arrives(let time, let left) = passage {
      // One nanosecond apart, since ties in time are broken at random.
      end.lastArrival = max(time, end.lastArrival + 1)
      node.streams[id] = end
      place(delivery, .arrives(end.lastArrival, left: left))
    } else {
      place(delivery, passage, notBefore: end.lastArrival + 1)
    }
  }

  // MARK: effects of either role

  func acceptStream(_ node: SimulatedNode, _ id: ExchangeID, _ head: ResponseHead, _ departure: Int64) {
    guard var exchange = node.inbound[id] else { return }
    guard !exchange.isAnswered else { return defect(node, "accepted one exchange twice") }
    exchange.isAnswered = true
    if !exchange.isStream {
      // A request that was taken whole is answered in parts.
      exchange.isStream = true
      var end = StreamEnd(peer: exchange.caller, callerID: exchange.callerID, isCaller: false)
      end.hasReceivedFinish = true
      node.streams[id] = end
    }
    node.inbound[id] = exchange
    transmitFrame(node, id, .accept(head), bytes: Self.headBytes, departure)
    node.streams[id]?.sendCredit = initialStreamCreditBytes
  }

  func send(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: [UInt8], isText: Bool, _ departure: Int64) {
    guard let end = node.streams[id] else { return }
    guard !end.hasSentFinish else { return defect(node, "sent on a stream that it had finished") }
    guard end.sendCredit >= bytes.count else {
      defect(node, "sent \(bytes.count) bytes with a credit of \(end.sendCredit)")
      return abortStream(node, id, departure)
    }
    node.streams[id]?.sendCredit -= bytes.count
    transmitFrame(node, id, .chunk(bytes, isText: isText), bytes: bytes.count + 16, departure)
  }

  func grant(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: Int, _ departure: Int64) {
    guard var end = node.streams[id], bytes > 0 else { return }
    end.receiveCredit += bytes
    node.streams[id] = end
    if end.waitingBody.isEmpty {
      transmitFrame(node, id, .credit(bytes), bytes: 16, departure)
    } else {
      handWaitingBody(node, id, at: departure)
    }
  }

  func finishStream(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    guard let end = node.streams[id] else { return }
    guard !end.hasSentFinish else { return defect(node, "finished a stream twice") }
    node.streams[id]?.hasSentFinish = true
    transmitFrame(node, id, .finish, bytes: 16, departure)
    closeIfComplete(node, id)
  }

  func abortStream(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    guard let end = node.streams[id] else {
      if node.inbound[id] != nil { breakInbound(node, id, departure) }
      return
    }
    transmitFrame(node, id, .abort, bytes: 16, departure)
    if end.isCaller { endOutbound(node, id, .cancelled) } else { closeInbound(node, id) }
    node.streams[id] = nil
  }

  /// The machine breaks off a request it took whole: the caller finds its connection lost.
  private func breakInbound(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    guard let exchange = node.inbound[id] else { return }
    closeInbound(node, id)
    transmit(from: node, to: exchange.caller, .failure(exchange.callerID, .connectionLost), bytes: 64, departure)
  }

  /// A stream is over when both directions are.
  private func closeIfComplete(_ node: SimulatedNode, _ id: ExchangeID) {
    guard let end = node.streams[id], end.hasSentFinish, end.hasReceivedFinish, end.waitingBody.isEmpty else { return }
    node.streams[id] = nil
    if end.isCaller { endOutbound(node, id, .cancelled) } else { closeInbound(node, id) }
  }

  // MARK: arrivals

  func arriveFrame(_ node: SimulatedNode, _ from: NodeID, _ callerID: ExchangeID, _ frame: StreamFrame) {
    if case .open(let head, let webSocket, let left) = frame {
      return arriveOpen(node, from, callerID, head, webSocket: webSocket, left)
    }
    // The caller's id names the stream at the caller; at the server it is looked up.
    let isCaller = node.outbound[callerID]?.server == from
    guard let id = isCaller ? callerID : node.inboundByCaller[CallerKey(node: from, id: callerID)] else { return }
    if isCaller, node.outbound[id]?.manner == .whole { return collectResponse(node, id, frame) }
    if !isCaller, node.inbound[id]?.collecting != nil { return collectRequest(node, id, frame) }
    guard var end = node.streams[id] else { return }
    switch frame {
    case .open: break
    case .accept(let head):
      offer(node, .stream(id, .accepted(head)))
    case .chunk(let bytes, let isText):
      end.receiveCredit -= bytes.count
      invariant(end.receiveCredit >= 0, "a peer sent \(-end.receiveCredit) bytes past its credit and its host let it")
      node.streams[id] = end
      offer(node, .stream(id, .received(bytes, isText: isText)))
    case .credit(let bytes):
      node.streams[id]?.sendCredit += bytes
      offer(node, .stream(id, .credit(bytes)))
    case .finish:
      node.streams[id]?.hasReceivedFinish = true
      offer(node, .stream(id, .finished))
      closeIfComplete(node, id)
    case .abort:
      node.streams[id] = nil
      if isCaller { endOutbound(node, id, .failed(.connectionLost)) } else { closeInbound(node, id) }
      offer(node, .stream(id, .aborted))
    }
  }

  private func arriveOpen(
    _ node: SimulatedNode, _ caller: NodeID, _ callerID: ExchangeID, _ head: RequestHead, webSocket: Bool, _ left: Deadline
  ) {
    let id = ExchangeID(node.identities.draw())
    var exchange = InboundExchange(caller: caller, callerID: callerID)
    node.inboundByCaller[CallerKey(node: caller, id: callerID)] = id
    let deadline: Deadline =
      left == .never ? .never : Deadline(node.clock.instant(at: now) + TimeSpan(nanoseconds: left.instant.nanoseconds))
    switch node.machine?.intake(head) {
    case .stream, .webSocket:
      let wantsWebSocket = if case .webSocket = node.machine?.intake(head) { true } else { false }
      if wantsWebSocket != webSocket {
        node.inbound[id] = exchange
        return refuse(
          node, id, status: webSocket ? 400 : 426, code: webSocket ? "NOT_A_WEBSOCKET" : "UPGRADE_REQUIRED",
          message: webSocket ? "this target is no WebSocket" : "this target speaks WebSocket only")
      }
      exchange.isStream = true
      node.inbound[id] = exchange
      node.streams[id] = StreamEnd(peer: caller, callerID: callerID, isCaller: false)
      offer(node, .stream(id, .opened(head, webSocket: webSocket, deadline: deadline)))
    // No caller is an outsider here (`arriveRequest`).
    case .whole(let limitBytes), .administration(let limitBytes):
      guard !webSocket else {
        node.inbound[id] = exchange
        return refuse(node, id, status: 400, code: "NOT_A_WEBSOCKET", message: "this target is no WebSocket")
      }
      exchange.collecting = Request(head: head, body: [], deadline: deadline)
      exchange.limitBytes = limitBytes
      node.inbound[id] = exchange
      node.streams[id] = StreamEnd(peer: caller, callerID: callerID, isCaller: false)
    case nil: break
    }
  }

  // MARK: where one side is whole

  /// The machine streams what came whole: opened, then the body as credit allows, then finished.
  func streamWholeRequest(_ node: SimulatedNode, _ id: ExchangeID, _ request: Request) {
    guard var exchange = node.inbound[id] else { return }
    exchange.isStream = true
    node.inbound[id] = exchange
    var end = StreamEnd(peer: exchange.caller, callerID: exchange.callerID, isCaller: false)
    end.waitingBody = request.body[...]
    node.streams[id] = end
    offer(node, .stream(id, .opened(request.head, webSocket: false, deadline: request.deadline)))
    handWaitingBody(node, id, at: now)
  }

  /// The caller opened a stream and was answered whole.
  func streamWholeResponse(_ node: SimulatedNode, _ id: ExchangeID, _ response: Response) {
    guard var end = node.streams[id] else { return }
    end.waitingBody = response.body[...]
    end.hasSentFinish = true
    node.streams[id] = end
    offer(node, .stream(id, .accepted(response.head)))
    handWaitingBody(node, id, at: now)
  }

  private func handWaitingBody(_ node: SimulatedNode, _ id: ExchangeID, at time: Int64) {
    guard var end = node.streams[id], !end.hasReceivedFinish else { return }
    let piece = end.waitingBody.prefix(end.receiveCredit)
    end.waitingBody = end.waitingBody.dropFirst(piece.count)
    end.receiveCredit -= piece.count
    end.hasReceivedFinish = end.waitingBody.isEmpty
    node.streams[id] = end
    var due = max(now, time, end.lastArrival + 1)
    if !piece.isEmpty {
      schedule(.hostEvent(node.id, incarnation: node.incarnation, .stream(id, .received(Array(piece), isText: false))), at: due, node)
      due += 1
    }
    if end.hasReceivedFinish {
      schedule(.hostEvent(node.id, incarnation: node.incarnation, .stream(id, .finished)), at: due, node)
    }
    node.streams[id]?.lastArrival = due
    closeIfComplete(node, id)
  }

  /// A machine that called whole is answered in parts: the host collects them, granting as they come.
  private func collectResponse(_ node: SimulatedNode, _ id: ExchangeID, _ frame: StreamFrame) {
    guard let exchange = node.outbound[id] else { return }
    switch frame {
    case .open: break
    case .accept(let head): node.outbound[id]?.partial = Response(status: head.status, headers: head.headers)
    case .chunk(let bytes, _):
      node.outbound[id]?.partial?.body += bytes
      transmit(from: node, to: exchange.server, .stream(id, .credit(bytes.count)), bytes: 16, now)
    case .credit: break
    case .finish:
      guard let response = exchange.partial else { return }
      endOutbound(node, id, .answered(response))
      offer(node, .response(id, response))
    case .abort:
      endOutbound(node, id, .failed(.connectionLost))
      offer(node, .failed(id, .connectionLost))
    }
  }

  /// A machine takes whole what is streamed to it: the host collects it, up to the machine's limit.
  private func collectRequest(_ node: SimulatedNode, _ id: ExchangeID, _ frame: StreamFrame) {
    guard let exchange = node.inbound[id], let request = exchange.collecting else { return }
    switch frame {
    case .open, .accept, .credit: break
    case .chunk(let bytes, _):
      guard request.body.count + bytes.count <= exchange.limitBytes else {
        return refuse(
          node, id, status: 413, code: "BODY_TOO_LARGE",
          message: "the body is longer than the limit of \(exchange.limitBytes) bytes")
      }
      node.inbound[id]?.collecting?.body += bytes
      transmitFrame(node, id, .credit(bytes.count), bytes: 16, now)
    case .finish:
      node.inbound[id]?.collecting = nil
      node.streams[id] = nil
      offer(node, .request(id, request))
    case .abort:
      closeInbound(node, id)
      node.streams[id] = nil
    }
  }
}
