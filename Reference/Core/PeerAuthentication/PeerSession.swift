// One session of a link between two peers: frames of a counter, a MAC and the message, in each direction.
//
// Fault model: anybody may put frames on the link, and change, drop, repeat, reorder or send back those that are on it.
// A frame is taken only where its MAC is that of this session and direction and its counter the next one; the first that
// is not ends the session, in this direction for good: what was lost cannot be told from what is still to come. Limits:
// what is said is not hidden; a link needs a transport that keeps the order of what it carries.

import Crypto
import Vocabulary

/// One end's side of a session.
public struct PeerSession: Sendable {
  /// Bytes that a frame has beyond its message.
  public static let overheadBytes = 8 + macByteCount

  private struct Direction: Sendable {
    let key: SymmetricKey
    let label: [UInt8]
    var counter: UInt64 = 0

    func code(_ counter: [UInt8], _ message: ArraySlice<UInt8>) -> HMAC<SHA256> {
      var code = HMAC<SHA256>(key: key)
      code.update(data: label + counter)
      message.withUnsafeBytes { code.update(data: $0) }
      return code
    }
  }

  private var sending: Direction
  private var receiving: Direction
  private let planted: PlantedBugs
  /// Why nothing more is taken; nil while it is.
  public private(set) var end: PeerRefusal?

  init(
    _ role: PeerRole, _ key: PeerKey, _ transcript: [UInt8], _ openerNonce: PeerNonce, _ acceptorNonce: PeerNonce, _ planted: PlantedBugs
  ) {
    func derived(_ use: String, _ number: UInt8, _ byteCount: Int) -> SymmetricKey {
      Primitives.derived(key.secret, openerNonce.bytes + acceptorNonce.bytes, Array(use.utf8) + [number] + transcript, byteCount)
    }
    let session = derived("windtunnel peer session", 0, 16).withUnsafeBytes { Array($0) }
    func direction(from role: PeerRole) -> Direction {
      let bound = planted.contains(.peersBindNoDirection) ? PeerRole.opener : role
      return Direction(key: derived("windtunnel peer frames", bound.rawValue, 32), label: session + [bound.rawValue])
    }
    sending = direction(from: role)
    receiving = direction(from: role.other)
    self.planted = planted
  }

  /// The counter that the next frame must have which comes in.
  public var nextReceived: UInt64 { receiving.counter }

  /// The frame of a message, the next one of this direction.
  public mutating func seal(_ message: [UInt8]) -> [UInt8] {
    invariant(sending.counter < .max, "a session has no frames left")
    let counter = Self.bytes(sending.counter)
    sending.counter += 1
    var frame: [UInt8] = []
    frame.reserveCapacity(message.count + Self.overheadBytes)
    frame += counter
    frame += sending.code(counter, message[...]).finalize()
    frame += message
    return frame
  }

  /// The message of a frame that came. Throws where it is not the next one that the peer sent in this session; nothing
  /// more is taken then.
  public mutating func open(_ frame: [UInt8]) throws(PeerRefusal) -> [UInt8] {
    if end != nil { throw .ended }
    do throws(PeerRefusal) {
      let message = try opened(frame)
      receiving.counter += 1
      return message
    } catch {
      end = error
      throw error
    }
  }

  private func opened(_ frame: [UInt8]) throws(PeerRefusal) -> [UInt8] {
    guard frame.count >= Self.overheadBytes else { throw .malformed(step: "frame", byteCount: frame.count) }
    let counter = Self.counter(of: frame)
    let (code, message) = (frame[8..<Self.overheadBytes], frame[Self.overheadBytes...])
    let counterBytes = Array(frame.prefix(8))
    guard isCode(receiving.code(counterBytes, message), code, planted) else {
      throw isCode(sending.code(counterBytes, message), code, planted) ? .reflected(counter: counter) : .forged(counter: counter)
    }
    let expected = receiving.counter
    guard counter == expected || planted.contains(.peersCheckNoCounter) else {
      throw counter < expected ? .replayed(counter: counter, expected: expected) : .gap(counter: counter, expected: expected)
    }
    return Array(message)
  }

  /// The counter that stands in a frame, for anybody to read; 0 in what is too short to be one.
  public static func counter(of frame: [UInt8]) -> UInt64 {
    frame.count < 8 ? 0 : (0..<8).reduce(0) { $0 | UInt64(frame[$1]) << UInt64(8 * $1) }
  }

  static func bytes(_ counter: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: counter >> (8 * $0)) } }
}
