// The real host: runs machines on sockets, files and the system's clocks. The same machines fly in the simulator.
//
// Fault model: the network, the disk and the peers of a real machine; see `LiveNode+Lives` for what ends a life.
// Limits: `LiveLimits`. A node is confined to one event loop; its group commits run on one sync thread of its own, its
// works on the compute threads.

import NIOCore
import NIOPosix
import Synchronization
import Vocabulary

/// Hosts nodes in this process.
public final class LiveHost: Sendable {
  private let shared: HostShared
  private let group: MultiThreadedEventLoopGroup
  private let nodes: [LiveNode]
  private let addresses = Mutex<[NodeID: NetworkAddress]>([:])
  private let stopping = Mutex<Task<Void, Never>?>(nil)

  /// Prepares the nodes; nothing runs yet. `recorder` is told what they do: always under one lock, from the loops'
  /// threads. Throws where the system lets this process have too few files and sockets.
  public init(
    _ specifications: [LiveNodeSpecification], _ configuration: LiveConfiguration = LiveConfiguration(), recorder: (any Recorder)? = nil
  ) throws(LiveHostError) {
    let loops = max(1, configuration.loops)
    let shares = specifications.reduce(0) { $0 + ($1.peerListen == nil ? 1 : 2) }
    let limit = raisedOpenFileLimit()
    guard let descriptors = DescriptorShares(of: limit, shares: shares, loops: loops, configuration.limits) else {
      let needed = DescriptorShares.needed(shares: shares, loops: loops)
      throw LiveHostError(
        node: specifications.map(\.name).joined(separator: ", "), cause: .tooFewDescriptors(limit: limit, needed: needed))
    }
    let security: HostSecurity
    do throws(SecurityFailure) { security = try HostSecurity(configuration.security) } catch {
      throw LiveHostError(node: specifications.map(\.name).joined(separator: ", "), cause: .unsecured(error))
    }
    let ticks = LoopTicks()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops, metricsDelegate: ticks)
    let shared = HostShared(configuration, descriptors, security, group: group, ticks: ticks, shares: shares, recorder: recorder)
    shared.computePool.start()
    shared.names.start()
    self.group = group
    self.shared = shared
    nodes = specifications.map { LiveNode($0, shared: shared, loop: group.next()) }
  }

  /// Opens all sockets, then starts all machines, in the order of the specifications. Throws (`LiveHostError`), with
  /// everything closed again, where a socket or a data directory cannot be used or a machine refuses its disk.
  public func start() async throws {
    do {
      for node in nodes {
        if let address = try await node.loop.flatSubmit({ node.listen(.clients) }).get() {
          addresses.withLock { $0[node.id] = address }
          shared.setOwn(address, of: node.id)
        }
        if let address = try await node.loop.flatSubmit({ node.listen(.peers) }).get() { shared.setPeerAddress(address, of: node.id) }
      }
      for node in nodes {
        try await node.loop.submit {
          node.startSweeping()
          try node.begin()
        }.get()
      }
    } catch {
      await stop(grace: .zero)
      throw error
    }
  }

  /// Whether nodes are called by TLS.
  public var isSecured: Bool { shared.security.isServing }

  /// Where a node listens, with the port that the system chose; nil where it does not.
  public func address(of node: NodeID) -> NetworkAddress? { addresses.withLock { $0[node] } }

  /// Where a node listens for its peers, with the port that the system chose; nil where it does not.
  public func peerAddress(of node: NodeID) -> NetworkAddress? {
    nodes.contains { $0.id == node && $0.specification.peerListen != nil } ? shared.peerAddress(of: node) : nil
  }

  /// Time on the host's clock, which the records are stamped with.
  public var now: Instant { shared.clock.now }

  /// Whether a node has a life at this moment.
  public func isRunning(_ node: NodeID) async -> Bool {
    guard let found = running(node) else { return false }
    do { return try await found.loop.submit { found.life != nil }.get() } catch { return false }
  }

  /// Why a node went down for good, the first where there are several; nil while each node runs or will be started
  /// again.
  public var failure: LiveHostError? { shared.failure }

  /// Returns when a node is down for good, with the reason, or with nil when the host stops or the task is cancelled.
  /// One caller at a time.
  public func untilFailed() async -> LiveHostError? {
    for await failure in shared.failures { return failure }
    return nil
  }

  /// Drops a node's machine and everything that waits for its disk, and starts it again from what its directory holds,
  /// as after a failed sync. What was not written out is lost; what was written out but not synced is not (for that,
  /// see `DiskRecorder`).
  public func crash(_ node: NodeID) async {
    guard let found = running(node) else { return }
    do { try await found.loop.submit { found.crash("crashed by request") }.get() } catch { return }
  }

  /// Stops gracefully: takes no new work, answers what has come whole (for `grace` at most), syncs, closes. The host
  /// cannot be started again. A second call waits for the first.
  public func stop(grace: TimeSpan = .seconds(5)) async {
    let task = stopping.withLock { known in
      let task = known ?? Task { await self.stopAll(grace: grace) }
      known = task
      return task
    }
    await task.value
  }

  /// The node, while its loop still runs.
  private func running(_ node: NodeID) -> LiveNode? {
    stopping.withLock { $0 == nil } ? nodes.first { $0.id == node } : nil
  }

  private func stopAll(grace: TimeSpan) async {
    await withTaskGroup(of: Void.self) { tasks in
      for node in nodes {
        tasks.addTask {
          // Either throws only where it was shut down before.
          do { try await node.loop.flatSubmit { node.stop(grace: grace) }.get() } catch {}
          do { try await node.syncThread?.shutdownGracefully() } catch {}
        }
      }
    }
    do { try await shared.computePool.shutDown() } catch {}
    await shared.names.shutDown(within: shared.limits.connectTimeout)
    do { try await group.shutdownGracefully() } catch {}
    shared.endFailures()
  }
}
