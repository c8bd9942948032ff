// Why something that came on a link between peers is not taken. Each ends its link.

import Vocabulary

/// Why a link is refused, or ended.
public enum PeerRefusal: Error, Hashable, Sendable {
  /// These are not the bytes of this step, by their count or their beginning.
  case malformed(step: String, byteCount: Int)
  /// It speaks another version.
  case version(Int)
  /// It is meant for another node.
  case addressedTo(NodeID)
  /// It says to come from a node that this is no link with.
  case comesFrom(NodeID)
  /// It names a key that this node does not have.
  case unknownKey(PeerKeyName)
  /// It names a key, and does not prove to have it.
  case unproved(PeerKeyName)
  /// A frame's MAC is not that of this session and direction: it was made or changed by somebody without the key, or
  /// belongs to another session.
  case forged(counter: UInt64)
  /// A frame that this end has sent itself.
  case reflected(counter: UInt64)
  /// A frame that was taken before.
  case replayed(counter: UInt64, expected: UInt64)
  /// Frames before this one are missing, or were overtaken.
  case gap(counter: UInt64, expected: UInt64)
  /// Something came behind what ended the link.
  case ended
}

extension PeerRefusal: CustomStringConvertible {
  /// For people.
  public var description: String {
    switch self {
    case .malformed(let step, let count): "\(count) bytes that are no \(step)"
    case .version(let version): "version \(version) of links between peers; spoken is version \(PeerLinkVersion.spoken)"
    case .addressedTo(let node): "a link that is meant for \(node)"
    case .comesFrom(let node): "a link that says to be \(node)'s"
    case .unknownKey(let name): "the key named \(name), which this node does not have"
    case .unproved(let name): "no proof of the key named \(name)"
    case .forged(let counter): "frame \(counter) is forged, or of another session"
    case .reflected(let counter): "frame \(counter) is this node's own, sent back"
    case .replayed(let counter, let expected): "frame \(counter) again, where \(expected) is due"
    case .gap(let counter, let expected): "frame \(counter), where \(expected) is due"
    case .ended: "a frame behind the end of its link"
    }
  }
}

/// How peers speak.
public enum PeerLinkVersion {
  /// The version that is spoken. 1 sent the key as it was.
  public static let spoken = 2
}
