// The threads on which works run: as many as there are cores, fair between the nodes of the host.
//
// Fault model: a work that traps ends the process. Limits: a work that is cancelled while it runs ends when it looks.

import NIOPosix
import Synchronization
import Vocabulary

/// Runs works; safe on any thread.
final class ComputePool: Sendable {
  /// What waits for a thread; `isActive` says whether the pool was still at work when it got one.
  private struct Job: Sendable {
    let incarnation: UInt32
    let id: WorkID
    let body: @Sendable (_ isActive: Bool) -> Void
  }

  private let threads: NIOThreadPool
  private let waiting = Mutex(FairQueue<NodeID, Job>())

  /// A pool of `threads` threads, at least one.
  init(threads: Int) { self.threads = NIOThreadPool(numberOfThreads: max(1, threads)) }

  /// Starts the threads; once.
  func start() { threads.start() }

  /// Ends them, when what runs has ended; what waits is told that the pool is not active any more.
  func shutDown() async throws { try await threads.shutdownGracefully() }

  /// Puts a work of a node's life behind the node's others.
  func submit(_ id: WorkID, of node: NodeID, _ incarnation: UInt32, _ body: @escaping @Sendable (_ isActive: Bool) -> Void) {
    waiting.withLock { $0.append(Job(incarnation: incarnation, id: id, body: body), of: node) }
    // One thread is asked for with each job, and takes whichever job's turn it is then.
    threads.submit { state in
      let next = self.waiting.withLock { $0.popFirst() }
      next?.body(state == .active)
    }
  }

  /// Takes a work back that has no thread yet. Returns whether it had none: else it runs, or has run.
  func withdraw(_ id: WorkID, of node: NodeID, _ incarnation: UInt32) -> Bool {
    waiting.withLock { !$0.remove(of: node) { $0.id == id && $0.incarnation == incarnation }.isEmpty }
  }
}
