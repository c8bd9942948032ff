// Flies many flights at once, in processes of their own, a thread of this one to each. A flight shares nothing with
// another, so the results do not depend on how many there are; they are given in the order in which they were asked for.
//
// Fault model: a machine that traps, a turn without an end, or one that takes all memory ends its process; the flight
// then failed, with the turn that it took, and the campaign goes on. So it does where a process stands still. Where
// this process is asked to end no further flight begins. Those under way have a moment to end; what takes longer is
// ended.

import Checking
import Console
import ContractTests
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

  /// How long one of them may give no sign of life.
  private let mostSilentSeconds: Int

  /// A crew of so many processes, none of which is started yet. Throws where there is no place for what they share.
  init(jobs: Int, words: [String], mostSilentSeconds: Int) throws {
    self.jobs = jobs
    self.words = words
    self.mostSilentSeconds = mostSilentSeconds
    folder = try RunFolder("flights", below: nil, option: "TMPDIR (of the environment)")
    folderPath = folder.path
  }

  /// Ends the processes.
  func end() {
    for worker in lock.withLock({ workers.values }) { worker.end() }
    lock.withLock { workers.removeAll() }
    folder.remove()
  }

  /// The process of one thread. The system may have no room for another just now: that may pass.
  private func worker(of thread: Int) throws -> FlightWorker {
    if let own = lock.withLock({ workers[thread] }) { return own }
    for pause in [0.1, 0.4, 1.6] {
      if let own = try? start(thread) { return own }
      if Interruption.isAsked { break }
      Thread.sleep(forTimeInterval: pause)
    }
    return try start(thread)
  }

  private func start(_ thread: Int) throws -> FlightWorker {
    let own = try FlightWorker(words, folder: folderPath, number: thread)
    lock.withLock { workers[thread] = own }
    return own
  }

  private func forget(_ worker: FlightWorker, of thread: Int) {
    lock.withLock { workers[thread] = nil }
    worker.end()
  }

  private func watch() {
    let all = lock.withLock { Array(workers.values) }
    for worker in all { worker.watch(mostSeconds: Self.mostTurnSeconds, mostBytes: Self.mostBytes, mostSilentSeconds: mostSilentSeconds) }
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
    /// Orders that were taken and for which there was no process.
    private var failedStarts = 0
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
    func put(_ error: any Error) {
      condition.withLock {
        problem = problem ?? error
        failedStarts += 1
        condition.broadcast()
      }
    }

    /// Waits until all are flown, or the process was asked to end, or no process could be started, and none is under way
    /// or has been for too long; gives what there is, and what kept the rest. `watch` is called meanwhile.
    func wait(_ watch: () -> Void) -> (results: [FlightResult], problem: (any Error)?) {
      condition.lock()
      defer { condition.unlock() }
      var asked: Date?
      while results.count < count {
        let isIdle = results.count >= next - failedStarts
        if problem != nil && isIdle { break }
        if Interruption.isAsked {
          let since = asked ?? Date()
          asked = since
          if isIdle || Date().timeIntervalSince(since) > FlightCrew.patience { break }
        }
        _ = condition.wait(until: Date(timeIntervalSinceNow: FlightCrew.step))
        watch()
      }
      isClosed = true
      return (results.sorted { $0.key < $1.key }.map(\.value), problem)
    }
  }

  /// What kept the rest of the orders of the last `fly` from being flown; nil where nothing did, or this process was
  /// asked to end.
  private(set) var problem: (any Error)?

  /// Flies `count` orders; `onResult` is told each result and how many there are by then, one call at a time.
  /// `onHeartbeat` is told how far a flight is, a few times a second; it is called by many threads at once. Fewer
  /// results than orders came where the process was asked to end, or no process can be started (`problem`).
  func fly(
    _ count: Int, _ order: @escaping @Sendable (Int) -> FlightOrder,
    onHeartbeat: @escaping @Sendable (FlightOrder, _ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _, _ in },
    onResult: @escaping (FlightResult, Int) -> Void
  ) -> [FlightResult] {
    run(
      count,
      { index in
        let order = order(index)
        let words = [order.scenario.name, "\(order.seed)"] + order.planted.prefix(1).map(\.name)
        return Task(line: words.joined(separator: " "), ownCommand: Flight.ownCommand(order)) {
          Self.lost(order, $0, $1)
        } onHeartbeat: {
          onHeartbeat(order, $0, $1)
        }
      }, onResult: onResult)
  }

  /// Makes contract cases of a system in virtual time, each in a world of its own; fewer than asked for as `fly` has it.
  func make(_ cases: [ContractCase], of system: String, planted: Mutant?) -> [FlightResult] {
    run(
      cases.count,
      { index in
        let words = ["/\(system)", cases[index].id] + (planted.map { [$0.name] } ?? [])
        return Task(line: words.joined(separator: " ")) { reason, mark in
          FlightResult(
            cases[index], CaseVerdict(cases[index], .notRun(Self.place(mark, reason, nodes: []))), turns: Int(clamping: mark.turns))
        }
      }, onResult: { _, _ in })
  }

  /// What one process is asked for once.
  private struct Task {
    /// As it is told.
    var line: String
    /// The command that repeats it, where it is not for the process to know.
    var ownCommand: String?
    /// What it came to where its process was lost.
    var lost: (_ reason: String, TurnMark) -> FlightResult
    var onHeartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _ in }
  }

  private func run(
    _ count: Int, _ task: @escaping @Sendable (Int) -> Task, onResult: @escaping (FlightResult, Int) -> Void
  ) -> [FlightResult] {
    let board = Board(count: count, onResult: onResult)
    for thread in 0..<max(1, min(jobs, count)) {
      Thread.detachNewThread { [self] in
        while let index = board.take() {
          do {
            board.put(try carryOut(task(index), thread), index)
          } catch {
            board.put(error)
          }
        }
      }
    }
    let (results, problem) = board.wait(watch)
    self.problem = problem
    return results
  }

  /// Has the process of a thread do one thing. One that was killed by nobody here was perhaps killed for the memory of
  /// another, and one that stood still was perhaps stopped by somebody: it is asked of another process once more, and
  /// lost only where that happens again.
  private func carryOut(_ task: Task, _ thread: Int) throws -> FlightResult {
    var isRepeated = false
    while true {
      let own = try worker(of: thread)
      switch own.fly(task.line, onHeartbeat: task.onHeartbeat) {
      case .flown(var result):
        if let command = task.ownCommand { result.ownCommand = command }
        return result
      case .refused(let reason):
        forget(own, of: thread)
        throw InputProblem(description: "a process that flies ended before it flew: \(reason)", exitCode: Exit.couldNotRun)
      case .killed where !isRepeated && !Interruption.isAsked, .silent where !isRepeated && !Interruption.isAsked:
        forget(own, of: thread)
        isRepeated = true
      case .silent(let mark):
        forget(own, of: thread)
        return task.lost("the worker did not answer for \(mostSilentSeconds) s, twice: --silence says how long is waited", mark)
      case .killed(let mark):
        forget(own, of: thread)
        return task.lost("its process was killed from outside (SIGKILL), twice: is there memory enough for --jobs \(jobs)?", mark)
      case .lost(let reason, let mark):
        forget(own, of: thread)
        return task.lost(reason, mark)
      }
    }
  }

  /// The name of the check that a flight fails whose process did not outlive it.
  static let check = "machines end their turns"

  /// Why a process ended, and in which turn.
  private static func place(_ mark: TurnMark, _ reason: String, nodes: [String]) -> String {
    guard mark.event > 0 else { return "\(reason); while nothing was flown" }
    let node = nodes.indices.contains(Int(mark.node)) ? nodes[Int(mark.node)] : "node \(mark.node)"
    let event = TurnMark.names.indices.contains(Int(mark.event)) ? TurnMark.names[Int(mark.event)] : "something"
    return "\(reason); in the turn in which \(node) takes \(event)"
  }

  /// The result of a flight whose process ended.
  static func lost(_ order: FlightOrder, _ reason: String, _ mark: TurnMark) -> FlightResult {
    let at = Instant(nanoseconds: mark.at)
    let text = place(mark, reason, nodes: Flight(order, systems: Systems.all).nodeNames)
    let judgement = Judgement(
      checker: check, requirements: [], violations: [Violation(at: mark.event > 0 ? at : nil, text)],
      examined: "\(counted(Int(clamping: mark.turns), "turn"))", examinedCount: Int(clamping: mark.turns))
    var result = FlightResult(
      scenario: order.scenario.name, seed: order.seed, mutant: order.planted.first?.name, verdict: .failed,
      traceHash: nil, judgements: [judgement], faults: [], requests: [],
      simulated: TimeSpan(nanoseconds: mark.at), turns: Int(clamping: mark.turns), requirements: order.scenario.requirements,
      ownCommand: Flight.ownCommand(order))
    result.costs = (order.costs.name, order.costs.origin)
    return result
  }
}

extension FlightResult {
  /// What became of a contract case that was made in virtual time, as a flight with the one check that it is.
  init(_ contractCase: ContractCase, _ verdict: CaseVerdict, turns: Int) {
    var violations: [Violation] = []
    switch verdict.outcome {
    case .passed: break
    case .failed(let failure):
      violations.append(Violation("\(contractCase.place): \(failure.step): expected \(failure.expected), found \(failure.found)"))
    case .notRun(let reason): violations.append(Violation("\(contractCase.place): \(reason)"))
    }
    let judgement = Judgement(
      checker: contractCase.id, requirements: contractCase.requirements, violations: violations,
      examined: "\(counted(verdict.answers, "answer"))",
      examinedCount: max(1, verdict.answers))
    self.init(
      scenario: contractCase.id, seed: 1, verdict: Verdict([judgement]), traceHash: nil, judgements: [judgement], faults: [], requests: [],
      simulated: verdict.took, turns: turns, requirements: contractCase.requirements)
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
    return words + inputs.words(forAll: selected)
  }
}
