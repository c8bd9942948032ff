// A call of this node: a whole request, a whole response.

import NIOCore
import Vocabulary

/// The caller's side of one call; confined to the node's loop.
final class CallExchange: LiveExchange, ConnectionUser {
  let callee: Callee
  private let request: Request
  private unowned let node: LiveNode
  private var head: ResponseHead?
  private var body: [UInt8] = []
  private var connection: CallerConnection?
  /// It was made again already.
  private var isRepeated = false
  /// Called once it has ended or was given up, where something else than a connection answers it.
  var whenOver: (() -> Void)?
  /// Given up, or ended: a pool passes it over.
  private(set) var isDone = false

  init(id: ExchangeID, callee: Callee, request: Request, node: LiveNode) {
    self.callee = callee
    self.request = request
    self.node = node
    super.init(id: id)
  }

  var method: Method { request.head.method }
  var wantedBytes: Int { .max }

  /// Writes the request.
  func start(on connection: CallerConnection, host: String) {
    self.connection = connection
    var buffer = ByteBufferAllocator().buffer(capacity: 256 + request.body.count)
    let timeLeft = request.deadline == .never ? nil : request.deadline.remaining(at: node.shared.clock.now)
    let hasNoBody = request.body.isEmpty && (method == .get || method == .head || method == .delete)
    let fields = HTTPFramingFields(framing: hasNoBody ? nil : .length(request.body.count), close: false)
    HTTPWriter.writeHead(request.head, fields, host: host, timeLeft: timeLeft, upgradeKey: nil, into: &buffer)
    buffer.writeBytes(request.body)
    connection.begin(self, nil, buffer)
  }

  /// Has what stands at the endpoint in place of a server answer it.
  func start(at desk: AdapterDesk) { desk.take(self, request, node) }

  /// What stands there has answered. Nothing where it is over.
  func answered(_ response: Response) {
    guard !isDone else { return }
    isDone = true
    whenOver?()
    whenOver = nil
    node.callEnded(self, .success(response))
  }

  func headCame(_ head: ResponseHead) -> Bool {
    self.head = head
    return true
  }

  func bytesCame(_ bytes: ByteBuffer) -> Bool {
    guard bytes.readableBytes <= node.limits.responseBytes - body.count else { return false }
    body.append(contentsOf: bytes.readableBytesView)
    return true
  }

  func ended() {
    guard let head else { return broke(.malformedResponse) }
    isDone = true
    connection = nil
    node.callEnded(self, .success(Response(status: head.status, headers: head.headers, body: body)))
  }

  func broke(_ failure: TransportFailure) {
    if failure == .connectionLost, let connection, connection.exchangeCount > 1, !connection.hasHeard, method.isIdempotent, !isRepeated {
      // The server closed a kept connection just as it was used again: that says nothing of this request (RFC 9112,
      // 9.3.1).
      isRepeated = true
      self.connection = nil
      return node.caller.submit(self, onNewConnection: true)
    }
    isDone = true
    connection = nil
    node.callEnded(self, .failure(failure))
  }

  func drained(_ bytes: Int) {}
  var askedPace: TakingPace { .progress(within: node.limits.writeStallTimeout) }
  func upgraded(_ head: ResponseHead, on connection: CallerConnection) -> WebSocketSession? { nil }
  func upgradeInstalled() {}

  override func abort(_ closure: StreamClosure) {
    isDone = true
    whenOver?()
    whenOver = nil
    // The only way to tell a server of HTTP/1.1 that nobody waits.
    connection?.dropUser()
    connection = nil
  }
}
