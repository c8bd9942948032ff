// How often a loop has looked at the network: so that a node takes one batch of turns between two looks, and no more,
// however much it has to do.
//
// A loop does all that it is asked to do at once, and what has become due meanwhile, before it looks at the network. A
// node that asked for its next batch in that way would keep out all others of its loop, and all that the network brings,
// for as long as the requests that have come last; a short wait in between does not help where another node's batch is
// longer than that. NIO tells the end of each such round (a tick) to what is meant for metrics.

import NIOCore
import NIOPosix
import Synchronization

/// The ticks of one loop. Sendable because it is used on that loop only.
final class LoopTick: @unchecked Sendable {
  /// The present one's; the first has 1.
  fileprivate(set) var number: UInt64 = 1
}

/// The ticks of all loops of a host; safe on any thread.
final class LoopTicks: NIOEventLoopMetricsDelegate {
  private let loops = Mutex<[ObjectIdentifier: LoopTick]>([:])

  /// The ticks of one loop, to be looked at on that loop.
  func ticks(of loop: any EventLoop) -> LoopTick {
    loops.withLock { known in
      let tick = known[ObjectIdentifier(loop)] ?? LoopTick()
      known[ObjectIdentifier(loop)] = tick
      return tick
    }
  }

  func processedTick(info: NIOEventLoopTickInfo) { loops.withLock { $0[info.eventLoopID] }?.number += 1 }
}
