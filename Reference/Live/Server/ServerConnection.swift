// One connection to a server: reads requests, hands them to the node, writes the answers in the order of the requests.
//
// Fault model: the peer may send anything, stop anywhere, never read, or vanish. Every wait has a time-out and every
// buffer a bound (`LiveLimits`, `UntakenAnswers`); what breaks the rules gets one JSON error and a closed connection. The host goes on
// reading while requests wait for their answers, up to `unparsedBytes`, so that it sees a peer leave. A half-closed
// connection counts as left.

import NIOCore
import PeerAuthentication
import Vocabulary

/// A channel handler; confined to the node's loop. The only one in its pipeline.
final class ServerConnection: ChannelDuplexHandler, Flushable, DrainingConnection, WebSocketConnection {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Mode {
    case http, webSocket
    /// The last answer is written; what still comes is discarded.
    case lingering
    case closed
  }

  /// Which port of the node it came to.
  enum Door {
    /// The service's own.
    case clients
    /// The one for peers, which takes nothing but the opening of a peer link.
    case peers
  }

  unowned let node: LiveNode
  let door: Door
  /// The peer that it says to be, by the target that it asked for.
  private(set) var announcedPeer: NodeID?
  /// The peer that it proved to be.
  private(set) var peer: NodeID?
  /// Its place in the row of all connections to the port for peers, from 1.
  private var place: UInt64 = 0
  /// Whether it counts as one of the connections that the node may have.
  private var isTaken = false
  var context: ChannelHandlerContext?
  var mode = Mode.http
  var inbound = ByteBuffer()
  private var headReader = HTTPHeadReader()
  private var bodyReader = HTTPBodyReader(.empty)
  /// The exchange whose body is being read.
  private(set) var receiving: ServerExchange?
  /// Exchanges whose answers are not complete, in the order of their requests.
  var pipelined = CircularBuffer<ServerExchange>(initialCapacity: 4)
  /// The head of the request that is being looked at, for the log where it is refused.
  private var headInHand: RequestHead?
  /// No further request is taken.
  var isInputOver = false
  /// The node stops: the request that is being read is the last.
  private var isDraining = false
  private var isProcessing = false
  private var isReadHeld = false
  private(set) var isFlushQueued = false
  var webSocket: WebSocketSession?
  /// The exchange that became the WebSocket, for as long as what was sent on it may wait here.
  var webSocketExchange: ServerExchange?
  var undrained = UndrainedBytes()
  var answers = UntakenAnswers()
  var clocks: ConnectionClocks

  init(node: LiveNode, _ door: Door) {
    self.node = node
    self.door = door
    clocks = ConnectionClocks(now: node.shared.clock.now)
  }

  // MARK: - The channel's events

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    clocks.idleSince = node.shared.clock.now
    switch door {
    case .clients:
      isTaken = node.takeConnection()
      // Being told takes a descriptor too, for as long as the peer likes, within `lingerTimeout`.
      guard isTaken || node.connections.count - node.takenConnections < node.shared.descriptors.surplusConnections else {
        return closeNow()
      }
      node.connections[ObjectIdentifier(self)] = self
      guard isTaken else { return refuse(.tooManyConnections) }
    case .peers:
      // The oldest gives way, not the newest: a peer proves itself with its first bytes, and would else wait behind any
      // that say nothing.
      let unproved = node.peerConnections.values.filter { $0.peer == nil }
      if unproved.count >= node.limits.unprovedPeers { unproved.min { $0.place < $1.place }?.closeNow() }
      node.peerConnectionsSoFar += 1
      place = node.peerConnectionsSoFar
      node.peerConnections[ObjectIdentifier(self)] = self
    }
    if node.isStopping { refuse(.stopping) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    mode = .closed
    node.connections[ObjectIdentifier(self)] = nil
    if isTaken { node.giveBackConnection() }
    isTaken = false
    node.peerConnections[ObjectIdentifier(self)] = nil
    if let peer, node.provedPeers[peer] === self { node.provedPeers[peer] = nil }
    dropExchanges()
    answers.settle(0, node.answerSpace)
    webSocket?.connectionEnded()
    context.fireChannelInactive()
    webSocket = nil
    webSocketExchange = nil
    node.drainIfDone()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    switch mode {
    case .webSocket: webSocket?.receive(bytes)
    case .lingering, .closed: return
    case .http:
      clocks.pace.note(bytes.readableBytes)
      if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
      process()
    }
  }

  func read(context: ChannelHandlerContext) {
    // Unparsed bytes pile up only while answers or credit are waited for; then the peer is stopped by the socket.
    let isHeld =
      switch mode {
      case .http: inbound.readableBytes >= unparsedLimit
      case .webSocket: webSocket?.wantsInput == false
      case .lingering, .closed: false
      }
    if isHeld { isReadHeld = true } else { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    settleAnswers()
    if context.channel.isWritable {
      answersChanged()
      webSocket?.becameWritable()
    }
    if mode == .http { process() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { closeNow() }

  // MARK: - Reading

  /// The machine is ready for more of a body.
  func inputWanted() { process() }

  private func process() {
    guard mode == .http, !isProcessing, let context else { return }
    isProcessing = true
    defer { isProcessing = false }
    do throws(HTTPRefusal) {
      // Every pass takes bytes from a bounded buffer, or ends the loop.
      while mode == .http, !isInputOver, context.channel.isWritable, try step() {}
    } catch {
      refuse(error)
    }
    let canParse = receiving == nil && !isInputOver && pipelined.count < node.limits.pipelineDepth && context.channel.isWritable
    let isPartialHead = canParse && inbound.readableBytes > 0
    clocks.notePartialHead(isPartialHead, now: node.shared.clock.now)
    // An empty buffer would keep its storage for as long as the connection lives; there may be thousands.
    if isInputOver || inbound.readableBytes == 0 { inbound = ByteBuffer() }
    if isReadHeld && inbound.readableBytes < unparsedLimit {
      isReadHeld = false
      context.read()
    }
  }

  /// Most bytes that wait unparsed: before a peer has proved to be one, no more than its proof takes.
  private var unparsedLimit: Int { door == .peers ? node.limits.peerHeadBytes : node.limits.unparsedBytes }

  /// Takes one part from the unparsed bytes; false where nothing can be taken now.
  private func step() throws(HTTPRefusal) -> Bool {
    if let receiving { return try readBody(of: receiving) }
    if isDraining {
      isInputOver = true
      return false
    }
    guard pipelined.count < node.limits.pipelineDepth, inbound.readableBytes > 0,
      let raw = try headReader.next(&inbound, door == .peers ? node.peerHeadLimits : node.limits)
    else { return false }
    try begin(try IncomingRequest(raw))
    headInHand = nil
    return true
  }

  private func begin(_ request: IncomingRequest) throws(HTTPRefusal) {
    headInHand = request.head
    let now = node.shared.clock.now
    let deadline = request.timeLeft.map { Deadline(now + $0) } ?? .never
    let intake: Intake?
    var proof: AdministrationProof?
    switch door {
    case .clients:
      // The host's own path is nobody's at the door for clients, whoever asks for it and how.
      guard !PeerLinks.isPath(of: request.head) else { throw .notFound }
      intake = node.intake(request.head)
      if case .administration? = intake { proof = try mayAdminister(request.head) }
    case .peers:
      announcedPeer = try PeerLinks.announcedPeer(request, node)
      intake = .webSocket(limitBytes: PeerReceiver.handshakeLimitBytes)
    }
    guard let intake, let exchange = node.makeServerExchange(self)
    else { throw node.isStopping ? .stopping : .down }
    exchange.intake = intake
    exchange.head = request.head
    exchange.proof = proof
    exchange.deadline = deadline
    exchange.closesAfter = request.closesAfter
    exchange.awaitsContinue = request.expectsContinue
    exchange.isVersion10 = request.isVersion10
    exchange.webSocketKey = request.webSocketKey
    switch intake {
    case .whole, .administration, .stream:
      guard request.webSocketKey == nil else { throw .notAWebSocket }
    case .webSocket: guard request.webSocketKey != nil else { throw .webSocketOnly }
    }
    if case .length(let count) = request.framing {
      if let limitBytes = intake.wholeLimitBytes, count > limitBytes { throw .bodyTooLarge(limitBytes: limitBytes) }
      exchange.declaredBodyBytes = count
    }
    pipelined.append(exchange)
    switch intake {
    case .whole, .administration:
      if request.framing == .empty {
        endRequest(exchange)
        deliver(exchange)
        return
      }
    case .stream:
      try node.takeStream(exchange, request.head, webSocket: false, deadline)
      if request.framing == .empty {
        endRequest(exchange)
        node.streamFinished(exchange)
        return
      }
    case .webSocket:
      // What follows belongs to the WebSocket, if there is to be one: it waits until the machine has decided.
      receiving = exchange
      bodyReader = HTTPBodyReader(.empty)
      if announcedPeer != nil {
        exchange.accept(ResponseHead(status: 101))
      } else {
        try node.takeStream(exchange, request.head, webSocket: true, deadline)
      }
      return
    }
    receiving = exchange
    bodyReader = HTTPBodyReader(request.framing)
    clocks.pace.begin(now: now)
    if pipelined.first === exchange { writeContinue(exchange) }
  }

  /// Refuses who may not change the cluster. Returns the proof that the body must be held against, where there is one.
  private func mayAdminister(_ head: RequestHead) throws(HTTPRefusal) -> AdministrationProof? {
    // A page of a browser on this machine is not its owner.
    guard head.headers["origin"] == nil else { throw .administeredByNoPage }
    let host = context?.remoteAddress?.ipAddress
    switch AdministrationRule.verdict(head, from: host, node.shared.peerKeys, at: LiveClock.systemWallTime()) {
    case .allowed: return nil
    case .allowedFor(let proof): return proof
    case .unproved: throw .unprovedAdministration
    case .untimely: throw .untimelyAdministration
    case .notFromHere: throw .administeredHere
    }
  }

  /// The connection has proved to be this peer's: it takes the place of an older one.
  func proved(_ peer: NodeID) {
    self.peer = peer
    if let older = node.provedPeers.updateValue(self, forKey: peer), older !== self { older.closeNow() }
  }

  private func readBody(of exchange: ServerExchange) throws(HTTPRefusal) -> Bool {
    switch exchange.intake {
    case .webSocket: return false
    case .whole(let limitBytes), .administration(let limitBytes):
      switch try bodyReader.next(&inbound, atMost: .max, node.limits) {
      case .needsMore: return false
      case .bytes(let bytes):
        guard bytes.readableBytes <= limitBytes - exchange.body.count else { throw .bodyTooLarge(limitBytes: limitBytes) }
        try append(bytes, to: exchange, limitBytes: limitBytes)
      case .end:
        endRequest(exchange)
        deliver(exchange)
      }
    case .stream:
      guard exchange.receiveCredit > 0 else { return false }
      guard !node.isMailboxFull else {
        node.tellOfRoom(self)
        return false
      }
      switch try bodyReader.next(&inbound, atMost: exchange.receiveCredit, node.limits) {
      case .needsMore: return false
      case .bytes(let bytes):
        exchange.receiveCredit -= bytes.readableBytes
        node.streamReceived(exchange, Array(bytes.readableBytesView), isText: false)
      case .end:
        endRequest(exchange)
        node.streamFinished(exchange)
      }
    }
    return true
  }

  /// The request of `exchange` was read to its end. What comes behind one that ends the connection is no request any more
  /// (RFC 9112, section 9.6): it would be carried out, and never answered.
  private func endRequest(_ exchange: ServerExchange) {
    receiving = nil
    if exchange.closesAfter { isInputOver = true }
  }

  /// What was asked for will not be answered: the machine hears that its peer left.
  func dropExchanges() {
    let left = pipelined
    pipelined.removeAll()
    receiving = nil
    answers.waitingBytes = 0
    for exchange in left {
      exchange.connection = nil
      exchange.releaseBodySpace()
      node.peerLeft(exchange)
    }
  }

  /// Keeps what came of a body that is to be whole. Where there is no room, slower bodies give way.
  private func append(_ bytes: ByteBuffer, to exchange: ServerExchange, limitBytes: Int) throws(HTTPRefusal) {
    let others = pipelined.reduce(0) { $0 + ($1 === exchange ? 0 : $1.bodyCharge) }
    let share = max(node.limits.requestBodyBytesPerConnection - others, others == 0 ? limitBytes : 0)
    if exchange.appendToBody(bytes, atMost: share) { return }
    node.giveWay(to: self)
    guard exchange.appendToBody(bytes, atMost: share) else { throw .tooManyBodies }
  }

  private func deliver(_ exchange: ServerExchange) {
    let request = Request(head: exchange.head, body: exchange.takeBody(), deadline: exchange.deadline)
    if let proof = exchange.proof {
      // Its time was looked at when the head came; the body may have taken its own.
      let now = LiveClock.systemWallTime()
      let refusal: HTTPRefusal? =
        !proof.isOf(body: request.body)
        ? .unprovedAdministration
        : !proof.isTimely(at: now) ? .untimelyAdministration : node.takenProofs.take(proof, at: now) ? nil : .repeatedAdministration
      if let refusal {
        exchange.releaseBodySpace()
        exchange.answer = .whole(refusal.response)
        return answersChanged()
      }
    }
    if !node.take(exchange, request) {
      exchange.releaseBodySpace()
      exchange.answer = .whole((node.life == nil ? HTTPRefusal.down : .overloaded).response)
      answersChanged()
    }
  }

  /// Whether the machine, not the peer, is what the reading of a body waits for.
  var isWaitingForMachine: Bool {
    guard let receiving else { return pipelined.count >= node.limits.pipelineDepth }
    switch receiving.intake {
    case .webSocket: return true
    case .stream: return receiving.receiveCredit <= 0 || node.isMailboxFull
    case .whole, .administration: return false
    }
  }

  // MARK: - Refusing and closing

  /// Answers with the host's own error, after the answers to what came before, and closes.
  func refuse(_ refusal: HTTPRefusal) {
    guard mode == .http, !isInputOver else { return }
    isInputOver = true
    if let exchange = receiving ?? pipelined.last, exchange === receiving || isUnknown(exchange) {
      // The exchange that is being read: the machine does not know it, or hears that its stream broke.
      receiving = nil
      exchange.releaseBodySpace()
      node.peerLeft(exchange)
      if !exchange.isHeadWritten {
        exchange.answer = .whole(refusal.response)
        exchange.closesAfter = true
      } else {
        closeNow()
        return
      }
    } else {
      let exchange = ServerExchange(id: ExchangeID(0), connection: self)
      if let head = headInHand { exchange.head = head } else { exchange.head.method = headReader.isOfHeadRequest ? .head : .get }
      exchange.answer = .whole(refusal.response)
      exchange.closesAfter = true
      pipelined.append(exchange)
    }
    answersChanged()
  }

  /// Whether the machine never heard of an exchange that stands in the row.
  private func isUnknown(_ exchange: ServerExchange) -> Bool {
    guard case .waiting = exchange.answer else { return false }
    return node.life?.exchanges[exchange.id] !== exchange
  }

  /// Takes no further request; closes when the answers to the requests so far are written.
  func drain() {
    switch mode {
    case .webSocket: webSocket?.goAway()
    case .lingering, .closed: return
    case .http:
      isDraining = true
      if receiving == nil { isInputOver = true }
      if pipelined.isEmpty && receiving == nil { closeNow() }
    }
  }

  /// Closes at once, behind what was written.
  func closeNow() {
    if isFlushQueued { context?.flush() }
    context?.close(promise: nil)
  }

  // MARK: - Flushing

  func flushSoon() {
    guard !isFlushQueued else { return }
    isFlushQueued = true
    node.flushLater(self)
  }

  func flushNow() {
    isFlushQueued = false
    flushAndWatch()
    settleAnswers()
  }

  func drained(_ bytes: Int) {
    if let webSocket { webSocket.drained(bytes) } else if let exchange = pipelined.first { node.streamDrained(exchange, bytes) }
  }

  // MARK: - Under a WebSocket

  func writeFrames(_ bytes: ByteBuffer, messageBytes: Int) {
    guard let context else { return }
    undrained.count += messageBytes
    clocks.writtenBytes += bytes.readableBytes
    context.write(wrapOutboundOut(bytes), promise: nil)
    flushSoon()
  }

  var isWritable: Bool { context?.channel.isWritable ?? false }

  func resumeReading() {
    guard isReadHeld else { return }
    isReadHeld = false
    context?.read()
  }

  func closeOutput() {
    context?.flush()
    context?.close(mode: .output, promise: nil)
  }

  /// The body of `exchange` is not read to its end, so the connection cannot be used again.
  func isBodyPending(_ exchange: ServerExchange) -> Bool {
    guard receiving === exchange else { return false }
    switch exchange.intake {
    case .webSocket: return false
    case .whole, .administration, .stream: return true
    }
  }

  /// The upgrade of `exchange` was decided: what it held back can be read again.
  func endReceiving(_ exchange: ServerExchange) {
    if receiving === exchange { receiving = nil }
  }

  /// Reads on after an answer made room.
  func processLater() {
    guard mode == .http, !isProcessing, inbound.readableBytes > 0 else { return }
    process()
  }
}

extension ServerConnection: RoomWaiting {
  func mailboxHasRoom() {
    clocks.pace.pause(now: node.shared.clock.now)
    process()
  }
}
