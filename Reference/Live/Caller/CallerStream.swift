// A stream that this node opened: a request, whole or with a streamed body, with a streamed response; or a WebSocket.
// On a connection of its own.
//
// Limits: a streamed request by GET, HEAD or DELETE has no body; the machine still finishes its direction. What is sent
// before the connection stands waits here, bounded by the credit; what is sent to a WebSocket that is refused goes
// nowhere, and is as good as taken.

import NIOCore
import Vocabulary

/// The caller's side of one stream; confined to the node's loop.
final class CallerStream: LiveExchange, ConnectionUser {
  private enum Part {
    case message(OutgoingMessage)
    case end(StreamClosure)
  }

  private let callee: Callee
  /// Its body is let go once it was written.
  private var request: Request
  private let form: StreamForm
  private unowned let node: LiveNode
  private var connection: CallerConnection?
  private var session: WebSocketSession?
  private var waiting = CircularBuffer<Part>(initialCapacity: 1)
  private var credit = initialStreamCreditBytes
  private var isDone = false
  private var isSessionInstalled = false
  /// A WebSocket was asked for, and none came of it.
  private var isRefused = false

  init(id: ExchangeID, callee: Callee, request: Request, form: StreamForm, node: LiveNode) {
    self.callee = callee
    self.request = request
    self.form = form
    self.node = node
    super.init(id: id)
    isFinishedHere = form == .whole
  }

  var method: Method { request.head.method }
  var isWebSocket: Bool { form == .webSocket }

  private var hasBody: Bool { form == .streamed && method != .get && method != .head && method != .delete }

  /// Opens the connection and writes the head.
  func start() {
    node.caller.openStream(to: callee) { result in
      switch result {
      case .failure(let failure): self.broke(failure)
      case .success((let connection, let host)):
        if self.isDone { connection.close() } else { self.begin(on: connection, host: host) }
      }
    }
  }

  private func begin(on connection: CallerConnection, host: String) {
    self.connection = connection
    var buffer = ByteBufferAllocator().buffer(capacity: 256 + request.body.count)
    let timeLeft = request.deadline == .never ? nil : request.deadline.remaining(at: node.shared.clock.now)
    let offer = isWebSocket ? WebSocketOffer(of: request.head.headers) : nil
    let framing: HTTPBodyFraming? =
      switch form {
      case .streamed: hasBody ? .chunked : nil
      case .whole: request.body.isEmpty && !hasBodyByNature ? nil : .length(request.body.count)
      case .webSocket: nil
      }
    let fields = HTTPFramingFields(framing: framing, close: false)
    HTTPWriter.writeHead(request.head, fields, host: host, timeLeft: timeLeft, upgradeKey: offer?.key, into: &buffer)
    buffer.writeBytes(request.body)
    request.body = []
    connection.begin(self, offer, buffer)
    if !isWebSocket { writeWaiting() }
  }

  private var hasBodyByNature: Bool { method != .get && method != .head && method != .delete }

  // MARK: - Sending

  override var isSendable: Bool { true }

  override func send(_ message: OutgoingMessage) {
    if isSessionInstalled, let session { return session.send(message) }
    if isRefused { return node.streamDrained(self, message.count) }
    waiting.append(.message(message))
    if connection != nil && !isWebSocket { writeWaiting() }
  }

  override func finish(_ closure: StreamClosure) {
    if isSessionInstalled, let session { return session.finish(closure) }
    waiting.append(.end(closure))
    if connection != nil && !isWebSocket { writeWaiting() }
  }

  private func writeWaiting() {
    guard let connection else { return }
    while let part = waiting.popFirst() {
      switch part {
      case .message(let message):
        guard hasBody, message.count > 0 else {
          node.streamDrained(self, message.count)
          continue
        }
        if message.isJoined {
          connection.write(message.chunk, messageBytes: message.count)
          continue
        }
        var chunkHead = ByteBuffer()
        HTTPWriter.writeChunkHead(count: message.count, into: &chunkHead)
        connection.write(chunkHead)
        connection.write(message.bytes, messageBytes: message.count)
        var end = ByteBuffer()
        end.writeStaticString("\r\n")
        connection.write(end)
      case .end:
        guard hasBody else { continue }
        var end = ByteBuffer()
        end.writeStaticString("0\r\n\r\n")
        connection.write(end)
      }
    }
  }

  override func answerClose() { session?.answerClose() }

  override func abort(_ closure: StreamClosure) {
    isDone = true
    if let session { session.abort(closure) } else { connection?.dropUser() }
    connection = nil
    session = nil
  }

  // MARK: - Receiving

  override func grant(_ bytes: Int) {
    if let session { return session.grant(bytes) }
    credit = credit.addingReportingOverflow(bytes).overflow ? .max : credit + bytes
    connection?.inputWanted()
  }

  func headCame(_ head: ResponseHead) -> Bool {
    node.streamAccepted(self, head)
    isRefused = isWebSocket
    while isRefused, let part = waiting.popFirst() {
      if case .message(let message) = part { node.streamDrained(self, message.count) }
    }
    return true
  }

  /// None while the machine's mailbox is full; then this is told once it has room.
  var wantedBytes: Int {
    guard credit > 0, node.isMailboxFull else { return credit }
    node.tellOfRoom(self)
    return 0
  }

  func bytesCame(_ bytes: ByteBuffer) -> Bool {
    credit -= bytes.readableBytes
    node.streamReceived(self, Array(bytes.readableBytesView), isText: false)
    return true
  }

  func drained(_ bytes: Int) { node.streamDrained(self, bytes) }

  /// A whole request is no stream.
  var askedPace: TakingPace { form == .whole ? .progress(within: node.limits.writeStallTimeout) : streamPace(node.limits) }

  func ended() {
    isDone = true
    connection = nil
    node.streamFinished(self, .normal)
  }

  func broke(_ failure: TransportFailure) {
    guard !isDone else { return }
    isDone = true
    connection = nil
    node.callerStreamFailed(self, failure)
  }

  func upgraded(_ head: ResponseHead, on connection: CallerConnection) -> WebSocketSession? {
    guard isWebSocket else { return nil }
    node.streamAccepted(self, head)
    let session = WebSocketSession(
      role: .caller, limitBytes: node.limits.streams.messageBytes, credit: credit, owner: ExchangeSocket(exchange: self, node: node),
      node: node, connection: connection, space: node.bodySpace)
    self.session = session
    return session
  }

  func upgradeInstalled() {
    isSessionInstalled = true
    while let part = waiting.popFirst() {
      switch part {
      case .message(let message): session?.send(message)
      case .end(let closure): session?.finish(closure)
      }
    }
  }
}

extension CallerStream: RoomWaiting {
  func mailboxHasRoom() { connection?.inputWanted() }
}
