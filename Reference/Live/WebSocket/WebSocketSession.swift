// One WebSocket (RFC 6455) in either role: messages, pings, credit, the closing handshake.
//
// Fault model: the peer may send any frames; what breaks the protocol ends the session with the close code that the RFC
// names. Limits: messages up to `limitBytes`; a silent peer is pinged and given up after three intervals; what has come
// of a message that is not complete takes of the node's space for bodies, keeps the pace of a body, and is given up
// (1013, 1008) where there is no space or no pace. While the machine has granted nothing more, nothing is read; one
// message may pass the granted credit, so that a message longer than the credit can come at all. Once this side has
// closed, it reads on for the peer's close, and what goes beyond the credit, or finds the mailbox full, is discarded.

import NIOCore
import Vocabulary

/// Who uses a WebSocket.
protocol WebSocketOwner: AnyObject {
  /// A whole message came.
  func received(_ bytes: [UInt8], isText: Bool)
  /// The peer closed the WebSocket, and nothing more comes. True where the owner will have that answered
  /// (`WebSocketSession.answerClose`) once it has said what it had to say.
  func finished(_ closure: StreamClosure) -> Bool
  /// This host ends the WebSocket for a fault of the peer, or for want of room. True as for `finished`.
  func failed(_ closure: StreamClosure) -> Bool
  /// The connection broke.
  func lost(_ closure: StreamClosure)
  /// `bytes` of messages went to the network.
  func drained(_ bytes: Int)
}

/// The connection under a WebSocket; both kinds are handlers of channels.
protocol WebSocketConnection: AnyObject {
  /// Writes frames at the end of the batch; `messageBytes` of messages are in them, for `WebSocketOwner.drained`.
  func writeFrames(_ bytes: ByteBuffer, messageBytes: Int)
  /// Reads on, after `WebSocketSession.wantsInput` has become true.
  func resumeReading()
  /// Writes what waits to be written and says that nothing more comes.
  func closeOutput()
  /// Closes at once, behind what was written.
  func closeNow()
  /// Whether the peer takes what is written: else more would pile up.
  var isWritable: Bool { get }
}

/// Confined to the loop of its connection, which holds it and hands it what comes.
final class WebSocketSession {
  enum Role {
    case server, caller
  }

  private let role: Role
  private let owner: any WebSocketOwner
  private unowned let node: LiveNode
  /// Weak: the exchange may hold this session for longer than the connection lives.
  private weak var connection: (any WebSocketConnection)?
  private var reader: WebSocketReader
  /// Bytes that came and are not read yet: less than a frame's head, or what the machine has not granted.
  private var inbound = ByteBuffer()
  private var credit: Int
  private var hasSentClose = false
  private var closedAt: Instant?
  /// Nothing that still comes is of interest, and the owner was told why.
  private var isOver = false
  private var isReading = false
  private var isConnectionGone = false
  /// The peer's close, or what this host closes with, until the machine has heard of it.
  private var unansweredClose: StreamClosure?
  /// Whether the peer may still be sending.
  private var isPeerSending = true
  private var heardAt: Instant
  private var pingedAt: Instant
  /// What the latest ping said that is to be answered once the peer takes what is written: who pings without reading
  /// must not fill this host's memory with answers (RFC 6455, 5.5.3, lets the latest stand for all).
  private var unansweredPing: [UInt8]?
  /// Whether what has come waits until the machine's mailbox has room.
  private var waitsForRoom = false
  /// Where the space for what is not complete comes from; nil where it is not counted.
  private let space: SpaceAccount?
  private var chargedBytes = 0
  private var pace: BodyPace
  /// What is not complete is charged beyond this, in steps of it: what a stream's first credit allows anyway.
  private static let chargeStep = initialStreamCreditBytes

  init(
    role: Role, limitBytes: Int, credit: Int, owner: any WebSocketOwner, node: LiveNode, connection: any WebSocketConnection,
    space: SpaceAccount? = nil
  ) {
    self.role = role
    self.credit = credit
    self.owner = owner
    self.node = node
    self.connection = connection
    self.space = space
    reader = WebSocketReader(expectsMasks: role == .server, limitBytes: limitBytes)
    heardAt = node.shared.clock.now
    pingedAt = heardAt
    pace = BodyPace(now: heardAt)
  }

  deinit { _ = space?.take(-chargedBytes) }

  /// Messages of at most `limitBytes` are taken from now on: the peer has proved who it is.
  func widen(limitBytes: Int) { reader.limitBytes = limitBytes }

  // MARK: - Sending

  /// Sends one message; behind a close it goes nowhere.
  func send(_ message: OutgoingMessage) {
    guard !hasSentClose else { return owner.drained(message.count) }
    switch role {
    case .caller:
      connection?.writeFrames(WebSocketFrames.frame(message.opcode, message.source, isMasked: true), messageBytes: message.count)
    case .server:
      let (head, isWhole) = message.frame
      connection?.writeFrames(head, messageBytes: isWhole ? message.count : 0)
      if !isWhole { connection?.writeFrames(message.bytes, messageBytes: message.count) }
    }
  }

  /// Says that this side is done, and waits for the peer to say so.
  func finish(_ closure: StreamClosure) {
    if closure == .connectionLost { return breakOff() }
    sendClose(closure)
    // What came before, and waited, waits no more: the peer's close may be behind it.
    process()
  }

  /// The process stops.
  func goAway() { sendClose(.goingAway) }

  /// Gives the WebSocket up. The owner hears nothing more of it.
  func abort(_ closure: StreamClosure) {
    guard !isOver else { return answerClose() }
    isOver = true
    guard closure != .connectionLost, !hasSentClose else {
      connection?.closeNow()
      return
    }
    sendClose(closure)
    endInput()
  }

  private func breakOff() { connection?.closeNow() }

  private func sendClose(_ closure: StreamClosure) {
    guard !hasSentClose else { return }
    write(WebSocketFrames.close(closure, isMasked: role == .caller))
    hasSentClose = true
    closedAt = node.shared.clock.now
    connection?.resumeReading()
  }

  private func write(_ frame: ByteBuffer) { connection?.writeFrames(frame, messageBytes: 0) }

  // MARK: - Receiving

  /// Whether more is to be read. What came before an end waits for nothing more.
  var wantsInput: Bool { credit > 0 && !waitsForRoom || hasSentClose || isConnectionGone }

  func grant(_ bytes: Int) {
    guard !isOver else { return }
    let couldRead = wantsInput
    credit = credit.addingReportingOverflow(bytes).overflow ? .max : credit + bytes
    guard !couldRead, wantsInput else { return }
    // Time in which the machine was waited for is not the peer's.
    heardAt = node.shared.clock.now
    pace.pause(now: heardAt)
    process()
    connection?.resumeReading()
  }

  /// What came on the connection.
  func receive(_ bytes: consuming ByteBuffer) {
    guard !isOver else { return }
    heardAt = node.shared.clock.now
    pace.note(bytes.readableBytes)
    if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
    process()
  }

  private func process() {
    // A turn of the machine never runs within: it only hears of events later.
    guard !isReading else { return }
    isReading = true
    do throws(WebSocketViolation) {
      while hasRoom(), wantsInput, !isOver, let input = try reader.next(&inbound) { take(input) }
    } catch {
      fail(error.closure)
    }
    isReading = false
    // An empty buffer would keep its storage for as long as the connection lives; there may be thousands.
    if isOver || inbound.readableBytes == 0 { inbound = ByteBuffer() }
    keepSpace()
  }

  /// Whether the machine's mailbox is full. What peers say is no affair of it.
  private var isMachineFull: Bool { space != nil && node.isMailboxFull }

  /// Whether what comes can be told to the machine now; else this is told once it can (`mailboxHasRoom`). What peers say
  /// is dropped where there is no room, and does not wait.
  private func hasRoom() -> Bool {
    guard isMachineFull, !isOver, !isConnectionGone, !hasSentClose else { return true }
    if !waitsForRoom {
      waitsForRoom = true
      node.tellOfRoom(self)
    }
    return false
  }

  /// The peer takes what is written again.
  func becameWritable() {
    guard let payload = unansweredPing else { return }
    unansweredPing = nil
    answerPing(payload)
  }

  private func answerPing(_ payload: [UInt8]) {
    guard !hasSentClose, !isOver else { return }
    guard connection?.isWritable == true else {
      unansweredPing = payload
      return
    }
    write(WebSocketFrames.control(.pong, payload, isMasked: role == .caller))
  }

  private func take(_ input: WebSocketReader.Input) {
    switch input {
    case .message(let bytes, let isText):
      // Behind this side's close only the peer's is waited for: what nobody has room for goes nowhere.
      if hasSentClose, credit <= 0 || isMachineFull { return }
      credit -= bytes.count
      owner.received(bytes, isText: isText)
    case .ping(let payload): answerPing(payload)
    case .pong: break
    case .close(let closure):
      isOver = true
      isPeerSending = false
      unansweredClose = closure
      if !owner.finished(closure) { answerClose() }
    }
  }

  /// The owner has done what it wanted to before it heard of the end, and the peer is told now.
  func answerClose() {
    guard let closure = unansweredClose else { return }
    unansweredClose = nil
    sendClose(closure)
    if isPeerSending { endInput() } else { connection?.closeNow() }
  }

  /// Ends the WebSocket, and tells both sides why.
  private func fail(_ closure: StreamClosure) {
    guard !isOver else { return }
    isOver = true
    unansweredClose = closure
    reader.drop()
    giveSpaceBack()
    if !owner.failed(closure) { answerClose() }
  }

  /// What still comes is discarded until the peer has closed too: a close at once would turn unread bytes into a reset,
  /// which can take the close frame away from a peer that is still sending.
  private func endInput() {
    reader.drop()
    inbound = ByteBuffer()
    giveSpaceBack()
    connection?.closeOutput()
    connection?.resumeReading()
  }

  /// The connection is gone.
  func connectionEnded() {
    guard !isOver else { return }
    isConnectionGone = true
    process()
    guard !isOver else { return }
    isOver = true
    giveSpaceBack()
    owner.lost(.connectionLost)
  }

  // MARK: - Space for what is not complete

  /// Takes space for what has come of a message that is not complete, or gives it back.
  private func keepSpace() {
    guard let space, !isOver else { return }
    let unfinished = reader.unfinishedBytes + inbound.readableBytes
    let wanted = unfinished / Self.chargeStep * Self.chargeStep
    guard wanted != chargedBytes else { return }
    if chargedBytes == 0 { pace.begin(now: node.shared.clock.now) }
    if !space.take(wanted - chargedBytes) {
      node.giveWay(to: nil)
      guard !isOver else { return }
      guard space.take(wanted - chargedBytes) else { return fail(.tryAgainLater) }
    }
    chargedBytes = wanted
  }

  private func giveSpaceBack() {
    _ = space?.take(-chargedBytes)
    chargedBytes = 0
  }

  /// There is no room for another body: what has come of a message gives way where it comes slowly.
  func giveWayIfSlow() { if chargedBytes > 0, wantsInput, pace.givesWay(node.limits) { fail(.policyViolation) } }

  /// `bytes` of messages went to the network.
  func drained(_ bytes: Int) { owner.drained(bytes) }

  // MARK: - Time-outs

  /// Pings a silent peer and gives up one that stays silent.
  func sweep(_ now: Instant) {
    let interval = node.limits.streams.pingInterval
    if let closedAt {
      let timeout = node.isStopping ? node.limits.stoppingTimeout : node.limits.streams.closeTimeout
      if now - closedAt > timeout { breakOff() }
      return
    }
    // A peer that may not send cannot be blamed for its silence.
    guard wantsInput else { return pace.pause(now: now) }
    if pace.isTooSlow(now: now, within: node.limits.bodyTimeout, node.limits), chargedBytes > 0 { return fail(.policyViolation) }
    let silence = now - heardAt
    if silence > interval * 3 {
      breakOff()
    } else if silence > interval, now - pingedAt > interval {
      pingedAt = now
      write(WebSocketFrames.control(.ping, [], isMasked: role == .caller))
    }
  }
}

extension WebSocketSession: RoomWaiting {
  func mailboxHasRoom() {
    guard waitsForRoom else { return }
    waitsForRoom = false
    // Time in which the machine was waited for is not the peer's.
    heardAt = node.shared.clock.now
    pace.pause(now: heardAt)
    process()
    if wantsInput { connection?.resumeReading() }
  }
}

/// The WebSocket of an exchange that the machine knows, in either role.
final class ExchangeSocket: WebSocketOwner {
  /// Weak: the exchange holds the session that holds this; the node holds the exchange for as long as the machine wants
  /// it.
  private weak var exchange: LiveExchange?
  private unowned let node: LiveNode

  init(exchange: LiveExchange, node: LiveNode) {
    self.exchange = exchange
    self.node = node
  }

  func received(_ bytes: [UInt8], isText: Bool) { if let exchange { node.streamReceived(exchange, bytes, isText: isText) } }
  func finished(_ closure: StreamClosure) -> Bool {
    guard let exchange, node.isWanted(exchange) else { return false }
    node.streamFinished(exchange, closure)
    return true
  }
  func failed(_ closure: StreamClosure) -> Bool {
    guard let exchange, node.isWanted(exchange) else { return false }
    node.socketFailed(exchange, closure)
    return true
  }

  func lost(_ closure: StreamClosure) { if let exchange { node.peerLeft(exchange, closure) } }
  func drained(_ bytes: Int) { if let exchange { node.streamDrained(exchange, bytes) } }
}
