// The key that all nodes of one service share: who cannot prove it is no peer, and administers nothing.
//
// Fault model: anybody may connect to the peers' port and say anything. The key is sent as it is (`Authorization:
// Bearer`), once for each connection and before anything else is taken, so whoever can read the network between the
// peers can read it, and messages are not signed: the peers' network must be one that nobody else can read or write.
// `PeerLinks.version` leaves room for proofs that do not show the key.
//
// Who has the key may administer too (`Intake.administration`), at the port for clients and as openly. Whoever
// administers names addresses to which nodes then show the key, so nobody else may; a node without a key is
// administered from its own machine alone. A proxy on that machine lets its own clients in as such: it has to keep them
// out.

import Vocabulary

/// What proves that a node is a peer.
public struct PeerKey: Sendable {
  /// Fewest bytes of a key.
  public static let minimumBytes = 16
  /// Most bytes of a key.
  public static let maximumBytes = 512

  /// The bytes of the key; empty where nothing is asked for.
  private let bytes: [UInt8]

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// The key that `text` is; nil where it is not `minimumBytes` to `maximumBytes` printable ASCII bytes without spaces.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard (Self.minimumBytes...Self.maximumBytes).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      return nil
    }
    self.bytes = bytes
  }

  /// No key: whoever reaches the peers' port can be any peer. For the loopback of a machine that nobody else uses.
  public static let none = PeerKey(bytes: [])

  /// A new key of 256 random bits: for nodes that are all hosted in one process.
  public static func drawn() -> PeerKey {
    var generator = SystemRandomNumberGenerator()
    let digits = Array("0123456789abcdef".utf8)
    return PeerKey(bytes: (0..<64).map { _ in digits[Int.random(in: 0..<16, using: &generator)] })
  }

  /// Whether nothing is asked for.
  public var isNone: Bool { bytes.isEmpty }

  /// The value of the field that proves it; nil where there is no key.
  var proof: String? { isNone ? nil : "Bearer \(String(decoding: bytes, as: UTF8.self))" }

  /// The request with the proof that its sender may administer; itself where there is no key.
  public func proving(_ request: Request) -> Request {
    guard let proof else { return request }
    var request = request
    request.head.headers.fields.removeAll { $0.name == "authorization" }
    request.head.headers.append("authorization", proof)
    return request
  }

  /// Whether a request with these fields may change the cluster of a node with this key. `host` is the numeric address
  /// it came from, nil where that is not known.
  package func lets(_ headers: Headers, from host: String?) -> Bool {
    guard isNone else { return headers.count(of: "authorization") == 1 && isProved(by: headers["authorization"]) }
    return host.map { NetworkAddress(host: $0, port: 0).isLoopback } ?? false
  }

  /// Whether `proof` is this key's. How long it takes tells nothing of the key: all bytes of the proof are looked at,
  /// whatever they are.
  func isProved(by proof: String?) -> Bool {
    if isNone { return proof == nil }
    let expected = Array((self.proof ?? "").utf8)
    let given = Array((proof ?? "").utf8)
    var difference = expected.count ^ given.count
    for (place, byte) in given.enumerated() { difference |= Int(byte ^ expected[place % expected.count]) }
    return difference == 0
  }
}
