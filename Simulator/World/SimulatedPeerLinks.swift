// What the simulated host keeps of links between peers that run in truth (`SimulatedHost+PeerLinks`).

import DequeModule
import Kernel
import PeerAuthentication
import Vocabulary

/// The links of a world that run in truth.
struct SimulatedPeerLinks {
  /// One direction between two nodes.
  struct Ends: Hashable {
    var from: NodeID
    var to: NodeID
  }

  /// Whether all links do.
  var areAllReal = false { didSet { areReal = areAllReal || !links.isEmpty } }
  /// Whether any link may: asked for each message.
  private(set) var areReal = false
  /// The key that all nodes share.
  let keys: PeerKeys
  private var links: [Ends: SimulatedPeerLink] = [:]

  init(seed: UInt64) {
    var random = RandomStream(seed: seed, name: "peer key")
    keys = PeerKeys(present: .drawn(using: &random))
  }

  /// The link, where it runs in truth.
  func link(from: NodeID, to: NodeID) -> SimulatedPeerLink? { links[Ends(from: from, to: to)] }

  mutating func add(_ link: SimulatedPeerLink) {
    links[Ends(from: link.from, to: link.to)] = link
    areReal = true
  }
}

/// One link that runs in truth: both of its ends, and whoever listens between them.
final class SimulatedPeerLink {
  /// Most messages that wait while the link is down; the oldest are dropped.
  static let waitingLimit = 1_024
  /// Most bytes of them.
  static let waitingLimitBytes = 16 << 20

  /// What somebody wrote down who listened from a session's beginning on: its first frames.
  struct Recording {
    static let frameLimit = 64
    static let frameLimitBytes = 64 << 10

    var hello: [UInt8]
    var proof: [UInt8]
    var frames: [[UInt8]] = []

    mutating func note(_ frame: [UInt8]) {
      if frames.count < Self.frameLimit, frame.count <= Self.frameLimitBytes { frames.append(frame) }
    }
  }

  /// What both ends hold of a session, and between which lives.
  struct Session {
    var opener: PeerSession
    var acceptor: PeerSession
    var openerLife: UInt32
    var acceptorLife: UInt32
  }

  let from: NodeID
  let to: NodeID
  var session: Session?
  /// Until when the sender does not know that the link has ended, and goes on; nil while it is up, or may be set up.
  var deafUntil: Int64?
  /// Which life of the sender waits for the link.
  var waitingLife: UInt32 = 0
  /// Counts what was put down for later: the latest counts.
  var attempt: UInt64 = 0
  var failuresInARow = 0
  var waiting = Deque<[UInt8]>()
  var waitingBytes = 0
  /// A fault has meddled with it, so that setting it up needs both processes and a network between them.
  var wasAttacked = false
  var recording: Recording?
  /// The same of the session before.
  var earlierRecording: Recording?
  /// What the two ends draw their nonces from: the chance of either node, split by the link, so that machines draw what
  /// they would draw without it.
  var openerNonces: RandomStream
  var acceptorNonces: RandomStream
  /// Of pauses.
  var pauses: RandomStream
  /// Of who meddles.
  var attacks: RandomStream

  init(from: SimulatedNode, to: SimulatedNode, seed: UInt64) {
    self.from = from.id
    self.to = to.id
    let number = from.digest &* 0xD134_2543_DE82_EF95 ^ to.digest
    openerNonces = RandomStream(seed: seed ^ from.digest, name: "peer nonce of opener", number: number)
    acceptorNonces = RandomStream(seed: seed ^ to.digest, name: "peer nonce of acceptor", number: number)
    pauses = RandomStream(seed: seed, name: "peer link pauses", number: number)
    attacks = RandomStream(seed: seed, name: "peer link attacks", number: number)
  }

  func wait(_ bytes: [UInt8]) {
    waiting.append(bytes)
    waitingBytes += bytes.count
    while waiting.count > Self.waitingLimit || waitingBytes > Self.waitingLimitBytes && waiting.count > 1 {
      guard let oldest = waiting.popFirst() else { break }
      waitingBytes -= oldest.count
    }
  }

  func nextWaiting() -> [UInt8]? {
    guard let next = waiting.popFirst() else { return nil }
    waitingBytes -= next.count
    return next
  }

  func dropWaiting() {
    waiting.removeAll()
    waitingBytes = 0
  }
}
