// `windtunnel run`: flies scenarios over seeds, prints verdicts, writes a report.

import ArgumentParser
import Console
import Flight
import Foundation
import Reports
import Scenarios
import Vocabulary
import Wire

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Fly scenarios and judge them.",
    discussion: """
      Names are those of scenarios, suites or systems (`windtunnel list`), or paths of scenario files. Without a name the smoke suite is flown. \
      The same scenario and seed give the same flight, byte for byte.

      Ctrl-C (SIGINT) and SIGTERM end a campaign in order: verdicts, report and JSON tell of what is finished, and the exit code is 3, or 1 where a \
      check failed. A second one ends it at once.

      EXAMPLES
        windtunnel run
        windtunnel run calm --seed 42 --report out
        windtunnel run \(Example.system) --seeds 1..100 --jobs 2 --json > runs.json
        windtunnel run \(Example.scenario) \\
          --mutant \(Example.mutant)
        windtunnel run recorded-data --csv nab/*.csv --labels windows.json
      """)

  @Argument(help: "Scenarios, suites, systems or files.", transform: { try PathText.name($0) }) var names: [String] = []
  @Option(help: "The seed of each flight. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64?
  @Option(help: "Seeds to fly each scenario with, like 1..100.", transform: { try SeedText.range($0) }) var seeds: SeedRange?
  @OptionGroup var crewed: CrewOptions
  @OptionGroup var report: ReportOptions
  @Flag(help: "Print one JSON object with all runs to standard output.") var json = false
  @Option(help: "Switch a planted bug on (`windtunnel mutants --list`).") var mutant: String?
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?
  @OptionGroup var inputs: Systems.InputOptions
  @OptionGroup var costs: CostsOption

  func validate() throws {
    if seed != nil && seeds != nil { throw ValidationError("--seed and --seeds exclude each other") }
  }

  /// The most flights of one campaign.
  private static let mostFlights = 1_000_000

  func run() throws {
    let selected = try ScenarioLibrary.select(names, folder: scenarios)
    let planted = try PlantedOption.mutant(mutant, in: selected)
    let input = try inputs.input(for: selected)
    let costsFlown = try costs.costs()
    let sources = selected.map {
      costs.source(FlightSource.text(of: $0, names: names, folder: scenarios, inputs: inputs), $0.name)
    }
    let seeds = seeds ?? SeedRange((seed ?? 1)...(seed ?? 1))
    let count = selected.count * seeds.count
    guard count <= Self.mostFlights else {
      throw InputProblem(
        description: "\(CountText.of(selected.count, "scenario")) with \(CountText.of(seeds.count, "seed")) each are "
          + "\(CountText.of(count, "flight")); a campaign has at most \(CountText.grouped(Self.mostFlights))")
    }
    try report.prepare()
    Interruption.listen()
    let progress = Progress(total: count, scenarios: selected.count, isQuiet: json)
    progress.begin(seeds: seeds.count)
    let crew = try crewed.crew(FlightCrew.words(names, folder: scenarios, inputs: inputs, for: selected, costs: costs))
    defer { crew.end() }
    let results = crew.fly(
      count,
      { index in
        let (scenario, offset) = index.quotientAndRemainder(dividingBy: seeds.count)
        var order = FlightOrder(
          selected[scenario], seed: seeds.range.lowerBound + UInt64(offset), planted: planted, input: input, source: sources[scenario])
        order.costs = costsFlown
        return order
      }, onHeartbeat: { progress.heartbeat($0.scenario.name, seed: $0.seed, $1, of: $2) }, onResult: { progress.ended($0, $1) })
    if results.count < count { progress.clear() }
    let model = ReportModel(runs: results, planned: count, command: OwnCommand.text, ledgers: try LedgerLibrary.all(folder: nil))
    if let stopped = model.stopped { Output.note("windtunnel: \(stopped)") }
    if json {
      Output.json(JSONReport.render(model))
    } else {
      RunText.printFailures(model)
      RunText.printSummary(model, elapsedSeconds: progress.elapsedSeconds)
    }
    try report.write(model, isTold: !json)
    if let problem = crew.problem { Output.note("windtunnel: \(problem)") }
    if model.isBroken { throw Exit.failed }
    if model.stopped != nil { throw Exit.couldNotRun }
  }
}
