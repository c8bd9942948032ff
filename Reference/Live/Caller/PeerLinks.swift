// Messages between nodes of one service (consensus, gossip): one WebSocket in each direction, opened at the first
// message. What passes on it is `PeerFrames.md`: both ends prove that they have one key before anything else is taken,
// and each message is a frame of a session.
//
// Fault model: messages may be lost whenever the connection is; while the peer is away they wait in a bounded buffer
// that drops its oldest, and the connection is tried again with jittered, growing pauses. Whoever is on the network
// between peers may do with their bytes what it likes: what is not the next frame of the session ends the link, and a
// new session begins. Peers have a port of their own, which takes nothing else.
//
// Nonces are drawn from the system's generator, not from the node's chance: that begins from a seed of 64 bits which a
// test may set, and a nonce that can be foretold lets a session be made ready beforehand. Limits: whoever has the key
// can say to be any known node; messages are not hidden.

import NIOCore
import PeerAuthentication
import Vocabulary

extension PeerNonce {
  /// A nonce that nobody can foretell.
  static func ofSystem() -> PeerNonce {
    var system = SystemRandomNumberGenerator()
    return PeerNonce(using: &system)
  }
}

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
  static func target(from node: NodeID) -> String { "\(path)?from=\(node.index)&version=\(PeerLinkVersion.spoken)" }

  /// Which peer says to open a link to `node` with this request, or why it is refused. It has proved nothing yet.
  static func announcedPeer(_ request: IncomingRequest, _ node: LiveNode) throws(HTTPRefusal) -> NodeID {
    let head = request.head
    guard head.method == .get, isPath(of: head) else { throw .notFound }
    // Only browsers send it, for any page that asks them to: also to this machine's own ports, without a key.
    guard head.headers["origin"] == nil else { throw HTTPRefusal(403, "NOT_A_PEER", "no page of a browser is a peer") }
    let items = head.target.dropFirst(path.utf8.count + 1).split(separator: "&", omittingEmptySubsequences: false)
    let unreadable = HTTPRefusal.malformed("expected \(path)?from=NODE&version=\(PeerLinkVersion.spoken)")
    guard items.count == 2, items[0].hasPrefix("from="), items[1].hasPrefix("version=") else { throw unreadable }
    let (from, spoken) = (items[0].dropFirst(5), items[1].dropFirst(8))
    guard from.isDecimalDigits, let index = UInt16(from), spoken.isDecimalDigits, let version = Int(spoken) else {
      throw unreadable
    }
    guard version == PeerLinkVersion.spoken else {
      node.tellPeerRefusal("somebody at the port for peers speaks version \(version), and was refused")
      throw HTTPRefusal(
        400, "VERSION_NOT_SUPPORTED",
        "peers here speak version \(PeerLinkVersion.spoken), not \(version)" + (version == 1 ? ", which shows the key" : ""))
    }
    let peer = NodeID(index)
    guard peer != node.id, node.shared.peerAddress(of: peer) != nil else {
      node.tellPeerRefusal("somebody at the port for peers said to be node \(index), which is no peer of this node, and was refused")
      throw HTTPRefusal(403, "NOT_A_PEER", "node \(index) is no peer of this node")
    }
    return peer
  }
}

extension StreamClosure {
  /// How a link ends by which something came that is not taken.
  static func refusal(_ reason: PeerRefusal) -> StreamClosure {
    StreamClosure(code: StreamClosure.policyViolation.code, reason: Array("\(reason)".utf8.prefix(StreamClosure.reasonLimitBytes)))
      ?? .policyViolation
  }
}

/// What comes in from one peer, and before that what it proves to be one by.
final class PeerReceiver: WebSocketOwner {
  private enum State {
    case awaitsHello
    case awaitsProof(PeerLinkAcceptor)
    case open, ended
  }

  /// Longest message before a peer has proved to be one.
  static let handshakeLimitBytes = max(PeerLinkAcceptor.helloByteCount, PeerLinkAcceptor.proofByteCount)

  private weak var connection: ServerConnection?
  private unowned let node: LiveNode
  private let from: NodeID
  private var state = State.awaitsHello
  private var frames: PeerSession?
  /// The WebSocket of the link, which holds this.
  weak var session: WebSocketSession?

  init(connection: ServerConnection, from: NodeID) {
    self.connection = connection
    node = connection.node
    self.from = from
  }

  func received(_ bytes: [UInt8], isText: Bool) {
    do throws(PeerRefusal) { try take(bytes) } catch {
      // What comes behind the end of a link was under way when it ended.
      if error == .ended { return }
      state = .ended
      node.tellPeerRefusal("a link from \(from) is ended: \(error)")
      session?.abort(.refusal(error))
    }
  }

  private func take(_ bytes: [UInt8]) throws(PeerRefusal) {
    switch state {
    case .awaitsHello:
      let acceptor = try PeerLinkAcceptor(
        bytes, at: node.id, node.shared.peerKeys, .ofSystem(), planted: node.specification.planted)
      guard acceptor.ends.opener == from else { throw .comesFrom(acceptor.ends.opener) }
      state = .awaitsProof(acceptor)
      session?.send(OutgoingMessage(acceptor.challenge, isText: false))
    case .awaitsProof(let acceptor):
      frames = try acceptor.session(provedBy: bytes)
      state = .open
      session?.widen(limitBytes: node.limits.peerMessageBytes + PeerSession.overheadBytes)
      connection?.proved(from)
    case .open: if let message = try frames?.open(bytes) { node.messageArrived(from: from, message) }
    case .ended: throw .ended
    }
  }

  func finished(_ closure: StreamClosure) -> Bool { false }
  func failed(_ closure: StreamClosure) -> Bool { false }
  func lost(_ closure: StreamClosure) {}
  func drained(_ bytes: Int) {}
}

/// The direction to one peer.
final class PeerLink: ConnectionUser, WebSocketOwner {
  private enum State {
    case idle, connecting, waiting, closed
    case greeting(WebSocketSession, PeerLinkOpener)
    case open(WebSocketSession)
  }

  private unowned let node: LiveNode
  private let peer: NodeID
  private var state = State.idle
  /// Where the link leads, or is to.
  private var address: NetworkAddress?
  private var frames: PeerSession?
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
    case .open:
      if hasMoved { connection?.close() } else { pump() }
    case .idle: connect()
    case .connecting, .greeting, .waiting, .closed: break
    }
  }

  /// Whether the link leads to where the peer is no more.
  private var hasMoved: Bool { address != node.shared.peerAddress(of: peer) }

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
      guard let frame = frames?.seal(next) else { return }
      unwrittenBytes += frame.count
      session.send(OutgoingMessage(frame, isText: false))
    }
  }

  private func connect() {
    guard let address = node.shared.peerAddress(of: peer) else {
      // An unknown peer is a peer that is away.
      retryLater()
      return
    }
    state = .connecting
    self.address = address
    node.caller.openStream(to: Destination(address)) { result in
      guard case .connecting = self.state else {
        if case .success(let connection) = result { connection.close() }
        return
      }
      switch result {
      case .failure: self.retryLater()
      case .success(let connection) where self.hasMoved:
        connection.close()
        self.retryLater()
      case .success(let connection):
        self.connection = connection
        let offer = WebSocketOffer(of: Headers())
        let head = RequestHead(method: .get, target: PeerLinks.target(from: self.node.id))
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        HTTPWriter.writeHead(
          head, HTTPFramingFields(framing: nil, close: false), host: address.description, timeLeft: nil, upgradeKey: offer.key,
          into: &buffer)
        connection.begin(self, offer, buffer)
      }
    }
  }

  private func retryLater() {
    if case .closed = state { return }
    state = .waiting
    connection = nil
    frames = nil
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

  /// Ends the link by which something came that is not taken.
  private func end(_ session: WebSocketSession, _ reason: PeerRefusal) {
    node.tellPeerRefusal("the link to \(peer) is ended: \(reason)")
    session.abort(.refusal(reason))
    retryLater()
  }

  // MARK: - The connection

  var method: Method { .get }
  var wantedBytes: Int { .max }
  var askedPace: TakingPace { .progress(within: node.limits.writeStallTimeout) }

  /// Any answer but the change to a WebSocket: it is no peer, or does not take this node for one.
  func headCame(_ head: ResponseHead) -> Bool {
    switch head.status {
    case 401, 403: node.tellPeerRefusal("\(peer) refuses this node as a peer (\(head.status)): do both know each other?")
    default:
      node.tellPeerRefusal(
        "what is at the peers' address of \(peer) is no peer, or none that speaks version \(PeerLinkVersion.spoken) "
          + "(it answers \(head.status))")
    }
    return false
  }

  func bytesCame(_ bytes: ByteBuffer) -> Bool { false }
  func ended() { retryLater() }
  func broke(_ failure: TransportFailure) { retryLater() }

  func upgraded(_ head: ResponseHead, on connection: CallerConnection) -> WebSocketSession? {
    let session = WebSocketSession(
      role: .caller, limitBytes: PeerLinkAcceptor.challengeByteCount, credit: .max, owner: self, node: node, connection: connection)
    let opener = PeerLinkOpener(
      PeerLinkEnds(opener: node.id, acceptor: peer), node.shared.peerKeys, .ofSystem(), planted: node.specification.planted)
    state = .greeting(session, opener)
    // Who answers pings and proves nothing holds no link up.
    node.loop.assumeIsolated().scheduleTask(in: .nanoseconds(node.limits.headTimeout.nanoseconds)) {
      guard case .greeting(let waiting, _) = self.state, waiting === session else { return }
      self.node.tellPeerRefusal("what is at the peers' address of \(self.peer) does not prove the key in time")
      session.abort(.connectionLost)
      self.retryLater()
    }
    return session
  }

  func upgradeInstalled() {
    guard case .greeting(let session, let opener) = state else { return }
    session.send(OutgoingMessage(opener.hello, isText: false))
  }

  func received(_ bytes: [UInt8], isText: Bool) {
    switch state {
    case .greeting(let session, let opener):
      do throws(PeerRefusal) {
        let answer = try opener.answer(to: bytes)
        frames = answer.session
        state = .open(session)
        failuresInARow = 0
        session.widen(limitBytes: node.limits.peerMessageBytes + PeerSession.overheadBytes)
        session.send(OutgoingMessage(answer.proof, isText: false))
        pump()
      } catch { end(session, error) }
    case .open(let session):
      do throws(PeerRefusal) {
        if let message = try frames?.open(bytes) { node.messageArrived(from: peer, message) }
      } catch { end(session, error) }
    case .idle, .connecting, .waiting, .closed: break
    }
  }

  /// The peer closed the link: it refuses something, stops, or takes a newer one.
  func finished(_ closure: StreamClosure) -> Bool {
    if closure.code == StreamClosure.policyViolation.code {
      // Anybody may have written it: only what cannot do harm in a log is shown.
      let reason = String(decoding: closure.reason.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
      node.tellPeerRefusal("\(peer) refuses this node's link: \(reason)")
    }
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
    if case .open = state { pump() }
  }
}
