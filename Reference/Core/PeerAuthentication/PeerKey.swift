// The key that all nodes of one service share, and the two of which one takes the place of the other.
//
// Fault model: who does not have a key may hear and change everything that passes between nodes. The key itself never
// does: it is named by a digest, and what is proved by it is a MAC. Limits: a key that can be guessed can be guessed
// from what passes, too; 256 random bits cannot.

import Crypto
import Vocabulary

/// What proves that a node is a peer.
public struct PeerKey: Sendable {
  /// Fewest bytes of a key.
  public static let minimumBytes = 16
  /// Most bytes of a key.
  public static let maximumBytes = 512

  /// No bytes where nothing is kept secret.
  let secret: SymmetricKey
  /// What it is called where others hear it.
  public let name: PeerKeyName

  private init(_ bytes: [UInt8]) {
    secret = SymmetricKey(data: bytes)
    let digest = Primitives.hmac(bytes, Array("windtunnel peer key name".utf8))
    name = PeerKeyName(bytes: Array(digest.prefix(PeerKeyName.byteCount)))
  }

  /// The key that `text` is; nil where it is not `minimumBytes` to `maximumBytes` printable ASCII bytes without spaces.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard (Self.minimumBytes...Self.maximumBytes).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      return nil
    }
    self.init(bytes)
  }

  /// No key: whoever reaches the peers' port can be any peer. For the loopback of a machine that nobody else uses.
  public static let none = PeerKey([])

  /// A new key of 256 bits of `generator`.
  public static func drawn(using generator: inout some RandomNumberGenerator) -> PeerKey {
    let digits = Array("0123456789abcdef".utf8)
    return PeerKey((0..<64).map { _ in digits[Int(generator.next() & 15)] })
  }

  /// Whether nothing is kept secret.
  public var isNone: Bool { secret.bitCount == 0 }
}

/// A digest that names a key and does not tell it.
public struct PeerKeyName: Hashable, Sendable, CustomStringConvertible {
  /// Bytes of a name.
  public static let byteCount = 8
  /// The name.
  public let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// In hexadecimal digits.
  public var description: String { Hexadecimal.text(bytes) }
}

/// The keys that a node takes: one, or two while they are changed.
public struct PeerKeys: Sendable {
  /// The one by which it proves itself.
  public var present: PeerKey
  /// One that it takes from others besides; nil for none.
  public var next: PeerKey?

  /// Keys.
  public init(present: PeerKey, next: PeerKey? = nil) {
    self.present = present
    self.next = next
  }

  /// No key at all.
  public static let none = PeerKeys(present: .none)

  /// All of them, the present one first.
  public var all: [PeerKey] { [present] + (next.map { [$0] } ?? []) }

  /// The one of this name; nil where it is neither.
  public func key(named name: PeerKeyName) -> PeerKey? { all.first { $0.name == name } }
}
