// What arrives of streams in the simulated world, how it is handed to machines as far as they granted, and how whole
// messages and streams meet.

import DequeModule
import Kernel
import Vocabulary

/// What arrived and was not handed to the machine yet.
enum StreamPart {
  case bytes([UInt8], isText: Bool)
  case finish(StreamClosure)
}

extension SimulatedHost {
  func arriveFrame(_ node: SimulatedNode, _ from: NodeID, _ callerID: ExchangeID, _ frame: StreamFrame) {
    if case .open(let head, let webSocket, let left) = frame {
      return arriveOpen(node, from, callerID, head, webSocket: webSocket, left)
    }
    // The caller's id names the stream at the caller; at the server it is looked up.
    let isCaller = node.outbound[callerID]?.server == from
    guard let id = isCaller ? callerID : node.inboundByCaller[CallerKey(node: from, id: callerID)] else {
      return answerUnknown(node, from, callerID, frame)
    }
    if isCaller, node.outbound[id]?.manner == .whole { return collectResponse(node, id, frame) }
    if !isCaller, node.inbound[id]?.collecting != nil { return collectRequest(node, id, frame) }
    guard var end = node.streams[id] else { return }
    end.heardAt = now
    node.streams[id] = end
    switch frame {
    case .open: break
    case .accept(let head): arriveAccept(node, id, head)
    case .chunk(let bytes, let isText):
      guard !end.hasReceivedFinish, !isEarly(node, id, end, frame) else { return }
      if end.isWebSocket {
        guard bytes.count <= end.limitBytes else { return endStream(node, id, .messageTooLarge, now) }
        if isText && String(validating: bytes, as: UTF8.self) == nil { return endStream(node, id, .invalidPayload, now) }
      }
      node.streams[id]?.undelivered.append(.bytes(bytes, isText: isText && end.isWebSocket))
      handOn(node, id)
    case .credit(let bytes): arriveCredit(node, id, bytes)
    case .finish(let closure):
      guard !end.hasReceivedFinish, !isEarly(node, id, end, frame) else { return }
      node.streams[id]?.undelivered.append(.finish(closure))
      // What came before a close waits for nothing more.
      if end.isWebSocket { node.streams[id]?.isClosedThere = true }
      handOn(node, id)
    case .abort:
      guard !end.isClosedThere else { return }
      forgetStream(node, id, .aborted(.connectionLost))
      offer(node, .stream(id, .aborted(.connectionLost)))
    case .ping:
      // A machine that takes nothing in keeps its host from reading.
      if end.receiveCredit > 0 { transmitFrame(node, id, .pong, bytes: 16, max(now, node.pausedUntil)) }
    case .pong: break
    }
  }

  /// A frame of an exchange of which this side knows nothing (any more), or whose process is down: a server that goes on is
  /// told, as by the reset of a connection that its caller has left. Of a caller that goes on behind a complete answer nobody needs to hear.
  func answerUnknown(_ node: SimulatedNode, _ from: NodeID, _ callerID: ExchangeID, _ frame: StreamFrame) {
    switch frame {
    case .accept, .chunk, .ping: tellAbandoned(from, CallerKey(node: node.id, id: callerID))
    case .open, .credit, .finish, .abort, .pong: break
    }
  }

  /// Whether a frame came before the machine accepted its WebSocket: it waits for that, as its caller would have waited
  /// with it on a real host.
  private func isEarly(_ node: SimulatedNode, _ id: ExchangeID, _ end: StreamEnd, _ frame: StreamFrame) -> Bool {
    guard end.isWebSocket, !end.isAccepted || !end.early.isEmpty else { return false }
    node.streams[id]?.early.append(frame)
    return true
  }

  /// What came before the machine accepted its WebSocket comes now.
  func takeEarly(_ node: SimulatedNode, _ id: ExchangeID) {
    guard let end = node.streams[id] else { return }
    node.streams[id]?.early = []
    for frame in end.early { arriveFrame(node, end.peer, end.callerID, frame) }
  }

  private func arriveAccept(_ node: SimulatedNode, _ id: ExchangeID, _ head: ResponseHead) {
    if head.isTooLong, let exchange = node.outbound[id] { return failUnread(node, id, exchange) }
    node.outbound[id]?.streamRecord?.answer = head
    node.outbound[id]?.streamRecord?.answeredAt = Instant(nanoseconds: now)
    var isRefused = false
    if node.streams[id]?.isWebSocket == true {
      if head.status == 101 {
        watchSilence(node, id, from: now)
      } else {
        // No WebSocket came of it: nobody wants what this side sends.
        isRefused = true
        node.streams[id]?.isWebSocket = false
        node.streams[id]?.isUnheard = true
      }
    }
    offer(node, .stream(id, .accepted(head)))
    if isRefused { drainAll(node, id) }
  }

  /// All that a caller sent, and that nobody wants any more, is as good as taken.
  private func drainAll(_ node: SimulatedNode, _ id: ExchangeID) {
    if let end = node.streams[id] { arriveCredit(node, id, end.outstandingBytes) }
  }

  /// The peer's machine took `bytes` in. The credit is told only where the stream is blocked, and no more than half a
  /// window is on its way: so much may a receiver keep back, that grants in large parts.
  func arriveCredit(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: Int) {
    guard var end = node.streams[id] else { return }
    end.outstandingBytes = max(0, end.outstandingBytes - bytes)
    end.takenAt = now
    let overrun = max(0, end.outstandingBytes - initialStreamCreditBytes)
    node.overrunBytes += overrun - end.overrunBytes
    end.overrunBytes = overrun
    var told = 0
    if end.sendCredit <= 0 && end.outstandingBytes <= initialStreamCreditBytes / 2 && !end.hasSentFinish {
      told = initialStreamCreditBytes - end.sendCredit
      end.sendCredit = initialStreamCreditBytes
    }
    node.streams[id] = end
    if told > 0 { offer(node, .stream(id, .credit(told))) }
  }

  /// Hands on what arrived: a body as far as it is granted, a message where anything is, an end behind all.
  func handOn(_ node: SimulatedNode, _ id: ExchangeID) {
    // Each turn of the loop takes a part away, or ends it. The machine's turn may change the stream.
    while let end = node.streams[id], let part = end.undelivered.first {
      switch part {
      case .bytes(let bytes, let isText):
        if end.isWebSocket {
          guard end.receiveCredit > 0 || end.hasSentFinish || end.isClosedThere else { return }
          node.streams[id]?.undelivered.removeFirst()
          if end.hasSentFinish, end.receiveCredit <= 0 || node.mailbox.count >= node.plan.cost.mailboxLimit {
            // Nobody has room for it, and this side only waits for the close.
            transmitFrame(node, id, .credit(bytes.count), bytes: 16, now)
          } else {
            hand(node, id, bytes, isText: isText)
          }
        } else {
          guard end.receiveCredit > 0 || bytes.isEmpty else { return }
          // A body comes in whatever pieces the network makes of it.
          let most = min(bytes.count, end.receiveCredit)
          let count = most > 1 && node.pieceRandom.chance(0.25) ? 1 + Int(node.pieceRandom.below(UInt64(most))) : most
          if count == bytes.count {
            node.streams[id]?.undelivered.removeFirst()
          } else {
            node.streams[id]?.undelivered[0] = .bytes(Array(bytes[count...]), isText: false)
          }
          if count > 0 { hand(node, id, Array(bytes[..<count]), isText: false) }
        }
      case .finish(let closure):
        node.streams[id]?.undelivered.removeFirst()
        node.streams[id]?.hasReceivedFinish = true
        if !end.isWebSocket { closeIfComplete(node, id, closure) }
        return offer(node, .stream(id, .finished(closure)))
      }
    }
  }

  private func hand(_ node: SimulatedNode, _ id: ExchangeID, _ bytes: [UInt8], isText: Bool) {
    node.streams[id]?.receiveCredit -= bytes.count
    note(node, id, bytes, isText: isText, isFromCaller: false, at: now)
    offer(node, .stream(id, .received(bytes, isText: isText)))
  }

  private func arriveOpen(
    _ node: SimulatedNode, _ caller: NodeID, _ callerID: ExchangeID, _ head: RequestHead, webSocket: Bool, _ left: Deadline
  ) {
    guard let intake = node.machine?.intake(head) else { return }
    let id = ExchangeID(node.identities.draw())
    var exchange = InboundExchange(caller: caller, callerID: callerID, isHeadOnly: head.method == .head)
    node.inboundByCaller[CallerKey(node: caller, id: callerID)] = id
    if let refusal = head.refusal {
      node.inbound[id] = exchange
      return refuse(node, id, refusal)
    }
    let deadline: Deadline =
      left == .never ? .never : Deadline(node.clock.instant(at: now) + TimeSpan(nanoseconds: left.instant.nanoseconds))
    var end = StreamEnd(peer: caller, callerID: callerID, isCaller: false)
    switch intake {
    case .stream, .webSocket:
      if case .webSocket(let limitBytes) = intake {
        end.isWebSocket = true
        end.limitBytes = limitBytes
      }
      node.inbound[id] = exchange
      guard end.isWebSocket == webSocket else { return refuseForm(node, id, webSocket: webSocket) }
      guard !streamLimits.isCrowded(overrun: node.overrunBytes) else {
        return refuse(node, id, .crowdedStreams)
      }
      node.inbound[id]?.isStream = true
      node.streams[id] = end
      offer(node, .stream(id, .opened(head, webSocket: webSocket, deadline: deadline)))
    // No caller is an outsider here (`arriveRequest`).
    case .whole(let limitBytes), .administration(let limitBytes):
      guard !webSocket else {
        node.inbound[id] = exchange
        return refuseForm(node, id, webSocket: true)
      }
      exchange.collecting = Request(head: head, body: [], deadline: deadline)
      exchange.limitBytes = limitBytes
      node.inbound[id] = exchange
      node.streams[id] = end
    }
  }

  /// A WebSocket was asked for where none is, or the other way round.
  private func refuseForm(_ node: SimulatedNode, _ id: ExchangeID, webSocket: Bool) {
    refuse(node, id, webSocket ? .notAWebSocket : .webSocketOnly)
  }

  // MARK: where one side is whole

  /// The machine streams what came whole: opened, then the body as credit allows, then finished.
  func streamWholeRequest(_ node: SimulatedNode, _ id: ExchangeID, _ request: Request) {
    guard var exchange = node.inbound[id] else { return }
    guard !streamLimits.isCrowded(overrun: node.overrunBytes) else {
      return refuse(node, id, .crowdedStreams)
    }
    exchange.isStream = true
    node.inbound[id] = exchange
    var end = StreamEnd(peer: exchange.caller, callerID: exchange.callerID, isCaller: false)
    end.undelivered = [.bytes(request.body, isText: false), .finish(.normal)]
    node.streams[id] = end
    offer(node, .stream(id, .opened(request.head, webSocket: false, deadline: request.deadline)))
    handOn(node, id)
  }

  /// The caller opened a stream and was answered whole.
  func streamWholeResponse(_ node: SimulatedNode, _ id: ExchangeID, _ response: Response) {
    guard var end = node.streams[id] else { return }
    end.undelivered = [.bytes(response.body, isText: false), .finish(.normal)]
    end.isWebSocket = false
    end.isUnheard = true
    node.streams[id] = end
    node.outbound[id]?.streamRecord?.answer = response.head
    node.outbound[id]?.streamRecord?.answeredAt = Instant(nanoseconds: now)
    offer(node, .stream(id, .accepted(response.head)))
    drainAll(node, id)
    handOn(node, id)
  }

  /// A machine that called whole is answered in parts: the host collects them, granting as they come.
  private func collectResponse(_ node: SimulatedNode, _ id: ExchangeID, _ frame: StreamFrame) {
    guard let exchange = node.outbound[id] else { return }
    switch frame {
    case .open, .credit, .ping, .pong: break
    case .accept(let head) where head.isTooLong: failUnread(node, id, exchange)
    case .accept(let head): node.outbound[id]?.partial = Response(status: head.status, headers: head.headers)
    case .chunk(let bytes, _):
      guard (exchange.partial?.body.count ?? 0) + bytes.count <= HostLimits.responseBytes else {
        endOutbound(node, id, .failed(.responseTooLarge))
        abandon(node, id, exchange, nil, now)
        return offer(node, .failed(id, .responseTooLarge))
      }
      node.outbound[id]?.partial?.body += bytes
      transmit(from: node, to: exchange.server, .stream(id, .credit(bytes.count)), bytes: 16, now)
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
    case .open, .accept, .credit, .ping, .pong: break
    case .chunk(let bytes, _):
      guard request.body.count + bytes.count <= exchange.limitBytes else {
        return refuse(node, id, .bodyTooLarge(limitBytes: exchange.limitBytes))
      }
      node.inbound[id]?.collecting?.body += bytes
      transmitFrame(node, id, .credit(bytes.count), bytes: 16, now)
    case .finish:
      node.inbound[id]?.collecting = nil
      dropStream(node, id)
      offer(node, .request(id, request))
    case .abort: closeInbound(node, id)
    }
  }
}
