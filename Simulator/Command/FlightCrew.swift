// Flies many flights at once, one to a thread. A flight shares nothing with another, so the results do not depend on
// how many threads there are; they are given in the order in which they were asked for.
//
// Where the process is asked to end no further flight begins. Those under way have a moment to end; what takes longer
// is left to the process's end.

import Console
import Flight
import Foundation
import Scenarios
import Vocabulary

/// Flies orders on a number of threads.
struct FlightCrew {
  /// How many threads.
  let jobs: Int

  /// How long flights under way are waited for once the process is asked to end.
  private static let patience: TimeInterval = 2
  /// How often is looked whether it is.
  private static let step: TimeInterval = 0.05

  /// Results by the number of their order, filled by the threads.
  private final class Board: @unchecked Sendable {
    // All members are guarded by `condition`.
    private let condition = NSCondition()
    private var next = 0
    private var results: [Int: FlightResult] = [:]
    private var isClosed = false
    private let count: Int
    private let onResult: (FlightResult, Int) -> Void

    init(count: Int, onResult: @escaping (FlightResult, Int) -> Void) {
      self.count = count
      self.onResult = onResult
    }

    func take() -> Int? {
      condition.withLock {
        guard next < count, !isClosed, !Interruption.isAsked else { return nil }
        next += 1
        return next - 1
      }
    }

    func put(_ result: FlightResult, _ index: Int) {
      condition.withLock {
        guard !isClosed else { return }
        results[index] = result
        onResult(result, results.count)
        condition.broadcast()
      }
    }

    /// Waits until all are flown, or the process was asked to end and none is under way or has been for too long; gives
    /// what there is.
    func wait() -> [FlightResult] {
      condition.lock()
      defer { condition.unlock() }
      var asked: Date?
      while results.count < count {
        if Interruption.isAsked {
          let since = asked ?? Date()
          asked = since
          if results.count == next || Date().timeIntervalSince(since) > FlightCrew.patience { break }
        }
        _ = condition.wait(until: Date(timeIntervalSinceNow: FlightCrew.step))
      }
      isClosed = true
      return results.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  /// Flies `count` orders; `onResult` is told each result and how many there are by then, one call at a time.
  /// `onHeartbeat` is told after each second of virtual time of a flight; it is called by many threads at once. Fewer
  /// results than orders came where the process was asked to end.
  func fly(
    _ count: Int, _ order: @escaping @Sendable (Int) -> FlightOrder,
    onHeartbeat: @escaping @Sendable (FlightOrder, _ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _, _ in },
    onResult: @escaping (FlightResult, Int) -> Void
  ) -> [FlightResult] {
    let board = Board(count: count, onResult: onResult)
    for _ in 0..<max(1, min(jobs, count)) {
      Thread.detachNewThread {
        while let index = board.take() {
          let order = order(index)
          let flight = Flight(order, systems: Systems.all)
          board.put(flight.fly(traceSink: nil) { onHeartbeat(order, $0, $1) }, index)
        }
      }
    }
    return board.wait()
  }
}
