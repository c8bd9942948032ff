// Progress: one line that is rewritten on a terminal, a plain line for each result in a pipe; and for a flight that takes long, how far it is.

import Flight
import Foundation
import Vocabulary

/// Tells how far a campaign is, on standard error.
final class Progress: @unchecked Sendable {
  private let total: Int
  private let isTerminal: Bool
  private let isQuiet: Bool
  private let began = ContinuousClock.now
  private let lock = NSLock()
  /// Guarded by `lock`: when something was last said.
  private var spokeAt = ContinuousClock.now

  /// Progress over `total` flights.
  init(total: Int, isQuiet: Bool) {
    self.total = total
    self.isQuiet = isQuiet
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  /// How long nothing is said before a flight that goes on is spoken of: on a terminal, where the line is rewritten, and in a pipe.
  private static let (terminalSilence, pipeSilence) = (Duration.seconds(1), Duration.seconds(15))

  /// A flight has come to `now` of `planned` virtual time. May be called by many threads at once.
  func heartbeat(_ scenario: String, seed: UInt64, _ now: TimeSpan, of planned: TimeSpan) {
    if isQuiet && !isTerminal { return }
    lock.withLock {
      guard ContinuousClock.now - spokeAt >= (isTerminal ? Self.terminalSilence : Self.pipeSilence) else { return }
      spokeAt = .now
      let what =
        now < planned
        ? "\(Int(now.seconds)) of \(Int(planned.seconds)) simulated seconds" : "reading back, at \(Int(now.seconds)) simulated seconds"
      write(isTerminal ? "\r\u{1B}[K\(scenario) seed \(seed): \(what)" : "… \(scenario) seed \(seed): \(what)\n")
    }
  }

  /// A flight ended; `count` have by now.
  func ended(_ result: FlightResult, _ count: Int) {
    if isQuiet && !isTerminal { return }
    lock.withLock { spokeAt = .now }
    let verdict = result.verdict == .held ? "held" : "FAILED"
    if isTerminal {
      write("\r\u{1B}[K[\(count)/\(total)] \(result.scenario) seed \(result.seed): \(verdict)")
      if result.verdict == .failed || count == total { write("\n") }
    } else {
      write("[\(count)/\(total)] \(result.scenario) seed \(result.seed): \(verdict)\n")
    }
  }

  /// Takes the line of a flight under way off a terminal.
  func clear() { if isTerminal { write("\r\u{1B}[K") } }

  /// Seconds since the beginning, measured.
  var elapsedSeconds: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
