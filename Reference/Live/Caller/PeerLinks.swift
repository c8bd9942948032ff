// Messages between nodes of one service (consensus, gossip): one binary WebSocket in each direction, opened at the first message.
//
// Fault model: messages may be lost whenever the connection is; while the peer is away they wait in a bounded buffer that drops its
// oldest, and the connection is tried again with jittered, growing pauses. Limits: whoever can reach the port can claim to be
// any node, so peers belong on a network of their own.

import NIOCore
import Vocabulary

/// The links of one node to its peers; confined to its loop.
final class PeerLinks {
  static let path = "/_windtunnel/peer"

  private unowned let node: LiveNode
  private var links: [NodeID: PeerLink] = [:]

  init(node: LiveNode) { self.node = node }

  /// Sends one message, now or once the peer can be reached.
  func send(_ bytes: [UInt8], to peer: NodeID) {
    let link = links[peer] ?? PeerLink(node: node, peer: peer)
    links[peer] = link
    link.send(ByteBuffer(bytes: bytes))
  }

  func closeAll() {
    for peer in links.keys.sorted() { links[peer]?.close() }
    links.removeAll()
  }

  /// Whether a request is for the host itself.
  static func isPeerRequest(_ head: RequestHead) -> Bool { sender(of: head) != nil }

  /// Which node opens a peer link with this head, if it does.
  static func sender(of head: RequestHead) -> NodeID? {
    let prefix = "\(path)?from="
    guard head.method == .get, head.target.hasPrefix(prefix) else { return nil }
    return UInt16(head.target.dropFirst(prefix.utf8.count)).map { NodeID($0) }
  }
}

/// What comes in from one peer.
final class PeerReceiver: WebSocketOwner {
  private unowned let node: LiveNode
  private let from: NodeID

  init(node: LiveNode, from: NodeID) {
    self.node = node
    self.from = from
  }

  func received(_ bytes: [UInt8], isText: Bool) { node.messageArrived(from: from, bytes) }
  func finished() {}
  func lost() {}
  func wrote(_ bytes: Int) {}
}

/// The direction to one peer.
final class PeerLink: ConnectionUser, WebSocketOwner {
  private enum State {
    case idle, connecting, waiting, closed
    case open(WebSocketSession)
  }

  private unowned let node: LiveNode
  private let peer: NodeID
  private var state = State.idle
  private var buffer = CircularBuffer<ByteBuffer>()
  private var bufferedBytes = 0
  private var unwrittenBytes = 0
  private var failuresInARow = 0
  private var connection: CallerConnection?

  init(node: LiveNode, peer: NodeID) {
    self.node = node
    self.peer = peer
  }

  func send(_ bytes: ByteBuffer) {
    buffer.append(bytes)
    bufferedBytes += bytes.readableBytes
    while bufferedBytes > node.limits.peerBufferBytes, buffer.count > 1, let oldest = buffer.popFirst() {
      bufferedBytes -= oldest.readableBytes
    }
    switch state {
    case .open: pump()
    case .idle: connect()
    case .connecting, .waiting, .closed: break
    }
  }

  func close() {
    state = .closed
    buffer.removeAll()
    connection?.dropUser()
    connection = nil
  }

  private func pump() {
    guard case .open(let session) = state else { return }
    while unwrittenBytes < node.limits.peerBufferBytes, let next = buffer.popFirst() {
      bufferedBytes -= next.readableBytes
      unwrittenBytes += next.readableBytes
      session.send(next, isText: false)
    }
  }

  private func connect() {
    guard let address = node.shared.address(of: Endpoint(peer)) else {
      // An unknown peer is a peer that is away.
      retryLater()
      return
    }
    state = .connecting
    node.caller.openStream(to: address) { result in
      guard case .connecting = self.state else {
        if case .success(let connection) = result { connection.close() }
        return
      }
      switch result {
      case .failure: self.retryLater()
      case .success(let connection):
        self.connection = connection
        let key = WebSocketHandshake.newKey()
        let head = RequestHead(method: .get, target: "\(PeerLinks.path)?from=\(self.node.id.index)")
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        HTTPWriter.writeHead(
          head, HTTPFramingFields(framing: nil, close: false), host: address.description, timeLeft: nil, upgradeKey: key, into: &buffer)
        connection.begin(self, upgradeKey: key, buffer)
      }
    }
  }

  private func retryLater() {
    if case .closed = state { return }
    state = .waiting
    connection = nil
    unwrittenBytes = 0
    // 20 ms doubling to 1.28 s, each pause drawn between its half and its whole, so that peers do not come back in step.
    let ceiling = Int64(20) << Int64(min(failuresInARow, 6))
    failuresInARow += 1
    let pause = TimeAmount.milliseconds(Int64.random(in: (ceiling / 2)...ceiling))
    node.loop.assumeIsolated().scheduleTask(in: pause) {
      guard case .waiting = self.state else { return }
      self.state = .idle
      if !self.buffer.isEmpty { self.connect() }
    }
  }

  // MARK: - The connection

  var method: Method { .get }
  var wantedBytes: Int { .max }
  func headCame(_ head: ResponseHead) -> Bool { false }
  func bytesCame(_ bytes: ByteBuffer) -> Bool { false }
  func ended() { retryLater() }
  func broke(_ failure: TransportFailure) { retryLater() }

  func upgraded(_ head: ResponseHead) -> WebSocketSession? {
    let session = WebSocketSession(role: .caller, limitBytes: 125, credit: .max, owner: self, node: node)
    state = .open(session)
    failuresInARow = 0
    return session
  }

  func upgradeInstalled() { pump() }

  func received(_ bytes: [UInt8], isText: Bool) {}
  func finished() {}
  func lost() { retryLater() }
  func wrote(_ bytes: Int) {
    unwrittenBytes = max(0, unwrittenBytes - bytes)
    pump()
  }
}
