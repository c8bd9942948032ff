// How a request for a change of the cluster is proved, without showing the key: one field, by a MAC over the request,
// the time and a nonce. `AdministrationProof.md` has its form.
//
// Fault model: anybody may hear, repeat and change requests. One is taken once by each node, within two minutes of when
// it was proved, and as it was proved. Limits: the nodes' clocks and that of who administers must agree by two minutes;
// a node that starts anew has forgotten what it took; one request may be repeated to other nodes of the same key, in its
// two minutes. What is asked and answered is not hidden.

import Crypto
import Vocabulary

/// The proof that stands in one request.
public struct AdministrationProof: Hashable, Sendable {
  /// By how much a proof's time may differ from the time at which it is looked at.
  public static let validity = TimeSpan.seconds(120)
  private static let scheme = "Windtunnel "

  private var key: PeerKeyName
  /// When it was proved, in seconds since 1970.
  public var seconds: Int64
  private var nonce: [UInt8]
  private var digest: [UInt8]
  private var code: [UInt8]

  /// The proof, by `key`, of a request that is made at `time`.
  public init(of request: Request, by key: PeerKey, at time: WallTime, _ nonce: PeerNonce) {
    self.key = key.name
    seconds = time.nanoseconds / 1_000_000_000
    self.nonce = nonce.bytes
    digest = Array(SHA256.hash(data: request.body))
    code = []
    code = Array(made(for: request.head, key).finalize())
  }

  /// The proof that the value of a field `authorization` says; nil where it says none.
  public init?(_ field: String) {
    guard field.hasPrefix(Self.scheme), field.utf8.count <= 512 else { return nil }
    let parts = field.dropFirst(Self.scheme.count).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 5, let key = Hexadecimal.bytes(parts[0], count: PeerKeyName.byteCount), let seconds = Int64(parts[1]),
      seconds >= 0, String(seconds) == parts[1], let nonce = Hexadecimal.bytes(parts[2], count: PeerNonce.byteCount),
      let digest = Hexadecimal.bytes(parts[3], count: macByteCount), let code = Hexadecimal.bytes(parts[4], count: macByteCount)
    else { return nil }
    self.key = PeerKeyName(bytes: key)
    self.seconds = seconds
    self.nonce = nonce
    self.digest = digest
    self.code = code
  }

  /// The value of the field.
  public var field: String { Self.scheme + said + "." + Hexadecimal.text(code) }

  private var said: String { "\(key).\(seconds).\(Hexadecimal.text(nonce)).\(Hexadecimal.text(digest))" }

  private func made(for head: RequestHead, _ key: PeerKey) -> HMAC<SHA256> {
    var code = HMAC<SHA256>(key: key.secret)
    for part in ["windtunnel administration", head.method.token, head.target, said] { code.update(data: Array(part.utf8) + [0]) }
    return code
  }

  /// Whether one of `keys` made it for a request of this head.
  public func isMade(for head: RequestHead, by keys: PeerKeys) -> Bool {
    guard let key = keys.key(named: key), !key.isNone else { return false }
    return made(for: head, key).finalize() == code
  }

  /// Whether it is of about this time.
  public func isTimely(at time: WallTime) -> Bool {
    let (difference, isFar) = seconds.subtractingReportingOverflow(time.nanoseconds / 1_000_000_000)
    return !isFar && difference.magnitude <= UInt64(Self.validity.nanoseconds / 1_000_000_000)
  }

  /// Whether this is the body that was proved.
  public func isOf(body: [UInt8]) -> Bool { Array(SHA256.hash(data: body)) == digest }
}

/// The proofs that a node has taken and that would still be taken: each is taken once.
public struct TakenProofs: Sendable {
  /// Most of them; no further one is taken while there are as many.
  public static let limit = 4_096
  private var known: Set<AdministrationProof> = []

  /// None so far.
  public init() {}

  /// Takes a proof. False where it is not of this time (such a one may have been taken and forgotten), was taken before, or
  /// where there is no room.
  public mutating func take(_ proof: AdministrationProof, at time: WallTime) -> Bool {
    guard proof.isTimely(at: time) else { return false }
    if known.count >= Self.limit { known = known.filter { $0.isTimely(at: time) } }
    guard known.count < Self.limit else { return false }
    return known.insert(proof).inserted
  }
}

/// Bytes as digits.
enum Hexadecimal {
  static func text(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Reads `count` bytes in small digits; nil where it is not that.
  static func bytes(_ text: Substring, count: Int) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count == 2 * count else { return nil }
    var bytes: [UInt8] = []
    for place in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[place]), let low = value(digits[place + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
