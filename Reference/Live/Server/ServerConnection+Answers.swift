// Writes answers in the order of their requests: whole ones, streamed ones, and the change to a WebSocket. A whole answer
// is written once the client takes what was written before it, and is in the node's account until it is taken.

import Logging
import NIOCore
import Vocabulary

extension ServerConnection {
  /// An answer, or a part of one, is there: writes all that can be written now.
  func answersChanged() {
    guard mode == .http else { return }
    while mode == .http, let front = pipelined.first {
      switch front.answer {
      case .waiting:
        writeContinue(front)
        return
      case .whole(let response):
        // No further request of this client is read meanwhile (`process`).
        guard isWritable else { return }
        writeWhole(front, response)
      case .stream(let head):
        if !front.isHeadWritten {
          if head.status == 101 && front.webSocketKey != nil {
            upgrade(front, head)
            return
          }
          writeStreamHead(front, head)
        }
        guard writeParts(front) else { return }
      case .brokenOff: return linger()
      }
      complete(front)
    }
    processLater()
  }

  /// Lets the client send the body that it holds back, once its turn has come.
  func writeContinue(_ exchange: ServerExchange) {
    guard exchange.awaitsContinue, receiving === exchange, let context else { return }
    exchange.awaitsContinue = false
    var buffer = context.channel.allocator.buffer(capacity: 32)
    buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
    writeOut(buffer, promise: nil)
  }

  private func closes(_ exchange: ServerExchange) -> Bool {
    exchange.closesAfter || isBodyPending(exchange) || (isInputOver && pipelined.count == 1)
  }

  private func writeOut(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?) {
    clocks.writtenBytes += buffer.readableBytes
    context?.write(wrapOutboundOut(buffer), promise: promise)
    flushSoon()
  }

  /// Tells the log of an answer whose head is about to be written. Never what its headers or bodies say.
  private func logAnswer(_ exchange: ServerExchange, _ status: Int, bodyBytes: Int?) {
    guard node.logsAnswers else { return }
    var words: Logger.Metadata = ["method": "\(exchange.head.method.token)", "target": "\(exchange.head.target)", "status": "\(status)"]
    if let bodyBytes { words["body_bytes"] = "\(bodyBytes)" }
    if let arrived = exchange.arrivedAt { words["microseconds"] = "\((node.shared.clock.now - arrived).nanoseconds / 1_000)" }
    node.log.debug("answers", metadata: words)
  }

  // MARK: - The account of answers

  /// A whole answer of the machine's has come. Where the node has no room for it, those give way that take theirs slowly;
  /// else the host says so in its place, unless the request may have done what it does only once: then the connection ends
  /// without an answer, since any would tell that it was not carried out.
  func take(_ response: Response, of exchange: ServerExchange) {
    let bytes = exchange.head.method == .head ? 0 : response.body.count
    if hasRoom(forAnswer: bytes) {
      answers.waitingBytes += bytes
      exchange.waitingBytes = bytes
      exchange.answer = .whole(response)
    } else if exchange.head.method.isIdempotent {
      exchange.answer = .whole(HTTPRefusal.tooManyAnswers.response)
    } else {
      exchange.breakOff()
    }
    answersChanged()
  }

  private func hasRoom(forAnswer bytes: Int) -> Bool {
    // What is little, to a client that takes what is written, is not worth asking for.
    if isWritable, answers.waitingBytes + bytes <= UntakenAnswers.freeBytes { return true }
    let untaken = untakenAnswerBytes + bytes
    if answers.charge(untaken, node.answerSpace) { return true }
    node.giveWayToAnswers(of: self)
    return answers.charge(untaken, node.answerSpace)
  }

  private var untakenAnswerBytes: Int {
    answers.count(written: clocks.writtenBytes, buffered: context?.channel.bufferedWritableBytes ?? 0)
  }

  /// Gives back what the client has taken.
  func settleAnswers() {
    if answers.chargedBytes > 0 { answers.settle(untakenAnswerBytes, node.answerSpace) }
  }

  /// There is no room for another answer: this connection gives way where its client takes slowly what it asked for.
  func giveWayIfTakingSlowly() {
    guard answers.chargedBytes > 0, clocks.isTakingSlowly(node.limits) else { return }
    closeNow()
    answers.settle(0, node.answerSpace)
  }

  private func writeWhole(_ exchange: ServerExchange, _ response: Response) {
    guard let context else { return }
    logAnswer(exchange, response.status, bodyBytes: response.body.count)
    let hasBody = response.status >= 200 && response.status != 204 && response.status != 304
    var buffer = context.channel.allocator.buffer(capacity: 256 + response.body.count)
    let length: HTTPBodyFraming? = hasBody ? .length(response.body.count) : nil
    HTTPWriter.writeHead(
      response.head, HTTPFramingFields(framing: length, close: closes(exchange)), date: node.dateField.bytes(), into: &buffer)
    if hasBody && exchange.head.method != .head { buffer.writeBytes(response.body) }
    exchange.isHeadWritten = true
    answers.waitingBytes -= exchange.waitingBytes
    exchange.waitingBytes = 0
    // Before it is written: what the channel has to say of its bounds it says in the midst of that.
    answers.writtenEnd = clocks.writtenBytes + buffer.readableBytes
    writeOut(buffer, promise: nil)
  }

  private func writeStreamHead(_ exchange: ServerExchange, _ head: ResponseHead) {
    guard let context else { return }
    logAnswer(exchange, head.status, bodyBytes: nil)
    let hasBody = head.status >= 200 && head.status != 204 && head.status != 304 && exchange.head.method != .head
    if exchange.isVersion10 {
      exchange.framing = .untilClose
      exchange.closesAfter = true
    } else {
      exchange.framing = hasBody ? .chunked : .empty
    }
    var buffer = context.channel.allocator.buffer(capacity: 256)
    let framing: HTTPBodyFraming? = hasBody ? exchange.framing : nil
    // A body that is still being read goes on beside the answer: whether the connection ends is known only at the end.
    let close = exchange.closesAfter || (isInputOver && pipelined.count == 1)
    exchange.closesAfter = close
    HTTPWriter.writeHead(head, HTTPFramingFields(framing: framing, close: close), date: node.dateField.bytes(), into: &buffer)
    exchange.isHeadWritten = true
    writeOut(buffer, promise: nil)
  }

  /// Writes the parts that have come; true once the last was among them.
  private func writeParts(_ exchange: ServerExchange) -> Bool {
    while let part = exchange.parts.popFirst() {
      switch part {
      case .message(let message): writePart(exchange, message)
      case .end:
        if exchange.framing == .chunked {
          var buffer = ByteBuffer()
          buffer.writeStaticString("0\r\n\r\n")
          writeOut(buffer, promise: nil)
        }
        return true
      }
    }
    return false
  }

  private func writePart(_ exchange: ServerExchange, _ message: OutgoingMessage) {
    guard let context, exchange.framing != .empty, message.count > 0 else { return node.streamDrained(exchange, message.count) }
    undrained.count += message.count
    // An empty chunk would end the body, which is why it is skipped above.
    if exchange.framing == .chunked && message.isJoined { return writeOut(message.chunk, promise: nil) }
    if exchange.framing == .chunked {
      var head = context.channel.allocator.buffer(capacity: 16)
      HTTPWriter.writeChunkHead(count: message.count, into: &head)
      writeOut(head, promise: nil)
    }
    writeOut(message.bytes, promise: nil)
    if exchange.framing == .chunked {
      var end = ByteBuffer()
      end.writeStaticString("\r\n")
      writeOut(end, promise: nil)
    }
  }

  /// The front answer is written to its end.
  private func complete(_ exchange: ServerExchange) {
    let close = closes(exchange)
    // The rest of its body will not be read.
    if isBodyPending(exchange) { node.peerLeft(exchange) }
    // A WebSocket that was refused: what follows is the next request.
    endReceiving(exchange)
    _ = pipelined.popFirst()
    exchange.connection = nil
    undrained.endExchange()
    answers.writtenEnd = clocks.writtenBytes
    if exchange.outstandingBytes > 0 {
      // From here on it is an answer like any other.
      exchange.giveOutstanding(exchange.outstandingBytes)
      answers.settle(untakenAnswerBytes, node.answerSpace)
    }
    if close { linger() } else if pipelined.isEmpty { clocks.idleSince = node.shared.clock.now }
  }

  /// Says that nothing more comes, and discards what still arrives: a close at once would turn unread bytes into a
  /// reset, which can take the answer away from a peer that is still sending.
  private func linger() {
    mode = .lingering
    inbound = ByteBuffer()
    dropExchanges()
    clocks.lingerSince = node.shared.clock.now
    context?.flush()
    context?.close(mode: .output, promise: nil)
  }

  // MARK: - WebSocket

  private func upgrade(_ exchange: ServerExchange, _ head: ResponseHead) {
    guard let context, let key = exchange.webSocketKey, let accept = WebSocketHandshake.answer(to: key, on: context.channel) else {
      closeNow()
      return
    }
    logAnswer(exchange, 101, bodyBytes: nil)
    var headers = head.headers
    headers.append("upgrade", "websocket")
    headers.append("connection", "upgrade")
    headers.append("sec-websocket-accept", accept)
    var buffer = context.channel.allocator.buffer(capacity: 256)
    HTTPWriter.writeUpgrade(headers, into: &buffer)
    writeOut(buffer, promise: nil)
    var limitBytes = PeerReceiver.handshakeLimitBytes
    if case .webSocket(let bytes) = exchange.intake { limitBytes = bytes }
    let owner: any WebSocketOwner
    let credit: Int
    var receiver: PeerReceiver?
    if let from = announcedPeer {
      let made = PeerReceiver(connection: self, from: from)
      receiver = made
      owner = made
      credit = .max  // The mailbox bounds peer messages, by dropping them.
    } else {
      owner = ExchangeSocket(exchange: exchange, node: node)
      credit = exchange.receiveCredit
    }
    // Peers prove to be peers before more than a few bytes are taken, and their messages must not fail for want of space
    // that clients use up.
    let session = WebSocketSession(
      role: .server, limitBytes: limitBytes, credit: credit, owner: owner, node: node, connection: self,
      space: receiver == nil ? node.bodySpace : nil)
    receiver?.session = session
    exchange.webSocket = session
    exchange.isHeadWritten = true
    if receiver == nil { webSocketExchange = exchange }
    answers.writtenEnd = clocks.writtenBytes
    webSocket = session
    mode = .webSocket
    endReceiving(exchange)
    pipelined = CircularBuffer(initialCapacity: 1)
    let early = inbound
    inbound = ByteBuffer()
    for part in exchange.parts {
      switch part {
      case .message(let message): session.send(message)
      case .end(let closure): session.finish(closure)
      }
    }
    exchange.endHTTP()
    if node.isStopping { session.goAway() }
    if early.readableBytes > 0 { session.receive(early) }
    context.read()
  }

  // MARK: - Time-outs

  /// Closes what has been silent for too long.
  func sweep(_ now: Instant) {
    guard let context else { return }
    let limits = node.limits
    settleAnswers()
    let buffered = context.channel.bufferedWritableBytes
    if clocks.isTooSlow(taking: buffered, isFlushQueued: isFlushQueued, askedPace, now: now, limits) { return closeNow() }
    switch mode {
    case .closed: return
    case .webSocket:
      if door == .peers, peer == nil, now - clocks.idleSince > limits.headTimeout { return closeNow() }
      webSocket?.sweep(now)
    case .lingering:
      // The last answer is still on its way.
      if buffered > 0, !node.isStopping { clocks.lingerSince = now }
      if now - clocks.lingerSince > limits.partingTimeout(isStopping: node.isStopping) { closeNow() }
    case .http:
      if receiving != nil && isWaitingForMachine { clocks.pace.pause(now: now) }
      if let since = clocks.headSince, now - since > limits.headTimeout {
        refuse(HTTPRefusal(408, "REQUEST_TIMEOUT", "the request's head did not come within \(limits.headTimeout.milliseconds) ms"))
        flushAfterRefusal()
      } else if let since = node.stoppingSince, now - since > limits.stoppingTimeout, receiving?.intake.isKept == true {
        // The machine knows nothing of it.
        refuse(.stopping)
        flushAfterRefusal()
      } else if receiving?.intake.isKept == true, clocks.pace.isTooSlow(now: now, within: limits.bodyTimeout, limits) {
        refuse(.slowBody)
        flushAfterRefusal()
      } else if receiving == nil, pipelined.isEmpty, clocks.headSince == nil,
        now - clocks.idleSince > (door == .peers ? limits.headTimeout : limits.idleTimeout)
      {
        closeNow()
      }
    }
  }

  /// How fast the peer must take what waits to be written.
  private var askedPace: TakingPace {
    // Peers' links are no streams of a machine.
    if door == .peers { return .progress(within: node.limits.writeStallTimeout) }
    // Of what is written only streams have not left their row.
    let stream = webSocketExchange ?? pipelined.first { $0.isHeadWritten }
    if let stream, answers.chargedBytes == 0 { return stream.streamPace(node.limits) }
    return .ofAnswer
  }

  /// There is no room for another body: this connection's gives way where it comes slowly.
  func giveWayIfSlow() {
    switch mode {
    case .webSocket: webSocket?.giveWayIfSlow()
    case .http:
      guard let receiving, receiving.intake.isKept, receiving.bodyCharge > 0, clocks.pace.givesWay(node.limits) else { return }
      refuse(.slowBody)
    case .lingering, .closed: return
    }
  }

  private func flushAfterRefusal() { node.flushAll() }
}

/// What the time-outs of one connection are reckoned from.
struct ConnectionClocks {
  var idleSince: Instant
  var lingerSince: Instant
  /// When the first byte of a head came that is not complete.
  private(set) var headSince: Instant?
  /// How fast the body comes that is being read.
  var pace: BodyPace
  /// All bytes given to the channel so far.
  var writtenBytes = 0
  private var takenBytes = 0
  private var takenAt: Instant
  private var takingPace: BodyPace

  /// The clocks of a connection that is made at `now`. Nothing is reckoned from before: a sweep that meets the first
  /// bytes of a new connection on their way to the socket would else take it for one whose peer has stood still since
  /// the host began.
  init(now: Instant) {
    idleSince = now
    lingerSince = now
    pace = BodyPace(now: now)
    takingPace = pace
    takenAt = now
  }

  mutating func notePartialHead(_ isPartial: Bool, now: Instant) {
    if !isPartial { headSince = nil } else if headSince == nil { headSince = now }
  }

  /// Whether the peer takes too slowly what waits to be written; to be asked at each sweep. What waits for this host's own
  /// flush is not the peer's fault.
  mutating func isTooSlow(
    taking bufferedBytes: Int, isFlushQueued: Bool, _ asked: TakingPace, now: Instant, _ limits: LiveLimits
  ) -> Bool {
    let newBytes = max(0, writtenBytes - bufferedBytes - takenBytes)
    takenBytes += newBytes
    if bufferedBytes == 0 || isFlushQueued || asked == .free {
      takenAt = now
      takingPace.pause(now: now)
      return false
    }
    if newBytes > 0 { takenAt = now }
    takingPace.note(newBytes)
    switch asked {
    case .free: return false
    case .progress(let timeout): return now - takenAt > timeout
    case .ofAnswer: return takingPace.isTooSlow(now: now, within: nil, limits) || now - takenAt > limits.writeStallTimeout
    }
  }

  /// Whether the peer took little of what waits to be written while that was looked at last.
  func isTakingSlowly(_ limits: LiveLimits) -> Bool { takingPace.givesWay(limits) }
}

/// How fast a peer must take what waits to be written to it.
enum TakingPace: Hashable {
  /// A stream within its credit: as it likes.
  case free
  /// Something within a time.
  case progress(within: TimeSpan)
  /// As fast as a body must come.
  case ofAnswer
}

extension Intake {
  /// Whether a body takes memory until it is whole.
  var isKept: Bool {
    switch self {
    case .whole, .administration: true
    case .stream, .webSocket: false
    }
  }
}

extension Channel {
  /// Bytes that were written to this channel and that the system has not taken yet. On the channel's loop only.
  var bufferedWritableBytes: Int {
    do { return try syncOptions?.getOption(.bufferedWritableBytes) ?? 0 } catch { return 0 }
  }
}
