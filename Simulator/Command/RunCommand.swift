// `windtunnel run`: flies scenarios over seeds, prints verdicts, writes a report.

import ArgumentParser
import Flight
import Foundation
import MonitoringAssembly
import Reports
import Scenarios
import Vocabulary
import Wire

/// A range of seeds: `7` or `1..100`.
struct SeedRange: ExpressibleByArgument {
  /// The seeds, both ends included.
  var range: ClosedRange<UInt64>

  init(_ range: ClosedRange<UInt64>) { self.range = range }

  /// "1..5", as it is given.
  var defaultValueDescription: String { "\(range.lowerBound)..\(range.upperBound)" }

  init?(argument: String) {
    guard let dots = argument.range(of: "..") else {
      guard let seed = UInt64(argument) else { return nil }
      range = seed...seed
      return
    }
    guard let low = UInt64(argument[..<dots.lowerBound]), let high = UInt64(argument[dots.upperBound...]), low <= high else { return nil }
    range = low...high
  }
}

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Fly scenarios and judge them.",
    discussion: """
      Names are those of scenarios, suites or systems (`windtunnel list`), or paths of scenario files. Without a name the smoke
      suite is flown. The same scenario and seed give the same flight, byte for byte.

      EXAMPLES
        windtunnel run
        windtunnel run calm --seed 42 --report out
        windtunnel run monitoring --seeds 1..100 --jobs 2 --json > runs.json
        windtunnel run queue-crash-under-load --mutant queue/acknowledges-before-durable
        windtunnel run recorded-data --csv nab/data/realAWSCloudwatch/*.csv --labels nab/labels/combined_windows.json
      """)

  @Argument(help: "Scenarios, suites, systems or files.") var names: [String] = []
  @Option(help: "The seed of each flight.") var seed: UInt64?
  @Option(help: "Seeds to fly each scenario with, like 1..100.") var seeds: SeedRange?
  @Option(help: "Flights at once; by default one for each core.") var jobs: Int?
  @Option(help: "Write report.html, report.md, report.json and junit.xml into this folder.") var report: String?
  @Flag(help: "Print one JSON object with all runs to standard output.") var json = false
  @Option(help: "Switch a planted bug on (`windtunnel mutants --list`).") var mutant: String?
  @Option(help: "The folder of scenario files.") var scenarios: String?
  @OptionGroup var recorded: RecordingOptions

  func validate() throws {
    if seed != nil && seeds != nil { throw ValidationError("--seed and --seeds exclude each other") }
    if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1") }
  }

  func run() throws {
    let planted = try mutant.map { [try MutantsCommand.named($0)] } ?? []
    let selected = try ScenarioLibrary.select(names, folder: scenarios)
    let recording = try recorded.recording(for: selected)
    var sources: [String: String] = [:]
    for scenario in selected { sources[scenario.name] = recorded.source(scenario, names: names, folder: scenarios) }
    let range = seeds?.range ?? (seed ?? 1)...(seed ?? 1)
    guard range.upperBound - range.lowerBound < 1_000_000 else {
      throw InputProblem(description: "--seeds: at most a million seeds at once")
    }
    let orders = selected.flatMap { scenario in
      range.map { FlightOrder(scenario: scenario, seed: $0, planted: planted, recorded: recording, source: sources[scenario.name]) }
    }
    if let report { try ReportFiles.prepare(report) }
    let progress = Progress(total: orders.count, isQuiet: json)
    let results = FlightCrew(jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount).fly(
      orders, onHeartbeat: { progress.heartbeat($0.scenario.name, seed: $0.seed, $1, of: $2) }, onResult: { progress.ended($0, $1) })
    let words = ["windtunnel"] + CommandLine.arguments.dropFirst().map { shellWord($0) }
    let model = ReportModel(runs: results, command: words.joined(separator: " "))
    if let report { try ReportFiles.write(model, into: report) }
    if json {
      print(JSONReport.render(model))
    } else {
      RunText.print(model, elapsedSeconds: progress.elapsedSeconds, report: report)
    }
    if !model.held { throw Exit.failed }
  }
}

/// What `run` and `replay` print for people.
enum RunText {
  /// Prints each check of one flight, and what broke it.
  static func printJudgements(_ result: FlightResult) {
    for judgement in result.judgements {
      Swift.print("\(judgement.held ? "held  " : "FAILED")  \(judgement.checker) (\(judgement.examined))")
      for violation in judgement.violations {
        Swift.print("        \(violation.at.map { "\(TimeSpan(nanoseconds: $0.nanoseconds).label): " } ?? "")\(violation.summary)")
      }
      guard !judgement.held, judgement.violations.isEmpty else { continue }
      Swift.print("        nothing was examined: a check that saw nothing is no pass")
    }
  }

  /// Prints verdicts, what broke, and how to repeat it.
  static func print(_ model: ReportModel, elapsedSeconds: Double, report: String?) {
    let failed = model.runs.filter { $0.verdict == .failed }
    for run in failed.prefix(10) {
      Swift.print("\nFAILED  \(run.scenario)  seed \(run.seed)")
      if let failure = run.firstFailure { Swift.print("  \(failure.checker): \(failure.summary)") }
      Swift.print("  repeat it: \(run.replayCommand)")
    }
    if failed.count > 10 { Swift.print("\n… and \(failed.count - 10) more") }
    for note in model.notes { Swift.print("note: \(note.scenario): \(note.text)") }
    let table = CampaignTable(model).lines
    if !table.isEmpty { Swift.print("\n" + table.joined(separator: "\n")) }
    let simulated = model.runs.reduce(0.0) { $0 + $1.simulated.seconds }
    Swift.print(
      "\n\(model.runs.count == 1 ? "1 flight" : "\(model.runs.count) flights"), \(failed.count) failed; \(Int(simulated)) simulated seconds in \(String(format: "%.1f", elapsedSeconds)) s"
    )
    if let report { Swift.print("report: \(report)/report.html") }
  }
}
