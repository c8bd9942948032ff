// `windtunnel determinism`: shows that one seed gives one flight, in processes whose hash collections are ordered
// differently, and that the trace hash would tell if it did not.
//
// Two negative controls: a world in which one payload byte differs must give another hash, and a world whose machine
// lets the order of a `Set` reach its effects must give different hashes in different processes.

import ArgumentParser
import Console
import Foundation
import Kernel
import Launching
import Vocabulary
import World

struct DeterminismCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "determinism", abstract: "Show that one seed gives one flight, in any process.",
    discussion: """
      EXAMPLES
        windtunnel determinism
        windtunnel determinism \(Example.scenario) --seed 7
      """)

  @Argument(help: "The scenario. (default: calm)", transform: { try PathText.name($0) }) var name = "calm"
  @Option(help: "The seed. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?

  func run() throws {
    _ = try ScenarioLibrary.select([name], folder: scenarios)
    let folder = scenarios.map { ["--scenarios", $0] } ?? []
    let flight = ["run", name, "--seed", "\(seed)", "--json"] + folder
    let hashes = try (0..<2).map { _ in try traceHash(of: flight) }
    var isShown = hashes[0] == hashes[1]
    Output.line("\(name), seed \(seed), in two processes: \(hashes[0]) and \(hashes[1]): \(hashes[0] == hashes[1] ? "equal" : "NOT EQUAL")")
    let plain = ControlWorld.fly(payload: 0, leaks: false)
    let again = ControlWorld.fly(payload: 0, leaks: false)
    let changed = ControlWorld.fly(payload: 1, leaks: false)
    isShown = isShown && plain == again && plain != changed
    Output.line(
      "control, one payload byte changed: \(plain) and \(changed): \(plain != changed ? "the hash moves" : "THE HASH DOES NOT MOVE")")
    let leaks = try (0..<2).map { _ in try leakingHash() }
    isShown = isShown && leaks[0] != leaks[1]
    Output.line(
      "control, the order of a set leaks, in two processes: \(leaks[0]) and \(leaks[1]): "
        + (leaks[0] != leaks[1] ? "the hash tells" : "THE HASH DOES NOT TELL"))
    if !isShown { throw Exit.failed }
  }

  /// Runs this command anew, in a process of its own.
  private func output(_ arguments: [String]) throws -> String {
    do {
      // Each process is to have an order of its own.
      let process = try ChildProcess(
        OwnCommand.program, arguments, environment: ["SWIFT_DETERMINISTIC_HASHING": nil], output: .piped, errors: .none)
      let printed = process.readToEnd()
      process.waitUntilEnd()
      return String(decoding: printed, as: UTF8.self)
    } catch let failure as LaunchFailure {
      throw InputProblem(description: failure.description, exitCode: Exit.couldNotRun)
    }
  }

  /// What the control's own process prints: one hash. A process that came to nothing would differ from one that did
  /// not.
  private func leakingHash() throws -> String {
    let text = try output(["determinism-control"]).trimmingCharacters(in: .whitespacesAndNewlines)
    guard text.utf8.count == 16, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
      throw InputProblem(
        description: "the control's process printed no trace hash but \"\(text.prefix(100))\"", exitCode: Exit.couldNotRun)
    }
    return text
  }

  private func traceHash(of flight: [String]) throws -> String {
    let text = try output(flight)
    // A flight that was lost has no hash, and says nothing of another.
    guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
      let runs = object["runs"] as? [[String: Any]], let hash = runs.first?["trace_hash"] as? String
    else {
      throw InputProblem(
        description: "\"windtunnel \(flight.joined(separator: " "))\" came to no trace hash: see what it prints", exitCode: Exit.couldNotRun
      )
    }
    return hash
  }
}

/// The negative control's own process; not for users.
struct DeterminismControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "determinism-control", shouldDisplay: false)

  func run() throws { Output.line(ControlWorld.fly(payload: 0, leaks: true)) }
}

/// A small world in which chatting nodes either keep the order of their words, or let a set's order decide.
enum ControlWorld {
  struct Chatter: Machine {
    let payload: UInt8
    let leaks: Bool
    let words = Set((0..<24).map { UInt8($0) })

    mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }

    mutating func handle(_ event: Event, _ turn: inout Turn) {
      guard case .timer = event else { return }
      // The leak is the control: nothing else in the house may do this.
      for word in leaks ? Array(words) : words.sorted() { turn.message(to: NodeID(1), [word, payload]) }
    }
  }

  /// The trace hash of a short flight.
  static func fly(payload: UInt8, leaks: Bool) -> String {
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("speaker") { Chatter(payload: payload, leaks: leaks) }, NodePlan("listener") { Chatter(payload: payload, leaks: leaks) },
      ])
    host.startAll()
    host.run(until: 1_000_000_000)
    return host.traceHash.description
  }
}
