// Bit rot: random bits of what is durable flip, silently.

import Kernel
import Vocabulary

/// Bits of a node's files flip.
public struct BitRot: Fault {
  /// Whose disk.
  public var node: NodeID
  /// Only files whose names start so; empty for all.
  public var filesStartingWith: String
  /// How many bits.
  public var bits: Int

  /// Bit rot.
  public init(of node: NodeID, filesStartingWith: String = "", bits: Int = 1) {
    self.node = node
    self.filesStartingWith = filesStartingWith
    self.bits = bits
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .hampers([node]) }
  public func spoils(_ host: SimulatedHost) -> [NodeID] { [node] }
  public func label(_ host: SimulatedHost) -> String { "\(bitsText) of \(host.name(of: node)) rot" }
  /// "3 bits".
  var bitsText: String { bits == 1 ? "1 bit" : "\(bits) bits" }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    if !flip(host) { host.faultInHandDidNothing() }
  }

  /// Flips the bits; whether there were any.
  func flip(_ host: SimulatedHost) -> Bool {
    let flipped = host.disk(of: node).rot(filesStartingWith: filesStartingWith, bits: bits)
    for (file, offset) in flipped {
      host.traceSink?.trace(at: host.now, node: node, "a bit of \(file) rots at \(offset)")
      host.mixHost(host.state(node), 7, UInt64(offset))
    }
    return !flipped.isEmpty
  }
  public func end(_ host: SimulatedHost) {}
}
