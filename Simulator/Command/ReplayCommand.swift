// `windtunnel replay`: flies one scenario with one seed again, and tells what happened.

import ArgumentParser
import Flight
import Foundation
import Reports
import Scenarios
import Vocabulary
import World

/// Writes each line of the trace to standard output; ends the process where nobody reads it any more.
private final class TracePrinter: TraceSink {
  private let only: String?
  private var buffer = ""
  var names: (NodeID) -> String = { "\($0)" }

  init(only: String?) { self.only = only }

  func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) {
    let name = node.index == .max ? "—" : names(node)
    if let only, name != only, node.index != .max { return }
    let microseconds = time / 1_000
    buffer += String(format: "%6d.%06d  ", Int(microseconds / 1_000_000), Int(microseconds % 1_000_000))
    buffer += name.padding(toLength: max(10, name.count), withPad: " ", startingAt: 0) + " " + line() + "\n"
    if buffer.utf8.count > 1 << 16 { flush() }
  }

  func flush() {
    Output.write(buffer)
    buffer = ""
    Output.endIfUnheard()
  }
}

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Fly one scenario with one seed again, and tell what happened.",
    discussion: """
      EXAMPLES
        windtunnel replay queue-crash-under-load --seed 7
        windtunnel replay queue-crash-under-load --seed 7 --trace --node queue
      """)

  @Argument(help: "The scenario, or the path of its file.", transform: { try PathText.name($0) }) var name: String
  @Option(help: "The seed.", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1
  @Flag(help: "Print every event of every node.") var trace = false
  @Option(help: "With --trace: only this node's events.") var node: String?
  @Option(help: "Switch a planted bug on.") var mutant: String?
  @OptionGroup var report: ReportOptions
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?
  @OptionGroup var recorded: RecordingOptions
  @OptionGroup var costs: CostsOption

  func run() throws {
    let planted = try mutant.map { [try MutantsCommand.named($0)] } ?? []
    let selected = try ScenarioLibrary.select([name], folder: scenarios)
    guard let scenario = selected.first, selected.count == 1 else {
      throw InputProblem(description: "\"\(name)\" means \(selected.count) scenarios; replay takes one")
    }
    try report.prepare()
    let printer = trace ? TracePrinter(only: node) : nil
    var order = FlightOrder(
      scenario, seed: seed, planted: planted, input: try recorded.recording(for: selected),
      source: costs.source(recorded.source(scenario, names: [name], folder: scenarios), scenario.name))
    order.costs = try costs.costs()
    let flight = Flight(order, systems: Systems.all)
    let names = flight.nodeNames
    if let node, !names.contains(node) {
      throw InputProblem(
        description: NameText.unknown("node", node, among: names, list: "there are \(names.joined(separator: ", "))"))
    }
    printer?.names = { names.indices.contains(Int($0.index)) ? names[Int($0.index)] : "\($0)" }
    let progress = Progress(total: 1, isQuiet: trace)
    Interruption.listen()
    let result = flight.fly(traceSink: printer) { now, planned in
      if !trace { progress.heartbeat(scenario.name, seed: seed, now, of: planned) }
      guard Interruption.isAsked else { return }
      // Half a flight has no verdict: what was traced of it is all there is.
      progress.clear()
      printer?.flush()
      Output.note("windtunnel: stopped after \(Int(now.seconds)) of \(Int(planned.seconds)) simulated seconds")
      Output.end(Exit.couldNotRun.rawValue)
    }
    if !trace { progress.clear() }
    printer?.flush()
    let model = ReportModel(runs: [result], command: result.replayCommand)
    Output.line("trace hash \(result.traceHash), \(result.turns) turns")
    RunText.printJudgements(result)
    RunText.print(model, elapsedSeconds: progress.elapsedSeconds)
    try report.write(model)
    if !model.held { throw Exit.failed }
  }
}
