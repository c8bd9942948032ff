// A process of this program that flies, as the process sees it that started it.
//
// Fault model: it may end at any time, by itself or because it was killed for a turn without an end or for its memory;
// what was flown then is lost, and that is a finding. Another is started for the next flight.

import Console
import Flight
import Foundation
import Launching
import Vocabulary
import World

/// A process that flies for this one. Flights are asked for by one thread; another may look and kill.
final class FlightWorker: @unchecked Sendable {
  /// How a flight ended.
  enum Outcome {
    /// With a result.
    case flown(FlightResult)
    /// The process ended before: why, in words, and the turn that it took last.
    case lost(String, TurnMark)
    /// The process was killed, by nobody here.
    case killed(TurnMark)
    /// The process gave no sign of life for too long, and was killed for it.
    case silent(TurnMark)
    /// The process would not fly: what was wrong with what it was given.
    case refused(String)
  }

  private let process: ChildProcess
  private let complaints: Complaints
  private let mark: SharedMark
  private let markPath: String
  // Guarded by `lock`.
  private let lock = NSLock()
  private var killedFor: String?
  private var isFlying = false
  private var isSilent = false
  /// How many frames came.
  private var frames: UInt64 = 0
  /// What was seen of it when it last gave a sign of life, and how many seconds it has been looked at since then.
  private var lastLife = Life()
  private var silentSeconds = 0.0
  private var lookedAt = ContinuousClock.now
  /// The turn that was under way when was looked, and the processor time of the process when it was seen first.
  private var watched: (turns: UInt64, ticks: Int)?

  /// What shows that a process lives.
  private struct Life {
    var turns: UInt64 = 0
    var frames: UInt64 = 0
    var ticks = 0

    /// Whether something has happened since `other`, so many seconds ago. A worker looks once a second whether who
    /// started it lives; the little time that this takes is no life.
    func isFurther(than other: Life, after seconds: Double) -> Bool {
      turns != other.turns || frames != other.frames || ticks > other.ticks + 5 + Int(seconds / 100)
    }
  }

  /// Starts one that takes these words behind its name; `folder` is for what it shares with this process.
  init(_ words: [String], folder: String, number: Int) throws {
    markPath = "\(folder)/worker-\(number)"
    mark = try SharedMark.mapped(markPath)
    mark.pointer.pointee = TurnMark()
    do {
      // A backtrace takes seconds, and says nothing that the turn does not.
      process = try ChildProcess(
        OwnCommand.program, ["flight-worker"] + words + ["--mark", markPath], environment: ["SWIFT_BACKTRACE": "enable=no"], input: .piped,
        output: .piped, errors: .piped)
    } catch let failure as LaunchFailure {
      throw InputProblem(description: failure.description, exitCode: Exit.couldNotRun)
    }
    complaints = Complaints(process)
  }

  /// Has it do what `line` says (`FlightWorkerCommand`); `onHeartbeat` is told how far it is.
  func fly(_ line: String, onHeartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> Outcome {
    lock.withLock {
      isFlying = true
      watched = nil
      silentSeconds = 0
    }
    defer { lock.withLock { isFlying = false } }
    // A worker that is gone shows itself by the end of its output.
    process.write(Array("\(line)\n".utf8))
    while let (kind, content) = frame() {
      lock.withLock { frames &+= 1 }
      if kind == WorkerFrame.heartbeat, let (now, planned) = WorkerFrame.spans(content) {
        onHeartbeat(now, planned)
      } else if kind == WorkerFrame.files {
        guard let path = InputFile.changed(content) else { continue }
        lock.withLock { kill("\(path) has changed") }
        process.waitUntilEnd()
        return .refused("\(path) is not what it was when the campaign began")
      } else if kind == WorkerFrame.result, let result = try? FlightResult(decoding: content) {
        return .flown(result)
      } else {
        lock.withLock { kill("it printed what is no frame of a flight: does a machine print?") }
        break
      }
    }
    // A process whose output has ended has nothing more to do, whatever it waits for.
    process.closeInput()
    let end = process.waitUntilEnd()
    let mark = mark.pointer.pointee
    if lock.withLock({ isSilent }) { return .silent(mark) }
    if let reason = lock.withLock({ killedFor }) { return .lost(reason, mark) }
    let said = complaints.text
    let behind = said.isEmpty ? "" : ": \(said)"
    switch end {
    case .signalled(SIGKILL): return .killed(mark)
    case .signalled(let signal): return .lost("it trapped (signal \(signal))\(behind)", mark)
    // It has taken no turn of this flight: its files or options are not as they were.
    case .exited(let code) where mark.turns == 0: return .refused("code \(code)\(behind)")
    case .exited(let code): return .lost("its process ended with code \(code)\(behind)", mark)
    }
  }

  /// Ends the process, whatever it does.
  func end() {
    process.killAndWait()
    unlink(markPath)
  }

  // MARK: the watch

  /// Kills the process where its turn took more than `mostSeconds` of processor time, it holds more memory than
  /// `mostBytes`, or gave no sign of life for `mostSilentSeconds`. To be called a few times a second.
  ///
  /// The last is of this machine's time, since a process that stands still uses none of its own. Only what was looked
  /// at counts: where this process stood still itself, and others with it (Ctrl-Z), none of them is silent.
  func watch(mostSeconds: Int, mostBytes: Int, mostSilentSeconds: Int) {
    lock.withLock {
      let passed = (ContinuousClock.now - lookedAt).components
      lookedAt = .now
      guard isFlying, killedFor == nil, process.isRunning else { return }
      let id = process.id
      let life = Life(turns: mark.pointer.pointee.turns, frames: frames, ticks: ProcessFigures.processorTicks(id) ?? 0)
      if life.isFurther(than: lastLife, after: silentSeconds) {
        lastLife = life
        silentSeconds = 0
      } else {
        silentSeconds += min(1, Double(passed.seconds) + Double(passed.attoseconds) / 1e18)
      }
      if silentSeconds > Double(mostSilentSeconds) {
        isSilent = true
        return kill("it gave no sign of life for \(mostSilentSeconds) s")
      }
      if let bytes = ProcessFigures.residentBytes(id), bytes > mostBytes {
        return kill("it holds \(bytes >> 20) MiB of memory, more than \(mostBytes >> 20)")
      }
      let now = mark.pointer.pointee
      guard now.event > 0, let ticks = ProcessFigures.processorTicks(id) else {
        watched = nil
        return
      }
      guard let first = watched, first.turns == now.turns else {
        watched = (now.turns, ticks)
        return
      }
      if ticks - first.ticks > mostSeconds * ProcessFigures.ticksPerSecond {
        kill("the turn has taken more than \(mostSeconds) s of processor time")
      }
    }
  }

  private func kill(_ reason: String) {
    killedFor = reason
    process.signal(SIGKILL)
  }

  /// The next frame; nil where the process has ended, or says something else.
  private func frame() -> (kind: UInt8, content: [UInt8])? {
    guard let head = process.read(exactly: WorkerFrame.headBytes) else { return nil }
    let count = head.dropFirst().reversed().reduce(0) { $0 << 8 | Int($1) }
    guard count <= WorkerFrame.mostBytes, let content = process.read(exactly: count) else { return nil }
    return (head[0], content)
  }
}

/// The last words that a process says on standard error.
private final class Complaints: @unchecked Sendable {
  // Guarded by `lock`.
  private var kept: [UInt8] = []
  private let lock = NSLock()
  private let done = DispatchSemaphore(value: 0)

  init(_ process: ChildProcess) {
    Thread.detachNewThread { [self] in
      while case let data = process.readErrors(), !data.isEmpty {
        // Backtraces are long, and stand behind what is said.
        lock.withLock { if kept.count < 65_536 { kept += data } }
      }
      done.signal()
    }
  }

  /// The first line that says what was wrong; empty where nothing was said. Waits for the end of the process's output,
  /// but not long: a process of its own may hold it.
  var text: String {
    _ = done.wait(timeout: .now() + 1)
    done.signal()
    let lines = lock.withLock { String(decoding: kept, as: UTF8.self) }.split(separator: "\n").map(String.init)
    return lines.first { $0.contains("Fatal error") || $0.contains("invariant") } ?? lines.first ?? ""
  }
}
