// `windtunnel mutants`: plants each known bug, one at a time, and tries the contract cases, then the scenarios, those
// first that check its requirements, until a check fails that is there to catch this bug (`Mutant.catchers`). A bug
// that none of them catches is a hole in the tunnel.

import ArgumentParser
import Console
import ContractTests
import Flight
import Foundation
import Reports
import Scenarios
import Vocabulary

struct MutantsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutants", abstract: "Plant each known bug and see whether the checks catch it.",
    discussion: """
      Each bug names the checks that should catch it (--list). Only those count, and only in flights that hold without the bug: the same scenario and \
      seed is flown without it too, once for all bugs. Exit code 0 means that each was caught; 1 that one was not, or that a check failed without a bug; \
      3 that the command was stopped (Ctrl-C) before all were tried.

      EXAMPLES
        windtunnel mutants
        windtunnel mutants --room \(Example.room) --seeds 1..20
        windtunnel mutants --system \(Example.otherSystem)
        windtunnel mutants --list
        windtunnel mutants --blind --seeds 1..100
      """)

  @Option(help: "Only bugs that this system's scenarios are to catch, like \(Example.otherSystem).") var system: String?
  @Option(help: "Only bugs of this room, like \(Example.room).") var room: String?
  @Option(
    help: "Seeds to try for each bug. (default: what its systems say: \(Self.defaultSeeds))",
    transform: { try SeedText.range($0) })
  var seeds: SeedRange?
  @OptionGroup var crewed: CrewOptions
  @Flag(help: "Only list the bugs.") var list = false
  @Flag(help: "The bugs that were planted by someone who had not read the checkers, in place of the others.") var blind = false
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?
  @Option(help: "The folder of contract cases.", transform: { try PathText.read($0) }) var contracts: String?

  /// "1..5 for SYSTEM, 1..200 for SYSTEM".
  private static var defaultSeeds: String {
    Systems.all.map { "\(SeedRange($0.mutantSeeds)) for \($0.name)" }.joined(separator: ", ")
  }

  /// The seeds that are tried unless it is said otherwise: the widest range of the systems'.
  private static func seeds(of systems: [any FlownSystem]) -> ClosedRange<UInt64> {
    systems.map(\.mutantSeeds).max { $0.count < $1.count } ?? 1...5
  }

  func run() throws {
    let known =
      try system.map { name in
        let system = try Systems.named(name)
        return Systems.plantedBugs(blind: blind).filter { bug in bug.systems.contains { $0.name == system.name } }
          .map { (mutant: $0.mutant, systems: [system]) }
      } ?? Systems.plantedBugs(blind: blind)
    let mutants = known.filter { entry in room.map { entry.mutant.name.hasPrefix("\($0)/") } ?? true }
    guard !mutants.isEmpty else {
      let rooms = Set(known.compactMap { $0.mutant.name.split(separator: "/").first.map { String($0) } }).sorted()
      throw InputProblem(
        description: NameText.unknown(
          "room with \(blind ? "blind" : "planted") bugs", room ?? "", among: rooms, list: "there are \(rooms.joined(separator: ", "))"))
    }
    if list {
      for (mutant, _) in mutants {
        for text in [
          mutant.name, "  \(mutant.summary); breaks \(mutant.requirements.joined(separator: ", "))",
          "  to be caught by: \(mutant.catchers.joined(separator: ", "))",
        ] { Output.line(WrappedText.wrap(text, indentation: 4)) }
      }
      return
    }
    let library = try ScenarioLibrary(folder: scenarios)
    if let problem = library.allProblems { throw problem }
    let all = library.scenarios
    var cases: [String: [ContractCase]] = [:]
    for system in Systems.all where system.contract != nil {
      cases[system.name] = try ContractLibrary(folder: contracts, system: system.name).cases
    }
    let crew = try crewed.crew(["all"] + (scenarios.map { ["--scenarios", $0] } ?? []) + (contracts.map { ["--contracts", $0] } ?? []))
    defer { crew.end() }
    var hunt = MutantHunt(cases: cases, crew: crew)
    var failedControls: [String] = []
    var missed = 0
    var tried = 0
    Interruption.listen()
    Output.line("planted bug                                        caught by")
    for (mutant, systems) in mutants {
      Output.endIfUnheard()
      if Interruption.isAsked { break }
      let began = ContinuousClock.now
      let label = mutant.name.padding(toLength: max(50, mutant.name.count), withPad: " ", startingAt: 0)
      let controls = hunt.failedControls
      let trail = try hunt.hunt(
        mutant, systems, all.filter { scenario in systems.contains { scenario.systems.contains($0.name) } },
        seeds: seeds?.range ?? Self.seeds(of: systems))
      // What was under way when the command was asked to end was not flown to its end, and shows nothing.
      if Interruption.isAsked {
        failedControls = controls
        break
      }
      failedControls = hunt.failedControls
      let seconds = (ContinuousClock.now - began).components
      let elapsed = String(format: "%.1f s", Double(seconds.seconds) + Double(seconds.attoseconds) / 1e18)
      if let catcher = trail.catcher {
        Output.line("\(label) \(catcher) (\(trail.place), \(elapsed))")
      } else {
        missed += 1
        Output.line("\(label) NOT CAUGHT (\(trail.flights) flights, \(elapsed)); expected: \(mutant.catchers.joined(separator: ", "))")
      }
      for line in trail.unexpected { Output.line("  failed too, and does not count: \(line)") }
      tried += 1
    }
    if !failedControls.isEmpty {
      Output.line("\nwithout a planted bug these failed, and so show nothing of any:")
      for line in failedControls { Output.line("  \(line)") }
    }
    let verdict = "\(tried - missed) of \(tried) caught by a check that is there for it"
    let stopped = tried < mutants.count ? "stopped after \(tried) of \(CountText.of(mutants.count, "planted bug"))" : nil
    Output.line("\n" + ([stopped] + [tried > 0 ? verdict : nil]).compactMap { $0 }.joined(separator: ": "))
    if missed > 0 || !failedControls.isEmpty { throw Exit.failed }
    if let stopped { throw InputProblem(description: stopped, exitCode: Exit.couldNotRun) }
  }
}
