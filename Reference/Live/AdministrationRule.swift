// Who may change the cluster of a node (`Intake.administration`), at its port for clients.
//
// Fault model: anybody may ask. Where the node's peers have a key, a request must prove it (`AdministrationProof`), and
// the key does not cross the network. A node without a key is administered from its own machine alone. A proxy on that
// machine lets its own clients in as such: it has to keep them out. Limits: those of the proof.

import PeerAuthentication
import Vocabulary

extension PeerKey {
  /// A new key of 256 random bits of the system: for nodes that are all hosted in one process.
  public static func drawn() -> PeerKey {
    var system = SystemRandomNumberGenerator()
    return drawn(using: &system)
  }

  /// The request with the proof that its sender may administer, by the system's clock; itself where there is no key. A
  /// proof is good for one request: one that is sent again is proved again.
  public func proving(_ request: Request) -> Request {
    guard !isNone else { return request }
    var system = SystemRandomNumberGenerator()
    let proof = AdministrationProof(of: request, by: self, at: LiveClock.systemWallTime(), PeerNonce(using: &system))
    var request = request
    request.head.headers.fields.removeAll { $0.name == "authorization" }
    request.head.headers.append("authorization", proof.field)
    return request
  }
}

/// Whether a request with this head may change the cluster.
package enum AdministrationRule {
  /// What the head comes to.
  package enum Verdict: Hashable, Sendable {
    /// It may.
    case allowed
    /// It may, if its body is the one that was proved.
    case allowedFor(AdministrationProof)
    /// Nothing is proved.
    case unproved
    /// What is proved was proved at another time, as far as this node's clock goes.
    case untimely
    /// The node has no key, and this comes from another machine.
    case notFromHere
  }

  /// The verdict of a node with these keys. `host` is the numeric address that it came from, nil where that is not known.
  package static func verdict(_ head: RequestHead, from host: String?, _ keys: PeerKeys, at time: WallTime) -> Verdict {
    guard !keys.present.isNone else {
      return host.map { NetworkAddress(host: $0, port: 0).isLoopback } ?? false ? .allowed : .notFromHere
    }
    guard head.headers.count(of: "authorization") == 1, let proof = head.headers["authorization"].flatMap({ AdministrationProof($0) }),
      proof.isMade(for: head, by: keys)
    else { return .unproved }
    return proof.isTimely(at: time) ? .allowedFor(proof) : .untimely
  }
}
