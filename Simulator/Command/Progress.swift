// Progress: one line that is rewritten on a terminal, a plain line for each result in a pipe; how fast a campaign is
// and how long it takes yet; and for a flight that takes long, how far it is.

import Console
import Flight
import Foundation
import Reports
import Vocabulary

/// Tells how far a campaign is, on standard error.
final class Progress: @unchecked Sendable {
  private let total: Int
  /// How many scenarios are flown with each seed.
  private let scenarios: Int
  private let rewrites: Bool
  private let isQuiet: Bool
  private let began = ContinuousClock.now
  private let lock = NSLock()
  /// Guarded by `lock`: when something was last said, when the pace was, and how many flights there are by now.
  private var (spokeAt, toldPaceAt, ended) = (ContinuousClock.now, ContinuousClock.now, 0)

  /// Progress over `total` flights of `scenarios` scenarios.
  init(total: Int, scenarios: Int = 1, isQuiet: Bool) {
    self.total = total
    self.scenarios = max(1, scenarios)
    self.isQuiet = isQuiet
    // A dumb terminal shows escapes as they are; who sets NO_COLOR wants none.
    let environment = ProcessInfo.processInfo.environment
    rewrites = isatty(STDERR_FILENO) == 1 && !["", "dumb"].contains(environment["TERM"] ?? "") && environment["NO_COLOR"] ?? "" == ""
  }

  /// How long nothing is said before a flight that goes on is spoken of: on a terminal, where the line is rewritten,
  /// and in a pipe.
  private static let (terminalSilence, pipeSilence) = (Duration.seconds(1), Duration.seconds(15))

  /// Says how many flights there will be.
  func begin(seeds: Int) {
    guard total > 1 else { return }
    let what = "\(CountText.of(scenarios, "scenario")) with \(CountText.of(seeds, "seed")) each"
    Output.note("flying \(what): \(CountText.of(total, "flight")). Ctrl-C ends it with what is finished by then")
  }

  /// A flight has come to `now` of `planned` virtual time. May be called by many threads at once.
  func heartbeat(_ scenario: String, seed: UInt64, _ now: TimeSpan, of planned: TimeSpan) {
    if isQuiet && !rewrites { return }
    lock.withLock {
      guard ContinuousClock.now - spokeAt >= (rewrites ? Self.terminalSilence : Self.pipeSilence) else { return }
      spokeAt = .now
      let what =
        now < planned
        ? "\(Int(now.seconds)) of \(Int(planned.seconds)) simulated seconds" : "reading back, at \(Int(now.seconds)) simulated seconds"
      let line = "\(scenario) seed \(seed): \(what)"
      if rewrites { Output.noteAnew("[\(ended)/\(total)] \(line)\(pace)") } else { Output.note("… \(line)") }
    }
  }

  /// A flight ended; `count` have by now.
  func ended(_ result: FlightResult, _ count: Int) {
    lock.withLock {
      ended = count
      if isQuiet && !rewrites { return }
      spokeAt = .now
      let verdict = result.verdict == .held ? "held" : "FAILED"
      let line = "[\(count)/\(total)] \(result.scenario) seed \(result.seed): \(verdict)"
      if rewrites {
        let isLast = count == total
        Output.noteAnew("\(line)\(isLast ? "" : pace)\(result.verdict == .failed || isLast ? "\n" : "")")
      } else {
        let isDue = ContinuousClock.now - toldPaceAt >= Self.pipeSilence && count < total
        if isDue { toldPaceAt = .now }
        Output.note(line + (isDue ? pace : ""))
      }
    }
  }

  /// ", 3.9 flights/s (0.2 seeds/s), 81 min left"; nothing where there is only one flight, or none has ended.
  private var pace: String {
    let elapsed = elapsedSeconds
    guard total > 1, ended > 0, elapsed > 0 else { return "" }
    let rate = Double(ended) / elapsed
    let left = Double(total - ended) / rate
    let speed = String(format: rate < 1 ? "%.2g" : rate < 10 ? "%.1f" : "%.0f", rate)
    let seeds = rate / Double(scenarios)
    let both =
      scenarios == 1 ? "\(speed) seeds/s" : "\(speed) flights/s (\(String(format: seeds < 10 ? "%.2g" : "%.0f", seeds)) seeds/s)"
    return ", \(both), \(CountText.time(seconds: left)) left"
  }

  /// Takes the line of a flight under way off a terminal.
  func clear() { if rewrites { Output.noteAnew("") } }

  /// Seconds since the beginning, measured.
  var elapsedSeconds: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
