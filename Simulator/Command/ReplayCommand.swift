// `windtunnel replay`: flies one scenario with one seed again, and tells what happened.

import ArgumentParser
import Flight
import Foundation
import Reports
import Scenarios
import Vocabulary
import World

/// Writes each line of the trace to standard output.
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
    FileHandle.standardOutput.write(Data(buffer.utf8))
    buffer = ""
  }
}

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Fly one scenario with one seed again, and tell what happened.",
    discussion: """
      EXAMPLES
        windtunnel replay queue-crash-under-load --seed 7
        windtunnel replay queue-crash-under-load --seed 7 --trace --node queue | less
      """)

  @Argument(help: "The scenario, or the path of its file.") var name: String
  @Option(help: "The seed.") var seed: UInt64 = 1
  @Flag(help: "Print every event of every node.") var trace = false
  @Option(help: "With --trace: only this node's events.") var node: String?
  @Option(help: "Switch a planted bug on.") var mutant: String?
  @Option(help: "Write a report into this folder.") var report: String?
  @Option(help: "The folder of scenario files.") var scenarios: String?
  @OptionGroup var recorded: RecordingOptions

  func run() throws {
    let planted = try mutant.map { [try MutantsCommand.named($0)] } ?? []
    let selected = try ScenarioLibrary.select([name], folder: scenarios)
    guard let scenario = selected.first, selected.count == 1 else {
      throw InputProblem(description: "\"\(name)\" means \(selected.count) scenarios; replay takes one")
    }
    if let report { try ReportFiles.prepare(report) }
    let printer = trace ? TracePrinter(only: node) : nil
    let flight = Flights.flight(
      scenario, seed: seed, planted: planted, recorded: try recorded.recording(for: selected),
      source: recorded.source(scenario, names: [name], folder: scenarios))
    let names = flight.nodeNames
    if let node, !names.contains(node) {
      throw InputProblem(description: "there is no node \"\(node)\"; there are \(names.joined(separator: ", "))")
    }
    printer?.names = { names.indices.contains(Int($0.index)) ? names[Int($0.index)] : "\($0)" }
    let progress = Progress(total: 1, isQuiet: trace)
    let result = flight.fly(traceSink: printer) { if !trace { progress.heartbeat(scenario.name, seed: seed, $0, of: $1) } }
    if !trace { progress.clear() }
    printer?.flush()
    let model = ReportModel(runs: [result], command: result.replayCommand)
    if let report { try ReportFiles.write(model, into: report) }
    print("trace hash \(result.traceHash), \(result.turns) turns")
    RunText.printJudgements(result)
    RunText.print(model, elapsedSeconds: progress.elapsedSeconds, report: report)
    if !model.held { throw Exit.failed }
  }
}
