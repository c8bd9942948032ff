// The planted bugs of links between peers. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// Nothing is proved.
  public static let peersAcceptAnyMAC = peers("accepts-any-mac", "proofs and frames are taken whatever their MACs are")
  /// A frame is taken again.
  public static let peersCheckNoCounter = peers("checks-no-counter", "a frame's counter is not looked at, so that a frame counts twice")
  /// Both directions are alike.
  public static let peersBindNoDirection = peers(
    "binds-no-direction", "both directions of a link have one key and one label, so that a node takes its own frames for its peer's")
  /// A whole session is taken again.
  public static let peersRepeatNonce = peers(
    "repeats-its-nonce", "a node that is opened a link to says the same nonce each time, so that a recorded session is taken again")

  private static func peers(_ name: String, _ summary: String) -> Mutant {
    Mutant("peers/\(name)", summary, breaks: ["MONITORING-10"], caughtBy: ["machines keep the host's rules"])
  }
}

/// The planted bugs of links between peers.
public let peerMutants: [Mutant] = [.peersAcceptAnyMAC, .peersCheckNoCounter, .peersBindNoDirection, .peersRepeatNonce]
