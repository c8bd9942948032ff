// One WebSocket (RFC 6455) in either role: messages out of frames, pings, credit, the closing handshake.
//
// Fault model: the peer may send any frames; what breaks the protocol ends the session with the close code that the RFC
// names. Limits: messages up to `limitBytes`; a silent peer is pinged and given up after three intervals; what has come
// of a message that is not complete takes of the node's space for bodies, keeps the pace of a body, and is given up
// (1013, 1008) where there is no space or no pace. One message may pass the granted credit, so that a message longer
// than the credit can come at all; then nothing is read until more is granted.

import NIOCore
import NIOWebSocket
import Vocabulary

/// Who uses a WebSocket.
protocol WebSocketOwner: AnyObject {
  /// A whole message came.
  func received(_ bytes: [UInt8], isText: Bool)
  /// The peer closed the WebSocket.
  func finished()
  /// The connection is gone.
  func lost()
  /// `bytes` of messages went to the network.
  func wrote(_ bytes: Int)
}

/// The last handler of a WebSocket's pipeline; confined to its loop.
final class WebSocketSession: ChannelDuplexHandler, Flushable {
  typealias InboundIn = WebSocketFrame
  typealias OutboundIn = Never
  typealias OutboundOut = WebSocketFrame

  enum Role {
    case server, caller
  }

  private let role: Role
  private let limitBytes: Int
  private let owner: any WebSocketOwner
  private unowned let node: LiveNode
  private var context: ChannelHandlerContext?
  private var credit: Int
  /// Messages that came in one read beyond the credit.
  private var undelivered = CircularBuffer<(bytes: [UInt8], isText: Bool)>()
  private var fragments: ByteBuffer?
  private var areFragmentsText = false
  private var isReadHeld = false
  private var isFlushQueued = false
  private var hasSentClose = false
  private var closeSentAt: Instant?
  private var hasReceivedClose = false
  private var heardAt: Instant
  private var pingedAt: Instant
  /// Where the space for what is not complete comes from; nil where it is not counted.
  private let space: SpaceAccount?
  private var chargedBytes = 0
  /// Bytes of the frame that is not complete yet.
  private var unframedBytes = 0
  private var pace: BodyPace
  /// What is not complete is charged beyond this, in steps of it: what a stream's first credit allows anyway.
  private static let chargeStep = initialStreamCreditBytes

  init(role: Role, limitBytes: Int, credit: Int, owner: any WebSocketOwner, node: LiveNode, space: SpaceAccount? = nil) {
    self.space = space
    pace = BodyPace(now: node.shared.clock.now)
    self.role = role
    self.limitBytes = min(limitBytes, Int(UInt32.max) - 1)
    self.credit = credit
    self.owner = owner
    self.node = node
    heardAt = node.shared.clock.now
    pingedAt = heardAt
  }

  deinit { _ = space?.take(-chargedBytes) }

  /// Adds the frame codec and this session behind `handler`.
  func install(in pipeline: ChannelPipeline, after handler: any ChannelHandler) throws {
    let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: max(limitBytes, 125)))
    try pipeline.syncOperations.addHandlers([WebSocketFrameEncoder(), decoder, self], position: .after(handler))
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  // MARK: - Sending

  /// Sends one message.
  func send(_ bytes: ByteBuffer, isText: Bool) {
    guard !hasSentClose, let context else { return }
    let count = bytes.readableBytes
    let written = context.eventLoop.makePromise(of: Void.self)
    let owner = NIOLoopBound(self.owner, eventLoop: context.eventLoop)
    written.futureResult.whenSuccess { owner.value.wrote(count) }
    write(isText ? .text : .binary, bytes, promise: written)
  }

  /// Says that this side is done.
  func finish() {
    sendClose(.normalClosure)
    if hasReceivedClose { closeChannel() }
  }

  /// The process stops.
  func goAway() { sendClose(.goingAway) }

  /// Breaks the connection off.
  func breakOff() { context?.close(promise: nil) }

  private func sendClose(_ code: WebSocketErrorCode) {
    guard !hasSentClose, let context else { return }
    var data = context.channel.allocator.buffer(capacity: 2)
    data.write(webSocketErrorCode: code)
    write(.connectionClose, data, promise: nil)
    hasSentClose = true
    closeSentAt = node.shared.clock.now
  }

  private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer, promise: EventLoopPromise<Void>?) {
    let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: role == .caller ? .random() : nil, data: data)
    context?.write(wrapOutboundOut(frame), promise: promise)
    guard !isFlushQueued else { return }
    isFlushQueued = true
    node.flushLater(self)
  }

  func flushNow() {
    isFlushQueued = false
    context?.flush()
  }

  // MARK: - Receiving

  func grant(_ bytes: Int) {
    credit = credit.addingReportingOverflow(bytes).overflow ? .max : credit + bytes
    while credit > 0, let message = undelivered.popFirst() { deliver(message.bytes, isText: message.isText) }
    if isReadHeld && credit > 0 {
      isReadHeld = false
      heardAt = node.shared.clock.now
      context?.read()
    }
  }

  func read(context: ChannelHandlerContext) {
    if credit > 0 || hasSentClose { context.read() } else { isReadHeld = true }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    heardAt = node.shared.clock.now
    unframedBytes = max(0, unframedBytes - frame.bytesOnWire)
    guard !hasReceivedClose else { return }
    guard !frame.rsv1, !frame.rsv2, !frame.rsv3, (frame.maskKey != nil) == (role == .server) else { return fail(.protocolError) }
    switch frame.opcode {
    case .text, .binary:
      guard fragments == nil else { return fail(.protocolError) }
      if frame.fin {
        message(frame.unmaskedData, isText: frame.opcode == .text)
      } else {
        fragments = frame.unmaskedData
        areFragmentsText = frame.opcode == .text
      }
    case .continuation:
      guard var joined = fragments else { return fail(.protocolError) }
      var part = frame.unmaskedData
      guard part.readableBytes <= limitBytes - joined.readableBytes else { return fail(.messageTooLarge) }
      fragments = nil
      joined.writeBuffer(&part)
      if frame.fin { message(joined, isText: areFragmentsText) } else { fragments = joined }
    case .ping: if !hasSentClose { write(.pong, frame.unmaskedData, promise: nil) }
    case .pong: break
    case .connectionClose: closeArrived(frame.unmaskedData)
    default: fail(.protocolError)  // WebSocketOpcode is NIO's; the opcodes that are left are reserved.
    }
  }

  // MARK: - Space for what is not complete

  /// `count` bytes are about to be read.
  func noteRead(_ count: Int) {
    guard space != nil else { return }
    unframedBytes += count
    pace.note(count)
  }

  /// Takes space for what has come of a message that is not complete, or gives it back.
  func keepSpace() {
    guard let space, !hasReceivedClose else { return }
    let unfinished = unframedBytes + (fragments?.readableBytes ?? 0)
    let wanted = unfinished / Self.chargeStep * Self.chargeStep
    guard wanted != chargedBytes else { return }
    if chargedBytes == 0 { pace.begin(now: node.shared.clock.now) }
    if !space.take(wanted - chargedBytes) {
      node.giveWay(to: nil)
      guard !hasReceivedClose else { return }
      guard space.take(wanted - chargedBytes) else { return fail(WebSocketErrorCode(codeNumber: 1_013)) }
    }
    chargedBytes = wanted
  }

  private func giveSpaceBack() {
    _ = space?.take(-chargedBytes)
    chargedBytes = 0
    unframedBytes = 0
    fragments = nil
  }

  /// There is no room for another body: what has come of a message gives way where it comes slowly.
  func giveWayIfSlow() {
    if chargedBytes > 0, pace.givesWay(node.limits) { fail(.policyViolation) }
  }

  private func message(_ data: ByteBuffer, isText: Bool) {
    guard data.readableBytes <= limitBytes else { return fail(.messageTooLarge) }
    let bytes = Array(data.readableBytesView)
    if isText && String(validating: bytes, as: UTF8.self) == nil { return fail(.dataInconsistentWithMessage) }
    if credit > 0 && undelivered.isEmpty { deliver(bytes, isText: isText) } else { undelivered.append((bytes, isText)) }
  }

  private func deliver(_ bytes: [UInt8], isText: Bool) {
    credit -= bytes.count
    owner.received(bytes, isText: isText)
  }

  private func closeArrived(_ data: ByteBuffer) {
    var reason = data
    let isSound = reason.readableBytes == 0 || (reason.readableBytes >= 2 && reason.readWebSocketErrorCode() != nil)
    hasReceivedClose = true
    sendClose(isSound ? .normalClosure : .protocolError)
    while let message = undelivered.popFirst() { deliver(message.bytes, isText: message.isText) }
    owner.finished()
    closeChannel()
  }

  private func fail(_ code: WebSocketErrorCode) {
    sendClose(code)
    hasReceivedClose = true
    giveSpaceBack()
    closeChannel()
  }

  private func closeChannel() {
    context?.flush()
    isFlushQueued = false
    context?.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let broken = error as? NIOWebSocketError {
      fail(broken == .invalidFrameLength ? .messageTooLarge : .protocolError)
    } else {
      context.close(promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    owner.lost()
    context.fireChannelInactive()
  }

  // MARK: - Time-outs

  /// Pings a silent peer and gives up one that stays silent.
  func sweep(_ now: Instant) {
    let interval = node.limits.webSocketPingInterval
    if let closeSentAt {
      if now - closeSentAt > node.limits.partingTimeout(isStopping: node.isStopping) { breakOff() }
      return
    }
    // A peer that may not send cannot be blamed for its silence.
    if isReadHeld {
      pace.pause(now: now)
      return
    }
    if pace.isTooSlow(now: now, isKept: true, node.limits), chargedBytes > 0 { return fail(.policyViolation) }
    let silence = now - heardAt
    if silence > interval * 3 {
      breakOff()
    } else if silence > interval, now - pingedAt > interval {
      pingedAt = now
      write(.ping, ByteBuffer(), promise: nil)
    }
  }
}

extension WebSocketFrame {
  /// How many bytes the frame took on the wire (RFC 6455, section 5.2).
  fileprivate var bytesOnWire: Int {
    let count = length
    return 2 + (maskKey == nil ? 0 : 4) + (count < 126 ? 0 : count < 65_536 ? 2 : 8) + count
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
  func finished() { if let exchange { node.streamFinished(exchange) } }
  func lost() { if let exchange { node.peerLeft(exchange) } }
  func wrote(_ bytes: Int) { if let exchange { node.returnCredit(exchange.id, bytes) } }
}
