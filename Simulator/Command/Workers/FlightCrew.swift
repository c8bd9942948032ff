// Flies many flights at once, in processes of their own, a thread of this one to each. A flight shares nothing with
// another, so the results do not depend on how many there are; they are given in the order in which they were asked for.
//
// Fault model: a machine that traps, a turn without an end, or one that takes all memory ends its process; the flight
// then failed, with the turn that it took, and the campaign goes on. Where this process is asked to end no further
// flight begins. Those under way have a moment to end; what takes longer is ended.

import Checking
import Console
import Flight
import Foundation
import Kernel
import Scenarios
import Vocabulary
import World

/// Flies orders in a number of processes, which stay between one `fly` and the next. To be used by one thread.
final class FlightCrew: @unchecked Sendable {
  /// How many processes.
  let jobs: Int
  /// What each of them is told at its start: names of scenarios and options that say what they are.
  private let words: [String]
  private let folder: RunFolder
  /// The processes, each that of one thread of `fly`. Guarded by `lock`.
  private var workers: [Int: FlightWorker] = [:]
  private let lock = NSLock()
  private let folderPath: String

  /// A crew of so many processes, none of which is started yet. Throws where there is no place for what they share.
  init(jobs: Int, words: [String]) throws {
    self.jobs = jobs
    self.words = words
    folder = try RunFolder("flights", below: nil, option: "TMPDIR (of the environment)")
    folderPath = folder.path
  }

  /// Ends the processes.
  func end() {
    for worker in lock.withLock({ workers.values }) { worker.end() }
    lock.withLock { workers.removeAll() }
    folder.remove()
  }

  private func worker(of thread: Int) throws -> FlightWorker {
    if let own = lock.withLock({ workers[thread] }) { return own }
    let own = try FlightWorker(words, folder: folderPath, number: thread)
    lock.withLock { workers[thread] = own }
    return own
  }

  private func forget(_ worker: FlightWorker, of thread: Int) {
    lock.withLock { workers[thread] = nil }
    worker.end()
  }

  private func watch() {
    for worker in lock.withLock({ Array(workers.values) }) { worker.watch(mostSeconds: Self.mostTurnSeconds, mostBytes: Self.mostBytes) }
  }

  /// How long flights under way are waited for once the process is asked to end.
  private static let patience: TimeInterval = 2
  /// How often is looked whether it is, and at the processes.
  private static let step: TimeInterval = 0.05
  /// Processor time of one turn beyond which it is taken for endless.
  static let mostTurnSeconds = 10
  /// Memory of a process beyond which it is ended.
  static let mostBytes = 4 << 30

  /// Results by the number of their order, filled by the threads.
  private final class Board: @unchecked Sendable {
    // All members are guarded by `condition`.
    private let condition = NSCondition()
    private var next = 0
    private var results: [Int: FlightResult] = [:]
    private var isClosed = false
    private var problem: (any Error)?
    private let count: Int
    private let onResult: (FlightResult, Int) -> Void

    init(count: Int, onResult: @escaping (FlightResult, Int) -> Void) {
      self.count = count
      self.onResult = onResult
    }

    func take() -> Int? {
      condition.withLock {
        guard next < count, !isClosed, problem == nil, !Interruption.isAsked else { return nil }
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

    /// No process could be started.
    func put(_ error: any Error) { condition.withLock { problem = problem ?? error } }

    /// Waits until all are flown, or the process was asked to end and none is under way or has been for too long; gives
    /// what there is. `watch` is called meanwhile.
    func wait(_ watch: () -> Void) throws -> [FlightResult] {
      condition.lock()
      defer { condition.unlock() }
      var asked: Date?
      while results.count < count, problem == nil {
        if Interruption.isAsked {
          let since = asked ?? Date()
          asked = since
          if results.count == next || Date().timeIntervalSince(since) > FlightCrew.patience { break }
        }
        _ = condition.wait(until: Date(timeIntervalSinceNow: FlightCrew.step))
        watch()
      }
      isClosed = true
      if let problem { throw problem }
      return results.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  /// Flies `count` orders; `onResult` is told each result and how many there are by then, one call at a time.
  /// `onHeartbeat` is told how far a flight is, a few times a second; it is called by many threads at once. Fewer
  /// results than orders came where the process was asked to end. Throws where no process can be started.
  func fly(
    _ count: Int, _ order: @escaping @Sendable (Int) -> FlightOrder,
    onHeartbeat: @escaping @Sendable (FlightOrder, _ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _, _ in },
    onResult: @escaping (FlightResult, Int) -> Void
  ) throws -> [FlightResult] {
    let board = Board(count: count, onResult: onResult)
    for thread in 0..<max(1, min(jobs, count)) {
      Thread.detachNewThread { [self] in
        while let index = board.take() {
          let order = order(index)
          do {
            let own = try worker(of: thread)
            let outcome = own.fly(order.scenario.name, seed: order.seed, mutant: order.planted.first?.name) { onHeartbeat(order, $0, $1) }
            switch outcome {
            case .flown(var result):
              result.ownCommand = Flight.ownCommand(order)
              board.put(result, index)
            case .lost(let reason, let mark):
              forget(own, of: thread)
              board.put(Self.lost(order, reason, mark), index)
            }
          } catch {
            board.put(error)
          }
        }
      }
    }
    return try board.wait(watch)
  }

  /// The name of the check that a flight fails whose process did not outlive it.
  static let check = "machines end their turns"

  /// The result of a flight whose process ended.
  private static func lost(_ order: FlightOrder, _ reason: String, _ mark: TurnMark) -> FlightResult {
    let names = Flight(order, systems: Systems.all).nodeNames
    let node = names.indices.contains(Int(mark.node)) ? names[Int(mark.node)] : "node \(mark.node)"
    let event = TurnMark.names.indices.contains(Int(mark.event)) ? TurnMark.names[Int(mark.event)] : "something"
    let at = Instant(nanoseconds: mark.at)
    let place = mark.event > 0 ? "in the turn in which \(node) takes \(event)" : "while nothing was flown"
    let judgement = Judgement(
      checker: check, requirements: [], violations: [Violation(at: mark.event > 0 ? at : nil, "\(reason); \(place)")],
      examined: "\(mark.turns) turns", examinedCount: Int(clamping: mark.turns))
    var result = FlightResult(
      scenario: order.scenario.name, seed: order.seed, mutant: order.planted.first?.name, verdict: .failed,
      traceHash: TraceHash(seed: order.seed), judgements: [judgement], faults: [], requests: [],
      simulated: TimeSpan(nanoseconds: mark.at), turns: Int(clamping: mark.turns), requirements: order.scenario.requirements,
      ownCommand: Flight.ownCommand(order))
    result.costs = (order.costs.name, order.costs.origin)
    return result
  }
}

extension FlightCrew {
  /// The words that tell a process of what to fly: the scenarios by the names that they were given by, and the options
  /// that say what they are flown with.
  static func words(
    _ names: [String], folder: String?, inputs: some FlightInputOptions, for selected: [Scenario], costs: CostsOption
  ) -> [String] {
    var words = names
    if let folder { words += ["--scenarios", folder] }
    if let file = costs.file { words += ["--costs", file] }
    // What is given goes to all that take it: the first of those says it.
    return words + (selected.lazy.map { inputs.words(for: $0) }.first { !$0.isEmpty } ?? [])
  }
}
