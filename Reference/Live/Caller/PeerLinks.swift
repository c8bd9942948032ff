// Messages between nodes of one service (consensus, gossip): one binary WebSocket in each direction, opened at the
// first message.
//
// Fault model: messages may be lost whenever the connection is; while the peer is away they wait in a bounded buffer
// that drops its oldest, and the connection is tried again with jittered, growing pauses. Peers have a port of their
// own, which takes nothing else: a link is opened only by who proves the key (`PeerKey`) and says to be a node that
// this one knows. Limits: whoever has the key can say to be any known node, and what is at a peer's address is not
// asked for a proof.

import NIOCore
import Vocabulary

/// The links of one node to its peers; confined to its loop.
final class PeerLinks {
  static let path = "/_windtunnel/peer"
  /// How peers speak: another proof, or signed messages, are another version.
  static let version = 1

  private unowned let node: LiveNode
  private var links: [NodeID: PeerLink] = [:]

  init(node: LiveNode) { self.node = node }

  /// Sends one message, now or once the peer can be reached.
  func send(_ bytes: [UInt8], to peer: NodeID) {
    let link = links[peer] ?? PeerLink(node: node, peer: peer)
    links[peer] = link
    link.send(bytes)
  }

  func closeAll() {
    for peer in links.keys.sorted() { links[peer]?.close() }
    links.removeAll()
  }

  /// Whether a request is for the path of peers, by any method and with any query.
  static func isPath(of head: RequestHead) -> Bool {
    let target = head.target.utf8
    return target.starts(with: path.utf8)
      && (target.count == path.utf8.count || target.dropFirst(path.utf8.count).first == UInt8(ascii: "?"))
  }

  /// The target with which a node opens a link.
  static func target(from node: NodeID) -> String { "\(path)?from=\(node.index)&version=\(version)" }

  /// Which peer opens a link to `node` with this request, or why it is refused.
  static func provedPeer(_ request: IncomingRequest, _ node: LiveNode) throws(HTTPRefusal) -> NodeID {
    let head = request.head
    guard head.method == .get, isPath(of: head) else { throw .notFound }
    // Only browsers send it, for any page that asks them to: also to this machine's own ports, without a key.
    guard head.headers["origin"] == nil else { throw HTTPRefusal(403, "NOT_A_PEER", "no page of a browser is a peer") }
    guard head.headers.count(of: "authorization") <= 1, node.shared.peerKey.isProved(by: head.headers["authorization"]) else {
      node.tellPeerRefusal("somebody at the port for peers did not prove the key, and was refused")
      throw .unproved
    }
    let items = head.target.dropFirst(path.utf8.count + 1).split(separator: "&", omittingEmptySubsequences: false)
    let unreadable = HTTPRefusal.malformed("expected \(path)?from=NODE&version=\(Self.version)")
    guard items.count == 2, items[0].hasPrefix("from="), items[1].hasPrefix("version=") else { throw unreadable }
    let (from, spoken) = (items[0].dropFirst(5), items[1].dropFirst(8))
    guard from.isDecimalDigits, let index = UInt16(from), spoken.isDecimalDigits, let version = Int(spoken) else {
      throw unreadable
    }
    guard version == Self.version else {
      throw HTTPRefusal(400, "VERSION_NOT_SUPPORTED", "peers here speak version \(Self.version), not \(version)")
    }
    let peer = NodeID(index)
    guard peer != node.id, node.shared.peerAddress(of: peer) != nil else {
      node.tellPeerRefusal("somebody at the port for peers said to be node \(index), which is no peer of this node, and was refused")
      throw HTTPRefusal(403, "NOT_A_PEER", "node \(index) is no peer of this node")
    }
    return peer
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
  func finished(_ closure: StreamClosure) -> Bool { false }
  func failed(_ closure: StreamClosure) -> Bool { false }
  func lost(_ closure: StreamClosure) {}
  func drained(_ bytes: Int) {}
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
  private var buffer = CircularBuffer<[UInt8]>()
  private var bufferedBytes = 0
  private var unwrittenBytes = 0
  private var failuresInARow = 0
  private var connection: CallerConnection?

  init(node: LiveNode, peer: NodeID) {
    self.node = node
    self.peer = peer
  }

  func send(_ bytes: [UInt8]) {
    buffer.append(bytes)
    bufferedBytes += bytes.count
    while bufferedBytes > node.limits.peerBufferBytes, buffer.count > 1, let oldest = buffer.popFirst() {
      bufferedBytes -= oldest.count
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
      bufferedBytes -= next.count
      unwrittenBytes += next.count
      session.send(OutgoingMessage(next, isText: false))
    }
  }

  private func connect() {
    guard let address = node.shared.peerAddress(of: peer) else {
      // An unknown peer is a peer that is away.
      retryLater()
      return
    }
    state = .connecting
    node.caller.openStream(to: Destination(address)) { result in
      guard case .connecting = self.state else {
        if case .success(let connection) = result { connection.close() }
        return
      }
      switch result {
      case .failure: self.retryLater()
      case .success(let connection):
        self.connection = connection
        let key = WebSocketHandshake.newKey()
        var head = RequestHead(method: .get, target: PeerLinks.target(from: self.node.id))
        if let proof = self.node.shared.peerKey.proof { head.headers.append("authorization", proof) }
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
    // 20 ms doubling to 1.28 s, each pause drawn between its half and its whole, so that peers do not come back in
    // step.
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

  /// Any answer but the change to a WebSocket: it is no peer, or does not take this node for one.
  func headCame(_ head: ResponseHead) -> Bool {
    switch head.status {
    case 401, 403:
      node.tellPeerRefusal("\(peer) refuses this node as a peer (\(head.status)): do both have the same key and know each other?")
    default: node.tellPeerRefusal("what is at the peers' address of \(peer) is no peer (it answers \(head.status))")
    }
    return false
  }

  func bytesCame(_ bytes: ByteBuffer) -> Bool { false }
  func ended() { retryLater() }
  func broke(_ failure: TransportFailure) { retryLater() }

  func upgraded(_ head: ResponseHead, on connection: CallerConnection) -> WebSocketSession? {
    let session = WebSocketSession(role: .caller, limitBytes: 125, credit: .max, owner: self, node: node, connection: connection)
    state = .open(session)
    failuresInARow = 0
    return session
  }

  func upgradeInstalled() { pump() }

  func received(_ bytes: [UInt8], isText: Bool) {}
  /// The peer closed the link: it stops, or takes a newer one.
  func finished(_ closure: StreamClosure) -> Bool {
    retryLater()
    return false
  }
  func failed(_ closure: StreamClosure) -> Bool {
    retryLater()
    return false
  }
  func lost(_ closure: StreamClosure) { retryLater() }
  func drained(_ bytes: Int) {
    unwrittenBytes = max(0, unwrittenBytes - bytes)
    pump()
  }
}
