// One connection that this node opened: writes a request, reads the response, and tells the exchange that uses it.
//
// Fault model: the server may refuse, vanish at any byte, answer garbage or without end. Limits: heads by `LiveLimits`;
// whole bodies by `responseBytes`; a streamed body by the credit that the machine granted. Deadlines are the machine's
// affair (it cancels).

import NIOCore
import Vocabulary

/// An exchange that uses a connection.
protocol ConnectionUser: AnyObject {
  /// The response to this method is framed accordingly.
  var method: Method { get }
  /// Bytes of the body that may be taken now.
  var wantedBytes: Int { get }
  /// The head of the response came. False where the rest is not wanted.
  func headCame(_ head: ResponseHead) -> Bool
  /// Bytes of the body came. False where they are too many.
  func bytesCame(_ bytes: ByteBuffer) -> Bool
  /// The response is complete.
  func ended()
  /// `bytes` of a body have been taken by the system.
  func drained(_ bytes: Int)
  /// How fast the server must take what waits to be written.
  var askedPace: TakingPace { get }
  /// There will be no response, or no more of it.
  func broke(_ failure: TransportFailure)
  /// The connection is a WebSocket now; returns its user's session.
  func upgraded(_ head: ResponseHead, on connection: CallerConnection) -> WebSocketSession?
  /// That session can send now.
  func upgradeInstalled()
}

/// A channel handler; confined to the node's loop.
final class CallerConnection: ChannelDuplexHandler, Flushable, DrainingConnection, WebSocketConnection {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum State {
    case idle, head
    case body(isReusable: Bool)
    case webSocket(WebSocketSession)
    case closed
  }

  private unowned let node: LiveNode
  private(set) var context: ChannelHandlerContext?
  private var state = State.idle
  private var user: (any ConnectionUser)?
  /// How many exchanges were begun on it.
  private(set) var exchangeCount = 0
  /// Whether a byte came for the present user.
  private(set) var hasHeard = false
  private var offer: WebSocketOffer?
  private var inbound = ByteBuffer()
  private var headReader = HTTPHeadReader(.response)
  private var bodyReader = HTTPBodyReader(.empty)
  private var isReadHeld = false
  /// The connection is gone, but the user has not wanted all that came through it yet.
  private var isGone = false
  private var isFlushQueued = false
  /// This host has closed it.
  private(set) var isClosed = false
  var undrained = UndrainedBytes()
  private var clocks: ConnectionClocks
  private(set) var idleSince: Instant
  /// Told when the connection can serve another exchange (true), or is gone (false). Once each at most.
  var whenFree: ((CallerConnection, Bool) -> Void)?

  init(node: LiveNode) {
    self.node = node
    idleSince = node.shared.clock.now
    clocks = ConnectionClocks(now: idleSince)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Whether it is open and serves nobody.
  var isIdle: Bool {
    if case .idle = state, let context { return context.channel.isActive }
    return false
  }

  // MARK: - Writing

  /// Writes the head of a request for `user`, which may offer to become a WebSocket; its body follows by `write`.
  func begin(_ user: any ConnectionUser, _ offer: WebSocketOffer?, _ head: ByteBuffer) {
    self.user = user
    exchangeCount += 1
    hasHeard = false
    self.offer = offer
    state = .head
    write(head)
  }

  /// Writes at the end of the batch; `messageBytes` of a body are in it, for `ConnectionUser.drained`.
  func write(_ bytes: ByteBuffer, messageBytes: Int = 0) {
    guard let context else { return }
    undrained.count += messageBytes
    clocks.writtenBytes += bytes.readableBytes
    context.write(wrapOutboundOut(bytes), promise: nil)
    guard !isFlushQueued else { return }
    isFlushQueued = true
    node.flushLater(self)
  }

  func flushNow() {
    isFlushQueued = false
    flushAndWatch()
  }

  func drained(_ bytes: Int) {
    if case .webSocket(let session) = state { session.drained(bytes) } else { user?.drained(bytes) }
  }

  // MARK: - Under a WebSocket

  func writeFrames(_ bytes: ByteBuffer, messageBytes: Int) { write(bytes, messageBytes: messageBytes) }

  func resumeReading() {
    guard isReadHeld else { return }
    isReadHeld = false
    context?.read()
  }

  var isWritable: Bool { context?.channel.isWritable ?? false }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable, case .webSocket(let session) = state { session.becameWritable() }
    context.fireChannelWritabilityChanged()
  }

  func closeOutput() {
    context?.flush()
    context?.close(mode: .output, promise: nil)
  }

  func closeNow() {
    if isFlushQueued { context?.flush() }
    close()
  }

  /// The user is no longer interested; the connection cannot be used again.
  func dropUser() {
    user = nil
    close()
  }

  func close() {
    isClosed = true
    context?.close(promise: nil)
  }

  // MARK: - Reading

  func read(context: ChannelHandlerContext) {
    let isHeld =
      switch state {
      case .body: (user?.wantedBytes ?? 1) <= 0 && inbound.readableBytes > 0
      case .webSocket(let session): !session.wantsInput
      case .idle, .head, .closed: false
      }
    if isHeld { isReadHeld = true } else { context.read() }
  }

  /// The user wants more of the body.
  func inputWanted() {
    process()
    if isReadHeld, (user?.wantedBytes ?? 1) > 0 {
      isReadHeld = false
      context?.read()
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    switch state {
    case .webSocket(let session): session.receive(bytes)
    case .closed: return
    case .idle: close()  // Nobody asked: the connection is of no use.
    case .head, .body:
      hasHeard = true
      if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
      process()
    }
  }

  private func process() {
    do throws(HTTPRefusal) {
      while try step() {}
    } catch {
      end(with: .malformedResponse)
    }
  }

  private func step() throws(HTTPRefusal) -> Bool {
    guard let user else { return false }
    switch state {
    case .idle, .webSocket, .closed: return false
    case .head:
      guard inbound.readableBytes > 0, let raw = try headReader.next(&inbound, node.limits) else {
        if isGone { end(with: .connectionLost) }
        return false
      }
      return try headCame(raw, user)
    case .body(let isReusable):
      let wanted = user.wantedBytes
      guard wanted > 0 else { return false }
      switch try bodyReader.next(&inbound, atMost: wanted, node.limits) {
      case .needsMore:
        if isGone && bodyReader.endsWithConnection { complete(isReusable: false) } else if isGone { end(with: .connectionLost) }
        return false
      case .bytes(let bytes):
        if user.bytesCame(bytes) { return true }
        end(with: .responseTooLarge)
        return false
      case .end:
        complete(isReusable: isReusable && inbound.readableBytes == 0)
        return false
      }
    }
  }

  private func headCame(_ raw: HTTPHead, _ user: any ConnectionUser) throws(HTTPRefusal) -> Bool {
    guard raw.first == "HTTP/1.1" || raw.first == "HTTP/1.0", raw.second.utf8.count == 3, let status = Int(raw.second),
      (100...599).contains(status)
    else { throw .malformed("the status line is not one of HTTP/1.1") }
    let head = ResponseHead(status: status, headers: raw.headers)
    if status == 101 {
      guard let offer, let channel = context?.channel, offer.isTaken(by: raw.headers, on: channel),
        let session = user.upgraded(head, on: self)
      else { throw .malformed("an upgrade that was not asked for, or a wrong one") }
      state = .webSocket(session)
      user.upgradeInstalled()
      let early = inbound
      inbound = ByteBuffer()
      if early.readableBytes > 0 { session.receive(early) }
      return false
    }
    if status < 200 { return true }  // An interim answer; the real one follows.
    let isVersion10 = raw.first == "HTTP/1.0"
    var framing = try HTTPBodyFraming.declared(raw.headers, isVersion10: isVersion10) ?? .untilClose
    if user.method == .head || status == 204 || status == 304 { framing = .empty }
    // Behind 413 and 408 a server may close without saying so (RFC 9110, 15.5.14, 15.5.9), and one that answers before
    // it has the whole request often does: the next request would meet a closed connection.
    let isCutShort = status == 413 || status == 408 || (context?.channel.bufferedWritableBytes ?? 0) > 0
    let isReusable =
      !isVersion10 && framing != .untilClose && !raw.headers.lists("connection", "close") && !isCutShort
    bodyReader = HTTPBodyReader(framing)
    state = .body(isReusable: isReusable)
    if !user.headCame(head) {
      end(with: .responseTooLarge)
      return false
    }
    return true
  }

  private func complete(isReusable: Bool) {
    let finished = user
    user = nil
    state = isReusable ? .idle : .closed
    idleSince = node.shared.clock.now
    finished?.ended()
    if isReusable && !isGone { whenFree?(self, true) } else { close() }
  }

  private func end(with failure: TransportFailure) {
    let broken = user
    user = nil
    state = .closed
    broken?.broke(failure)
    close()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) {
    isGone = true
    // What has come still counts, as far as the credit goes now and later; then the user hears how it ended.
    process()
    if case .webSocket(let session) = state {
      user = nil
      state = .closed
      session.connectionEnded()
    }
    context.fireChannelInactive()
    let told = whenFree
    whenFree = nil
    told?(self, false)
  }

  /// Closes where the server takes too slowly what waits to be written.
  func sweep(_ now: Instant) {
    guard let context else { return }
    if clocks.isTooSlow(
      taking: context.channel.bufferedWritableBytes, isFlushQueued: isFlushQueued, user?.askedPace ?? .free, now: now, node.limits)
    {
      close()
    } else if case .webSocket(let session) = state {
      session.sweep(now)
    }
  }
}
