// How two peers prove to each other that they have one key, and agree on a session: three steps, `PeerFrames.md`.
//
// Fault model: anybody may say, change, repeat or send back any of the three. A proof is a MAC over all that both said,
// the nonces of both and the role of who proves; so none is good for another link, another session or the other role.
// Limits: whoever has the key can say to be any node; that a link is opened, and between whom, is no secret, nor is
// what passes on it.

import Crypto
import Vocabulary

/// Who opens a link, and to whom.
public struct PeerLinkEnds: Hashable, Sendable {
  /// Who opens it.
  public var opener: NodeID
  /// Who accepts it.
  public var acceptor: NodeID

  /// Two ends.
  public init(opener: NodeID, acceptor: NodeID) {
    self.opener = opener
    self.acceptor = acceptor
  }
}

/// Which end of a link a node is.
public enum PeerRole: UInt8, Sendable {
  /// It opened the link.
  case opener = 1
  /// The link was opened to it.
  case acceptor = 2

  /// The other end.
  public var other: PeerRole {
    switch self {
    case .opener: .acceptor
    case .acceptor: .opener
    }
  }
}

/// 256 bits that were never drawn before. The host gives the generator, which live must be one that cannot be foretold.
public struct PeerNonce: Hashable, Sendable {
  /// Bytes of a nonce.
  public static let byteCount = 32
  let bytes: [UInt8]

  /// A nonce of `generator`.
  public init(using generator: inout some RandomNumberGenerator) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    for _ in 0..<Self.byteCount / 8 {
      var word: UInt64 = generator.next()
      for _ in 0..<8 {
        bytes.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    self.bytes = bytes
  }

  /// The nonce that stands in a message, or of a test.
  init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
}

/// What a greeting, of either end, says; its bytes are what is proved.
struct PeerGreeting {
  static let byteCount = 50
  static let beginning = Array("wtpl".utf8)

  var role: PeerRole
  var ends: PeerLinkEnds
  var key: PeerKeyName
  var nonce: PeerNonce

  var bytes: [UInt8] {
    var bytes = Self.beginning + [UInt8(PeerLinkVersion.spoken), role.rawValue]
    for node in [ends.opener, ends.acceptor] { bytes += [UInt8(node.index & 0xFF), UInt8(node.index >> 8)] }
    return bytes + key.bytes + nonce.bytes
  }

  init(role: PeerRole, ends: PeerLinkEnds, key: PeerKeyName, nonce: PeerNonce) {
    self.role = role
    self.ends = ends
    self.key = key
    self.nonce = nonce
  }

  /// Reads the greeting of `role` in the first bytes of `bytes`.
  init(_ bytes: ArraySlice<UInt8>, of role: PeerRole) throws(PeerRefusal) {
    let step =
      switch role {
      case .opener: "hello"
      case .acceptor: "challenge"
      }
    let bytes = Array(bytes)
    guard bytes.count >= 6, bytes.starts(with: Self.beginning) else { throw .malformed(step: step, byteCount: bytes.count) }
    guard bytes[4] == UInt8(PeerLinkVersion.spoken) else { throw .version(Int(bytes[4])) }
    guard bytes.count == Self.byteCount, bytes[5] == role.rawValue else { throw .malformed(step: step, byteCount: bytes.count) }
    self.role = role
    ends = PeerLinkEnds(
      opener: NodeID(UInt16(bytes[6]) | UInt16(bytes[7]) << 8), acceptor: NodeID(UInt16(bytes[8]) | UInt16(bytes[9]) << 8))
    key = PeerKeyName(bytes: Array(bytes[10..<18]))
    nonce = PeerNonce(bytes[18..<50])
  }

  /// The MAC by which the end of `role` proves that it has `key`, over all that both said.
  static func proof(of role: PeerRole, _ key: PeerKey, _ transcript: [UInt8]) -> HMAC<SHA256> {
    var code = HMAC<SHA256>(key: key.secret)
    code.update(data: Array("windtunnel peer proof".utf8) + [role.rawValue])
    code.update(data: transcript)
    return code
  }
}

/// Bytes of a MAC: all of SHA-256's.
let macByteCount = 32

/// Whether `given` is what `code` has come to. How long it takes tells nothing of where they differ.
func isCode(_ code: HMAC<SHA256>, _ given: ArraySlice<UInt8>, _ planted: PlantedBugs) -> Bool {
  if planted.contains(.peersAcceptAnyMAC) { return true }
  return code.finalize() == Array(given)
}

/// The end that opens a link, between its hello and the challenge.
public struct PeerLinkOpener: Sendable {
  private let key: PeerKey
  private let greeting: PeerGreeting
  private let planted: PlantedBugs
  /// The first step, to be sent.
  public let hello: [UInt8]

  /// Opens a link with the present one of `keys`.
  public init(_ ends: PeerLinkEnds, _ keys: PeerKeys, _ nonce: PeerNonce, planted: PlantedBugs = .none) {
    invariant(ends.opener != ends.acceptor, "\(ends.opener) opens a link to itself")
    key = keys.present
    self.planted = planted
    greeting = PeerGreeting(role: .opener, ends: ends, key: key.name, nonce: nonce)
    hello = greeting.bytes
  }

  /// Takes the challenge: the last step, to be sent, and the session that begins with it. Throws where who answered does
  /// not prove the key, or answers to something else.
  public func answer(to challenge: [UInt8]) throws(PeerRefusal) -> (proof: [UInt8], session: PeerSession) {
    let said = try PeerGreeting(challenge.prefix(PeerGreeting.byteCount), of: .acceptor)
    guard challenge.count == PeerLinkAcceptor.challengeByteCount else {
      throw .malformed(step: "challenge", byteCount: challenge.count)
    }
    guard said.ends.opener == greeting.ends.opener else { throw .addressedTo(said.ends.opener) }
    guard said.ends.acceptor == greeting.ends.acceptor else { throw .comesFrom(said.ends.acceptor) }
    guard said.key == key.name else { throw .unknownKey(said.key) }
    let transcript = hello + challenge.prefix(PeerGreeting.byteCount)
    guard isCode(PeerGreeting.proof(of: .acceptor, key, transcript), challenge.dropFirst(PeerGreeting.byteCount), planted) else {
      throw .unproved(key.name)
    }
    let proof = PeerLinkAcceptor.proofBeginning + Array(PeerGreeting.proof(of: .opener, key, transcript).finalize())
    return (proof, PeerSession(.opener, key, transcript, greeting.nonce, said.nonce, planted))
  }
}

/// The end that a link is opened to, between its challenge and the proof.
public struct PeerLinkAcceptor: Sendable {
  /// Bytes of a hello.
  public static let helloByteCount = PeerGreeting.byteCount
  /// Bytes of a challenge.
  public static let challengeByteCount = PeerGreeting.byteCount + macByteCount
  /// Bytes of a proof.
  public static let proofByteCount = proofBeginning.count + macByteCount
  static let proofBeginning = PeerGreeting.beginning + [UInt8(PeerLinkVersion.spoken), 3]

  /// Who opens the link, and to whom.
  public let ends: PeerLinkEnds
  private let key: PeerKey
  private let transcript: [UInt8]
  private let nonces: (PeerNonce, PeerNonce)
  private let planted: PlantedBugs
  /// The second step, to be sent.
  public let challenge: [UInt8]

  /// Takes a hello at `node`. Throws where it is none, is not for this node, or names a key that is none of `keys`.
  public init(_ hello: [UInt8], at node: NodeID, _ keys: PeerKeys, _ drawn: PeerNonce, planted: PlantedBugs = .none) throws(PeerRefusal) {
    let said = try PeerGreeting(hello[...], of: .opener)
    guard said.ends.acceptor == node else { throw .addressedTo(said.ends.acceptor) }
    guard said.ends.opener != node else { throw .comesFrom(node) }
    guard let key = keys.key(named: said.key) else { throw .unknownKey(said.key) }
    let nonce = planted.contains(.peersRepeatNonce) ? PeerNonce([UInt8](repeating: 7, count: PeerNonce.byteCount)) : drawn
    ends = said.ends
    self.key = key
    self.planted = planted
    nonces = (said.nonce, nonce)
    let greeting = PeerGreeting(role: .acceptor, ends: said.ends, key: key.name, nonce: nonce).bytes
    transcript = hello + greeting
    challenge = greeting + Array(PeerGreeting.proof(of: .acceptor, key, transcript).finalize())
  }

  /// Takes the proof: the session. Throws where who opens does not prove the key.
  public func session(provedBy proof: [UInt8]) throws(PeerRefusal) -> PeerSession {
    guard proof.count == Self.proofByteCount, proof.starts(with: Self.proofBeginning) else {
      throw .malformed(step: "proof", byteCount: proof.count)
    }
    guard isCode(PeerGreeting.proof(of: .opener, key, transcript), proof.dropFirst(Self.proofBeginning.count), planted) else {
      throw .unproved(key.name)
    }
    return PeerSession(.acceptor, key, transcript, nonces.0, nonces.1, planted)
  }
}
