// Progress: one line that is rewritten on a terminal, a plain line for each result in a pipe.

import Flight
import Foundation

/// Tells how far a campaign is, on standard error.
final class Progress {
  private let total: Int
  private let isTerminal: Bool
  private let isQuiet: Bool
  private let began = ContinuousClock.now

  /// Progress over `total` flights.
  init(total: Int, isQuiet: Bool) {
    self.total = total
    self.isQuiet = isQuiet
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  /// A flight ended; `count` have by now.
  func ended(_ result: FlightResult, _ count: Int) {
    if isQuiet && !isTerminal { return }
    let verdict = result.verdict == .held ? "held" : "FAILED"
    if isTerminal {
      write("\r\u{1B}[K[\(count)/\(total)] \(result.scenario) seed \(result.seed): \(verdict)")
      if result.verdict == .failed || count == total { write("\n") }
    } else {
      write("[\(count)/\(total)] \(result.scenario) seed \(result.seed): \(verdict)\n")
    }
  }

  /// Seconds since the beginning, measured.
  var elapsedSeconds: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
