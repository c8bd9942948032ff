// `windtunnel replay`: flies one scenario with one seed again, and tells what happened.
//
// It is flown by a process of its own, as in a campaign, but one that prints by itself. Where a machine traps, the last
// lines of the trace are there, and this process tells in which turn it was.

import ArgumentParser
import Console
import Flight
import Foundation
import Launching
import Reports
import Scenarios
import Vocabulary
import Wire
import World

/// What waits to be written of the trace, where a signal handler finds it too: a machine that traps ends this process,
/// and the last lines before that are what is looked for.
private enum TraceBuffer {
  static let capacity = 1 << 17
  nonisolated(unsafe) static let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
  nonisolated(unsafe) static var count = 0

  /// From here on a signal that ends the process lets what waits be written first.
  static func writeWhenProcessEnds() {
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE] {
      signal(number) { number in
        _ = write(STDOUT_FILENO, TraceBuffer.bytes, TraceBuffer.count)
        TraceBuffer.count = 0
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  static func flush() {
    Output.write(String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self))
    count = 0
  }

  static func append(_ line: String) {
    var line = line
    line.withUTF8 { text in
      for byte in text {
        if count == capacity { flush() }
        bytes[count] = byte
        count += 1
      }
    }
  }
}

/// Writes each line of the trace to standard output; ends the process where nobody reads it any more.
private final class TracePrinter: TraceSink {
  /// The only node whose events are written; nil for all.
  var only: String?
  /// The width of the longest name.
  var width = 0
  var names: (NodeID) -> String = { "\($0)" }

  func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) {
    let name = node.index == .max ? "—" : names(node)
    if let only, name != only, node.index != .max { return }
    let microseconds = time / 1_000
    TraceBuffer.append(String(format: "%6d.%06d  ", Int(microseconds / 1_000_000), Int(microseconds % 1_000_000)))
    TraceBuffer.append(name.padding(toLength: max(width, name.count), withPad: " ", startingAt: 0) + " " + line() + "\n")
    if TraceBuffer.count > 1 << 16 { flush() }
  }

  func flush() {
    TraceBuffer.flush()
    Output.endIfUnheard()
  }
}

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Fly one scenario with one seed again, and tell what happened.",
    discussion: """
      A flight in which a machine traps has failed: behind the last lines of its trace is told which turn it was. Ctrl-C ends it.

      EXAMPLES
        windtunnel replay \(Example.scenario) --seed 7
        windtunnel replay \(Example.scenario) --seed 7 --trace \\
          --node \(Example.system)/\(Example.service)
      """)

  @Argument(help: "The scenario, or the path of its file.", transform: { try PathText.name($0) }) var name: String
  @Option(help: "The seed. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1
  @Flag(help: "Print every event of every node.") var trace = false
  @Option(help: "With --trace: only this node's events.") var node: String?
  @Option(help: "Switch a planted bug on.") var mutant: String?
  @OptionGroup var report: ReportOptions
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?
  @OptionGroup var inputs: Systems.InputOptions
  @OptionGroup var costs: CostsOption
  @Option(help: .hidden) var mark: String?

  /// The node that `text` names: as reports do, or without its system where no two nodes are called so.
  private static func node(_ text: String, among names: [String]) throws -> String {
    if names.contains(text) { return text }
    func own(_ name: String) -> String { String(name.drop { $0 != "/" }.dropFirst()) }
    let found = names.filter { own($0) == text }
    guard let name = found.first, found.count == 1 else {
      // A name without its system is near to one without; told are whole names, which are taken.
      guard found.isEmpty else {
        throw InputProblem(description: "several nodes are called \"\(text)\": did you mean \(found.joined(separator: " or "))?")
      }
      let near = nearestName(to: text, among: text.contains("/") ? names : names.map(own))
      let meant = names.filter { $0 == near || own($0) == near }
      throw InputProblem(
        description: NameText.unknown("node", text, meant: meant, list: "there are \(names.joined(separator: ", "))"))
    }
    return name
  }

  func validate() throws {
    if node != nil && !trace { throw ValidationError("--node goes with --trace") }
  }

  func run() throws {
    if let mark { try fly(SharedMark.mapped(mark)) } else { try watch() }
  }

  // MARK: - The process that is asked

  /// How long the process that flies is waited for once this one is asked to end, in steps of waiting.
  private static let (patienceSteps, step) = (100, 0.02)

  /// Has another process fly, and tells what became of it where it did not live to tell it itself.
  private func watch() throws {
    let folder = try RunFolder("replay", below: nil, option: "TMPDIR (of the environment)")
    defer { folder.remove() }
    let path = "\(folder.path)/mark"
    let shared = try SharedMark.mapped(path)
    shared.pointer.pointee = TurnMark()
    Interruption.listen()
    let process: ChildProcess
    do {
      process = try ChildProcess(
        OwnCommand.program, ["replay", "--mark", path] + CommandLine.arguments.dropFirst(2), environment: ["SWIFT_BACKTRACE": "enable=no"],
        output: .inherited)
    } catch let failure as LaunchFailure {
      throw InputProblem(description: failure.description, exitCode: Exit.couldNotRun)
    }
    var stepsSinceAsked = 0
    while process.isRunning {
      Thread.sleep(forTimeInterval: Self.step)
      guard Interruption.isAsked else { continue }
      if stepsSinceAsked == 0 { process.signal(SIGTERM) }
      stepsSinceAsked += 1
      // In a turn without an end it hears nothing.
      if stepsSinceAsked == Self.patienceSteps { process.signal(SIGKILL) }
    }
    switch process.waitUntilEnd() {
    case .exited(let code):
      guard code == Exit.held.rawValue else { throw ExitCode(code) }
    case .signalled(SIGPIPE):
      // As it would have ended by itself: nobody reads what it prints.
      folder.remove()
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    case .signalled where Interruption.isAsked:
      throw InputProblem(description: "stopped in the flight", exitCode: Exit.couldNotRun)
    case .signalled(SIGKILL): try tellLost("its process was killed from outside (SIGKILL): is there memory enough?", shared.pointer.pointee)
    case .signalled(let signal): try tellLost("it trapped (signal \(signal))", shared.pointer.pointee)
    }
  }

  /// The flight ended with its process.
  private func tellLost(_ reason: String, _ mark: TurnMark) throws {
    let result = FlightCrew.lost(try ordered().order, reason, mark)
    let model = ReportModel(runs: [result], command: result.replayCommand, ledgers: try LedgerLibrary.all(folder: nil))
    RunText.printFailures(model)
    try report.write(model)
    throw Exit.failed
  }

  /// What is to be flown.
  private func ordered() throws -> (order: FlightOrder, scenario: Scenario) {
    let selected = try ScenarioLibrary.select([name], folder: scenarios)
    let planted = try PlantedOption.mutant(mutant, in: selected)
    guard let scenario = selected.first, selected.count == 1 else {
      throw InputProblem(description: "\"\(name)\" means \(selected.count) scenarios; replay takes one")
    }
    let source = FlightSource.text(of: scenario, names: [name], folder: scenarios, inputs: inputs)
    var order = FlightOrder(
      scenario, seed: seed, planted: planted, input: try inputs.input(for: selected), source: costs.source(source, scenario.name))
    order.costs = try costs.costs()
    return (order, scenario)
  }

  // MARK: - The process that flies

  private func fly(_ mark: SharedMark) throws {
    FlightWorkerCommand.endWithParent()
    let (order, scenario) = try ordered()
    try report.prepare()
    let printer = trace ? TracePrinter() : nil
    let flight = Flight(order, systems: Systems.all)
    let names = flight.nodeNames
    let only = try node.map { try Self.node($0, among: names) }
    printer?.only = only
    printer?.width = names.map(\.count).max() ?? 0
    printer?.names = { names.indices.contains(Int($0.index)) ? names[Int($0.index)] : "\($0)" }
    TraceBuffer.writeWhenProcessEnds()
    let progress = Progress(total: 1, isQuiet: trace)
    Interruption.listen()
    let result = flight.fly(traceSink: printer, mark: mark.pointer) { now, planned in
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
    let model = ReportModel(runs: [result], command: result.replayCommand, ledgers: try LedgerLibrary.all(folder: nil))
    // What broke stands first, and how to repeat it is known.
    if trace { Output.line() }
    RunText.printJudgements(result)
    Output.line("trace hash \(result.traceHash?.description ?? "–"), \(result.turns) turns")
    RunText.printSummary(model, elapsedSeconds: progress.elapsedSeconds)
    try report.write(model)
    if !model.held { throw Exit.failed }
  }
}
