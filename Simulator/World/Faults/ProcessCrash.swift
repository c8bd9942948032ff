// Process crash: a process ends at once, in the middle of a sync or of a work where that is asked, and starts again when the fault ends.

import Kernel
import Vocabulary

/// A process ends, and starts again when the fault ends.
public struct ProcessCrash: Fault {
  /// At which moment the process ends.
  public enum Moment: Hashable, Sendable {
    /// When the fault begins.
    case atOnce
    /// In the middle of the first sync after that; the disk keeps any part of what it carried.
    case duringSync
    /// In the middle of the first work (flush, compaction) after that.
    case duringWork
  }

  /// Which process.
  public var node: NodeID
  /// At which moment.
  public var moment: Moment

  /// A crash.
  public init(of node: NodeID, _ moment: Moment = .atOnce) {
    self.node = node
    self.moment = moment
  }

  public func label(_ host: SimulatedHost) -> String {
    switch moment {
    case .atOnce: "crash of \(host.name(of: node))"
    case .duringSync: "crash of \(host.name(of: node)) in a sync"
    case .duringWork: "crash of \(host.name(of: node)) in a work"
    }
  }
  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    switch moment {
    case .atOnce: host.crash(node)
    case .duringSync: host.state(node).crashAtNextSync = true
    case .duringWork: host.state(node).crashInNextWork = true
    }
  }
  public func end(_ host: SimulatedHost) {
    host.state(node).crashAtNextSync = false
    host.state(node).crashInNextWork = false
    host.restart(node, after: .zero)
  }
}
