// A process of this program that flies, as the process sees it that started it.
//
// Fault model: it may end at any time, by itself or because it was killed for a turn without an end or for its memory;
// what was flown then is lost, and that is a finding. Another is started for the next flight.

import Console
import Flight
import Foundation
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
  }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let complaints: Complaints
  private let mark: SharedMark
  private let markPath: String
  // Guarded by `lock`.
  private let lock = NSLock()
  private var killedFor: String?
  private var isFlying = false
  /// The turn that was under way when was looked, and the processor time of the process when it was seen first.
  private var watched: (turns: UInt64, ticks: Int)?

  /// Starts one that takes these words behind its name; `folder` is for what it shares with this process.
  init(_ words: [String], folder: String, number: Int) throws {
    markPath = "\(folder)/worker-\(number)"
    guard let mark = SharedMark(path: markPath) else {
      throw InputProblem(description: "\(markPath) cannot be mapped", exitCode: Exit.couldNotRun)
    }
    self.mark = mark
    mark.pointer.pointee = TurnMark()
    process.executableURL = OwnCommand.program
    process.arguments = ["flight-worker"] + words + ["--mark", markPath]
    // A backtrace takes seconds, and says nothing that the turn does not.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    process.standardInput = input
    process.standardOutput = output
    let errors = Pipe()
    process.standardError = errors
    complaints = Complaints(errors.fileHandleForReading)
    do {
      try process.run()
    } catch {
      throw InputProblem(description: "a process that flies cannot be started (\(InputProblem.reason(error)))", exitCode: Exit.couldNotRun)
    }
  }

  /// Flies `scenario`; `onHeartbeat` is told how far it is.
  func fly(_ scenario: String, seed: UInt64, mutant: String?, onHeartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> Outcome {
    lock.withLock {
      isFlying = true
      watched = nil
    }
    defer { lock.withLock { isFlying = false } }
    let line = ([scenario, "\(seed)"] + (mutant.map { [$0] } ?? [])).joined(separator: " ") + "\n"
    // A worker that is gone shows itself by the end of its output.
    try? input.fileHandleForWriting.write(contentsOf: Data(line.utf8))
    while let (kind, content) = frame() {
      if kind == WorkerFrame.heartbeat {
        if let (now, planned) = WorkerFrame.spans(content) { onHeartbeat(now, planned) }
      } else if let result = try? FlightResult(decoding: content) {
        return .flown(result)
      } else {
        break
      }
    }
    process.waitUntilExit()
    return .lost(lossWords, mark.pointer.pointee)
  }

  /// Ends the process, whatever it does.
  func end() {
    if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    unlink(markPath)
  }

  // MARK: the watch

  /// Kills the process where its turn took more than `mostSeconds` of processor time, or it holds more memory than
  /// `mostBytes`. To be called a few times a second.
  func watch(mostSeconds: Int, mostBytes: Int) {
    lock.withLock {
      guard isFlying, killedFor == nil, process.isRunning else { return }
      let id = process.processIdentifier
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
    Glibc.kill(process.processIdentifier, SIGKILL)
  }

  private var lossWords: String {
    if let reason = lock.withLock({ killedFor }) { return reason }
    let said = complaints.text
    switch process.terminationReason {
    case .exit: return "its process ended with code \(process.terminationStatus)" + (said.isEmpty ? "" : ": \(said)")
    case .uncaughtSignal: return "it trapped (signal \(process.terminationStatus))" + (said.isEmpty ? "" : ": \(said)")
    @unknown default: return "its process ended" + (said.isEmpty ? "" : ": \(said)")
    }
  }

  /// The next frame; nil where the process has ended, or says something else.
  private func frame() -> (kind: UInt8, content: [UInt8])? {
    guard let head = bytes(WorkerFrame.headBytes) else { return nil }
    let count = head.dropFirst().reversed().reduce(0) { $0 << 8 | Int($1) }
    guard count <= WorkerFrame.mostBytes, let content = bytes(count) else { return nil }
    return (head[0], content)
  }

  private func bytes(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    let descriptor = output.fileHandleForReading.fileDescriptor
    while filled < count {
      let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress?.advanced(by: filled), count - filled) }
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }
}

/// The last words that a process says on standard error.
private final class Complaints: @unchecked Sendable {
  // Guarded by `lock`.
  private var kept: [UInt8] = []
  private let lock = NSLock()
  private let done = DispatchSemaphore(value: 0)

  init(_ handle: FileHandle) {
    Thread.detachNewThread { [self] in
      while let data = try? handle.read(upToCount: 4_096), !data.isEmpty {
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
