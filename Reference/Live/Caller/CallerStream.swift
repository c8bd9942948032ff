// A stream that this node opened: a request with a streamed body, a streamed response, or a WebSocket; on a connection
// of its own.
//
// Limits: requests by GET, HEAD and DELETE have no body; the machine still finishes its direction. What is sent before
// the connection stands waits here, bounded by the credit.

import NIOCore
import Vocabulary

/// The caller's side of one stream; confined to the node's loop.
final class CallerStream: LiveExchange, ConnectionUser {
  private enum Part {
    case bytes(ByteBuffer, isText: Bool)
    case end
  }

  private let endpoint: Endpoint
  private let head: RequestHead
  let isWebSocket: Bool
  private let deadline: Deadline
  private unowned let node: LiveNode
  private var connection: CallerConnection?
  private var session: WebSocketSession?
  private var waiting = CircularBuffer<Part>(initialCapacity: 1)
  private(set) var wantedBytes = initialStreamCreditBytes
  private var isDone = false
  private var isSessionInstalled = false

  init(id: ExchangeID, endpoint: Endpoint, head: RequestHead, webSocket: Bool, deadline: Deadline, node: LiveNode) {
    self.endpoint = endpoint
    self.head = head
    isWebSocket = webSocket
    self.deadline = deadline
    self.node = node
    super.init(id: id)
  }

  var method: Method { head.method }

  private var hasBody: Bool { !isWebSocket && method != .get && method != .head && method != .delete }

  /// Opens the connection and writes the head.
  func start() {
    guard let address = node.shared.address(of: endpoint) else { return broke(.unresolvable) }
    node.caller.openStream(to: address) { result in
      switch result {
      case .failure(let failure): self.broke(failure)
      case .success(let connection):
        if self.isDone { connection.close() } else { self.begin(on: connection, host: address.description) }
      }
    }
  }

  private func begin(on connection: CallerConnection, host: String) {
    self.connection = connection
    var buffer = ByteBufferAllocator().buffer(capacity: 256)
    let timeLeft = deadline == .never ? nil : deadline.remaining(at: node.shared.clock.now)
    let key = isWebSocket ? WebSocketHandshake.newKey() : nil
    let fields = HTTPFramingFields(framing: hasBody ? .chunked : nil, close: false)
    HTTPWriter.writeHead(head, fields, host: host, timeLeft: timeLeft, upgradeKey: key, into: &buffer)
    connection.begin(self, upgradeKey: key, buffer)
    node.returnCredit(id, max(0, node.limits.streamWindowBytes - initialStreamCreditBytes))
    if !isWebSocket { writeWaiting() }
  }

  // MARK: - Sending

  override func send(_ bytes: ByteBuffer, isText: Bool) {
    if isSessionInstalled, let session { return session.send(bytes, isText: isText) }
    waiting.append(.bytes(bytes, isText: isText))
    if connection != nil && !isWebSocket { writeWaiting() }
  }

  override func finish() {
    if isSessionInstalled, let session { return session.finish() }
    waiting.append(.end)
    if connection != nil && !isWebSocket { writeWaiting() }
  }

  private func writeWaiting() {
    guard let connection else { return }
    while let part = waiting.popFirst() {
      switch part {
      case .bytes(let bytes, _):
        let count = bytes.readableBytes
        guard hasBody, count > 0, let context = connection.context else {
          node.returnCredit(id, count)
          continue
        }
        var chunkHead = ByteBuffer()
        HTTPWriter.writeChunkHead(count: count, into: &chunkHead)
        connection.write(chunkHead, promise: nil)
        connection.write(bytes, promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        let node = self.node
        let id = self.id
        written.futureResult.whenSuccess { node.returnCredit(id, count) }
        var end = ByteBuffer()
        end.writeStaticString("\r\n")
        connection.write(end, promise: written)
      case .end:
        guard hasBody else { continue }
        var end = ByteBuffer()
        end.writeStaticString("0\r\n\r\n")
        connection.write(end, promise: nil)
      }
    }
  }

  override func abort() {
    isDone = true
    if let session { session.breakOff() } else { connection?.dropUser() }
    connection = nil
    session = nil
  }

  // MARK: - Receiving

  override func grant(_ bytes: Int) {
    if let session { return session.grant(bytes) }
    wantedBytes = wantedBytes.addingReportingOverflow(bytes).overflow ? .max : wantedBytes + bytes
    connection?.inputWanted()
  }

  func headCame(_ head: ResponseHead) -> Bool {
    node.streamAccepted(self, head)
    return true
  }

  func bytesCame(_ bytes: ByteBuffer) -> Bool {
    wantedBytes -= bytes.readableBytes
    node.streamReceived(self, Array(bytes.readableBytesView), isText: false)
    return true
  }

  func ended() {
    isDone = true
    connection = nil
    node.streamFinished(self)
  }

  func broke(_ failure: TransportFailure) {
    guard !isDone else { return }
    isDone = true
    connection = nil
    node.callerStreamFailed(self, failure)
  }

  func upgraded(_ head: ResponseHead) -> WebSocketSession? {
    guard isWebSocket else { return nil }
    node.streamAccepted(self, head)
    let session = WebSocketSession(
      role: .caller, limitBytes: node.limits.webSocketMessageBytes, credit: wantedBytes, owner: ExchangeSocket(exchange: self, node: node),
      node: node)
    self.session = session
    return session
  }

  func upgradeInstalled() {
    isSessionInstalled = true
    while let part = waiting.popFirst() {
      switch part {
      case .bytes(let bytes, let isText): session?.send(bytes, isText: isText)
      case .end: session?.finish()
      }
    }
  }
}
