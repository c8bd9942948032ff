// Work that blocks, on a thread of its own: Swift's pool has no more threads than the machine has cores, and what waits
// in one of them may wait for what only another could do.

import Foundation

/// A thread for one piece of work.
public enum OwnThread {
  /// Runs `body`, which may block, and gives what it gives.
  public static func run<Result>(_ body: @escaping @Sendable () throws -> sending Result) async throws -> sending Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        do { continuation.resume(returning: try body()) } catch { continuation.resume(throwing: error) }
      }
    }
  }
}
