// Flies many flights at once, one to a thread. A flight shares nothing with another, so the results do not depend on how many
// threads there are; they are given in the order in which they were asked for.

import Flight
import Foundation
import Load
import Scenarios
import Vocabulary

/// One flight to be flown.
struct FlightOrder: Sendable {
  /// What is flown.
  var scenario: Scenario
  /// The seed.
  var seed: UInt64
  /// Planted bugs.
  var planted: [Mutant] = []
  /// What a replay sends; a synthetic stand-in where nil.
  var recorded: Recording?
  /// How a command names the scenario, where that is not its name.
  var source: String?
}

/// Flies orders on a number of threads.
struct FlightCrew {
  /// How many threads.
  let jobs: Int

  /// Results by the number of their order, filled by the threads.
  private final class Board: @unchecked Sendable {
    // All members are guarded by `lock`.
    private let lock = NSLock()
    private var next = 0
    private var results: [Int: FlightResult] = [:]
    private let count: Int
    private let onResult: (FlightResult, Int) -> Void

    init(count: Int, onResult: @escaping (FlightResult, Int) -> Void) {
      self.count = count
      self.onResult = onResult
    }

    func take() -> Int? {
      lock.withLock {
        guard next < count else { return nil }
        next += 1
        return next - 1
      }
    }

    func put(_ result: FlightResult, _ index: Int) {
      lock.withLock {
        results[index] = result
        onResult(result, results.count)
      }
    }

    var all: [FlightResult] { lock.withLock { (0..<count).compactMap { results[$0] } } }
  }

  /// Flies all `orders`; `onResult` is told each result and how many there are by then, one call at a time. `onHeartbeat` is told after each
  /// second of virtual time of a flight; it is called by many threads at once.
  func fly(
    _ orders: [FlightOrder], onHeartbeat: @escaping @Sendable (FlightOrder, _ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _, _ in },
    onResult: @escaping (FlightResult, Int) -> Void
  ) -> [FlightResult] {
    let board = Board(count: orders.count, onResult: onResult)
    DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, orders.count))) { _ in
      while let index = board.take() {
        let order = orders[index]
        let flight = Flights.flight(
          order.scenario, seed: order.seed, planted: order.planted, recorded: order.recorded, source: order.source)
        board.put(flight.fly(traceSink: nil) { onHeartbeat(order, $0, $1) }, index)
      }
    }
    return board.all
  }
}
