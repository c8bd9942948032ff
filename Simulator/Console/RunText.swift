// What is printed of flights for people.

import Flight
import Foundation
import Reports

/// What `run` and `replay` print for people.
package enum RunText {
  /// Prints each check of one flight, those that broke first, and what broke them.
  package static func printJudgements(_ result: FlightResult) {
    for judgement in result.judgementsByEvidence {
      Output.line("\(judgement.held ? "held  " : "FAILED")  \(judgement.checker) (\(judgement.examined))")
      for violation in judgement.violations {
        Output.line("        \(violation.at.map { "\($0.label): " } ?? "")\(violation.summary)")
      }
      guard !judgement.held, judgement.violations.isEmpty else { continue }
      Output.line("        nothing was examined: a check that saw nothing is no pass")
    }
  }

  /// Prints what broke, when, and how to repeat it, of the first flights that failed.
  package static func printFailures(_ model: ReportModel) {
    let failed = model.runs.filter { $0.verdict == .failed }
    for run in failed.prefix(10) {
      Output.line("\nFAILED  \(run.scenario)  seed \(run.seed)")
      if let failure = run.firstFailure {
        Output.line("  \(failure.checker): \(failure.at.map { "\($0.label): " } ?? "")\(failure.summary)")
      }
      Output.line("  repeat it: \(run.replayCommand)")
    }
    if failed.count > 10 { Output.line("\n… and \(failed.count - 10) more") }
  }

  /// Prints what else is to be known of flights, and how many there were.
  package static func printSummary(_ model: ReportModel, elapsedSeconds: Double) {
    for note in model.notes { Output.line("note: \(note.scenario): \(note.text)") }
    let table = CampaignTable(model).lines
    if !table.isEmpty { Output.line("\n" + table.joined(separator: "\n")) }
    let simulated = model.runs.reduce(0.0) { $0 + $1.simulated.seconds }
    let failed = model.runs.count { $0.verdict == .failed }
    Output.line(
      "\n\(model.stopped.map { "\($0): " } ?? "")\(CountText.of(model.runs.count, "flight")), \(failed) failed; \(Int(simulated)) simulated seconds in \(String(format: "%.1f", elapsedSeconds)) s"
    )
  }
}
