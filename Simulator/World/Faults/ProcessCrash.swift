// Process crash: a process ends at once and its operating system with it (power loss), in the middle of a sync or of a
// work where that is asked. What it had not synced is lost in any part. For a process that ends alone see ProcessKill.
//
// A crash at once lasts as long as its fault. One that waits for its moment waits as long as its fault, and the process
// starts again `downtime` after it; where the moment does not come, the run's record says so.

import Kernel
import Vocabulary

/// A process and its operating system end, and start again.
public struct ProcessCrash: Fault {
  /// At which moment the process ends.
  public enum Moment: Hashable, Sendable {
    /// When the fault begins; it starts again when the fault ends.
    case atOnce
    /// In the middle of the first sync after that; the disk keeps any part of what it carried.
    case duringSync(downtime: TimeSpan)
    /// In the middle of the first work (flush, compaction) after that.
    case duringWork(downtime: TimeSpan)
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

  public func reach(_ host: SimulatedHost) -> FaultReach { .stops([node]) }
  public var waits: Bool { moment != .atOnce }
  public func label(_ host: SimulatedHost) -> String {
    switch moment {
    case .atOnce: "crash of \(host.name(of: node))"
    case .duringSync: "crash of \(host.name(of: node)) during sync"
    case .duringWork: "crash of \(host.name(of: node)) during work"
    }
  }

  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    switch moment {
    case .atOnce: host.holdDown(node, didAnything: host.crash(node))
    case .duringSync(let downtime): host.armCrash(of: node, at: \.crashesAtSyncs, downtime)
    case .duringWork(let downtime): host.armCrash(of: node, at: \.crashesInWorks, downtime)
    }
  }

  public func end(_ host: SimulatedHost) {
    switch moment {
    case .atOnce: host.restart(node, after: .zero)
    case .duringSync: host.disarmCrash(of: node, at: \.crashesAtSyncs)
    case .duringWork: host.disarmCrash(of: node, at: \.crashesInWorks)
    }
  }
}
