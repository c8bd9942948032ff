// One request on a server connection: how its body is taken and what has been answered so far.

import NIOCore
import PeerAuthentication
import Vocabulary

/// The server's side of one exchange; confined to the loop of its connection.
final class ServerExchange: LiveExchange {
  /// What the machine has answered.
  enum Answer {
    case waiting
    case whole(Response)
    case stream(ResponseHead)
    /// Nothing, or no more of it: the connection ends behind the answers before this one.
    case brokenOff
  }

  /// A part of a streamed answer that waits until the answers before it are complete.
  enum Part {
    case message(OutgoingMessage)
    case end(StreamClosure)
  }

  /// Nil once the connection is gone or the exchange is complete.
  weak var connection: ServerConnection?
  var intake = Intake.whole(limitBytes: 0)
  var head = RequestHead(method: .get, target: "/")
  var deadline = Deadline.never
  /// When its head came; nil where no answers are logged.
  var arrivedAt: Instant?
  private(set) var body: [UInt8] = []
  /// By what a change of the cluster was proved, whose body is still to come.
  var proof: AdministrationProof?
  /// How long the body is declared to be; nil where it comes in chunks.
  var declaredBodyBytes: Int?
  /// What the body took of the node's space for bodies: the room of its array, not only its bytes.
  private(set) var bodyCharge = 0
  private let bodySpace: SpaceAccount
  var answer = Answer.waiting
  /// What the body of a whole answer adds to those that wait to be written.
  var waitingBytes = 0
  var isHeadWritten = false
  var parts = CircularBuffer<Part>(initialCapacity: 1)
  /// The connection ends with this answer.
  var closesAfter = false
  /// The client waits for "100 Continue" before it sends the body.
  var awaitsContinue = false
  /// The client speaks HTTP/1.0, which has no chunks.
  var isVersion10 = false
  /// How a streamed answer is framed, once its head is written.
  var framing = HTTPBodyFraming.chunked
  /// What Sec-WebSocket-Key asks for, where the request asks for a WebSocket.
  var webSocketKey: String?
  /// Bytes of the body that the machine is ready for.
  var receiveCredit = initialStreamCreditBytes
  /// After the upgrade.
  var webSocket: WebSocketSession?

  init(id: ExchangeID, connection: ServerConnection) {
    self.connection = connection
    bodySpace = connection.node.bodySpace
    arrivedAt = connection.node.logsAnswers ? connection.node.shared.clock.now : nil
    super.init(id: id)
  }

  deinit { releaseBodySpace() }

  /// Takes `bytes` of the body; false, with nothing taken, where the node has as much of bodies as it may have, or the
  /// body would take more than `limit`.
  func appendToBody(_ bytes: ByteBuffer, atMost limit: Int) -> Bool {
    let needed = body.count + bytes.readableBytes
    if needed > bodyCharge {
      // Room for as much again, so that a long body is not copied with each part, unless that is too much.
      let roomy = max(needed, min(2 * body.count, declaredBodyBytes ?? .max))
      guard let room = [roomy, needed].first(where: { $0 <= limit && bodySpace.take($0 - bodyCharge) }) else { return false }
      bodyCharge = room
      body.reserveCapacity(room)
    }
    body.append(contentsOf: bytes.readableBytesView)
    return true
  }

  /// The body, which goes to the mailbox; its space stays taken until `releaseBodySpace`.
  func takeBody() -> [UInt8] {
    defer { body = [] }
    return body
  }

  /// It is a WebSocket now: what only HTTP needs is let go, since there may be thousands.
  func endHTTP() {
    parts = CircularBuffer(initialCapacity: 0)
    head.headers = Headers()
    answer = .stream(ResponseHead(status: 101))
    webSocketKey = nil
  }

  /// The machine took the body, or nobody will.
  func releaseBodySpace() {
    body = []
    _ = bodySpace.take(-bodyCharge)
    bodyCharge = 0
  }

  /// Whether the machine accepted it as a stream.
  var isAccepted: Bool {
    switch answer {
    case .stream: true
    case .waiting, .whole, .brokenOff: false
    }
  }

  override var isSendable: Bool { isAccepted }

  override func reply(_ response: Response) {
    guard case .waiting = answer else { return }
    if let connection { return connection.take(response, of: self) }
    answer = .whole(response)
  }

  override func accept(_ head: ResponseHead) {
    guard case .waiting = answer else { return }
    answer = .stream(head)
    connection?.answersChanged()
  }

  override func send(_ message: OutgoingMessage) {
    if let webSocket {
      webSocket.send(message)
    } else {
      parts.append(.message(message))
      connection?.answersChanged()
    }
  }

  override func grant(_ bytes: Int) {
    if let webSocket {
      webSocket.grant(bytes)
    } else {
      receiveCredit = receiveCredit.addingReportingOverflow(bytes).overflow ? .max : receiveCredit + bytes
      connection?.inputWanted()
    }
  }

  override func finish(_ closure: StreamClosure) {
    if let webSocket {
      webSocket.finish(closure)
    } else {
      parts.append(.end(closure))
      connection?.answersChanged()
    }
  }

  override func answerClose() { webSocket?.answerClose() }

  override func abort(_ closure: StreamClosure) {
    if let webSocket { return webSocket.abort(closure) }
    guard let connection else { return }
    // Those before it are not this one's.
    guard connection.pipelined.first !== self else { return connection.closeNow() }
    breakOff()
  }

  /// Nothing is answered, or nothing more, and the connection ends behind the answers before this one.
  func breakOff() {
    answer = .brokenOff
    connection?.isInputOver = true
  }
}
