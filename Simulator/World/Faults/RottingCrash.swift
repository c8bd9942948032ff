// Rotting crash: a process and its operating system end, and while they are down bits of what is durable flip. So
// whatever reads the files next is a start: damage that comes while a service runs is BitRot.

import Kernel
import Vocabulary

/// A node crashes, its files rot, and it starts again.
public struct RottingCrash: Fault {
  /// What happens to its files.
  public var rot: BitRot
  /// Whether it found no file to damage, so that it was a crash and no more.
  var foundNothing = false

  /// A crash of `node`, and bit rot.
  public init(of node: NodeID, filesStartingWith: String = "", bits: Int = 1) {
    rot = BitRot(of: node, filesStartingWith: filesStartingWith, bits: bits)
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .stops([rot.node]) }
  public func spoils(_ host: SimulatedHost) -> [NodeID] { foundNothing ? [] : rot.spoils(host) }

  public func label(_ host: SimulatedHost) -> String {
    "crash of \(host.name(of: rot.node)), \(foundNothing ? "no file was there to rot" : "\(rot.bitsText) rot")"
  }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    let didAnything = host.crash(rot.node)
    host.holdDown(rot.node, didAnything: didAnything)
    guard didAnything, !rot.flip(host) else { return }
    var crash = self
    crash.foundNothing = true
    host.faultInHandBecomes(crash)
  }
  public func end(_ host: SimulatedHost) { host.restart(rot.node, after: .zero) }
}
