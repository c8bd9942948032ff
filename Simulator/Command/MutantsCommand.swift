// `windtunnel mutants`: plants each known bug, one at a time, and tries the contract cases, then the scenarios, those first that check its
// requirements, until one fails. A bug that no check catches is a hole in the tunnel.

import ArgumentParser
import ContractJudging
import ContractTests
import Flight
import Foundation
import MonitoringAssembly
import Raft
import Reports
import Scenarios
import Vocabulary

struct MutantsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutants", abstract: "Plant each known bug and see whether the checks catch it.",
    discussion: """
      EXAMPLES
        windtunnel mutants
        windtunnel mutants --room queue --seeds 1..20
        windtunnel mutants --list
        windtunnel mutants --blind --seeds 1..100
      """)

  @Option(help: "Only bugs of this room, like queue.") var room: String?
  @Option(
    help: "Seeds to try for each bug. (default: 1..5; 1..200 for those of Raft, whose flights are short)",
    transform: { try SeedText.range($0) })
  var seeds: SeedRange?
  @Flag(help: "Only list the bugs.") var list = false
  @Flag(help: "The bugs that were planted by someone who had not read the checkers, in place of the others.") var blind = false
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?
  @Option(help: "The folder of contract cases.", transform: { try PathText.read($0) }) var contracts: String?

  /// A planted bug, and the systems whose scenarios are tried.
  typealias Entry = (mutant: Mutant, systems: [String])

  /// The planted bugs of the ordinary run.
  static let all: [Entry] =
    monitoringMutants.map { ($0, queueMutants.contains($0) ? ["queue", "monitoring"] : ["monitoring"]) }
    + raftMutants.map { ($0, ["registers"]) }

  /// Those that were planted by someone who had not read the checkers; scored apart.
  static let blind: [Entry] =
    raftBlindMutants.map { ($0, ["registers", "queue"]) } + queueBlindMutants.map { ($0, ["queue", "monitoring"]) }

  /// The planted bug named `name`.
  static func named(_ name: String) throws -> Mutant {
    let known = (all + blind).map(\.mutant)
    guard let mutant = known.first(where: { $0.name == name }) else {
      throw InputProblem(
        description: NameText.unknown(
          "planted bug", name, among: known.map(\.name), list: "there are\n  \(known.map(\.name).joined(separator: "\n  "))"))
    }
    return mutant
  }

  func run() throws {
    let mutants = (blind ? Self.blind : Self.all).filter { entry in room.map { entry.mutant.name.hasPrefix("\($0)/") } ?? true }
    guard !mutants.isEmpty else { throw InputProblem(description: "no planted bug is in a room \"\(room ?? "")\"") }
    if list {
      for (mutant, _) in mutants {
        Output.line("\(mutant.name)\n  \(mutant.summary); breaks \(mutant.requirements.joined(separator: ", "))")
      }
      return
    }
    let all = try ScenarioLibrary(folder: scenarios).scenarios
    let cases = try ContractLibrary(folder: contracts, system: "monitoring").cases
    var missed = 0
    var tried = 0
    Interruption.listen()
    Output.line("planted bug                                        caught by")
    for (mutant, systems) in mutants {
      Output.endIfUnheard()
      if Interruption.isAsked { break }
      let began = ContinuousClock.now
      let label = mutant.name.padding(toLength: max(50, mutant.name.count), withPad: " ", startingAt: 0)
      func elapsed() -> String {
        let seconds = (ContinuousClock.now - began).components
        return String(format: "%.1f s", Double(seconds.seconds) + Double(seconds.attoseconds) / 1e18)
      }
      if systems.contains("monitoring"), let found = hunt(mutant, cases) {
        Output.line("\(label) \(found) (contract case, \(elapsed()))")
      } else {
        let (found, flights) = hunt(
          mutant, all.filter { systems.contains($0.system) }, seeds?.range ?? (systems.contains("registers") ? 1...200 : 1...5))
        if let found {
          Output.line(
            "\(label) \(found.firstFailure?.checker ?? "?") (\(found.scenario), seed \(found.seed), flight \(flights), \(elapsed()))")
        } else if Interruption.isAsked {
          break
        } else {
          missed += 1
          Output.line("\(label) NOT CAUGHT (\(flights) flights, \(elapsed()))")
        }
      }
      tried += 1
    }
    Output.line("\n\(tried - missed) of \(tried) caught")
    if missed > 0 { throw Exit.failed }
    if tried < mutants.count { try Interruption.check("\(tried) of \(CountText.of(mutants.count, "planted bug"))") }
  }

  /// Makes the contract cases, those that name the bug's requirements first, until one fails; gives its id.
  private func hunt(_ mutant: Mutant, _ cases: [ContractCase]) -> String? {
    let judge = SimulatedJudge(planted: [mutant])
    let about = cases.filter { contractCase in mutant.requirements.contains { contractCase.requirements.contains($0) } }
    let others = cases.filter { contractCase in !mutant.requirements.contains { contractCase.requirements.contains($0) } }
    for contractCase in about + others where !Interruption.isAsked {
      if case .failed = judge.judge(contractCase).outcome { return contractCase.id }
    }
    return nil
  }

  /// Flies the scenarios, those that name the bug's requirements first, until one fails; gives that flight, and how many there were.
  private func hunt(_ mutant: Mutant, _ all: [Scenario], _ seeds: ClosedRange<UInt64>) -> (failed: FlightResult?, flights: Int) {
    let about = all.filter { scenario in mutant.requirements.contains { scenario.requirements.contains($0) } }
    let others = all.filter { scenario in !about.contains { $0.name == scenario.name } }
    var flights = 0
    for scenarios in [about, others] {
      for seed in seeds {
        for scenario in scenarios {
          if Interruption.isAsked { return (nil, flights) }
          flights += 1
          let result = Flights.flight(scenario, seed: seed, planted: [mutant]).fly()
          if result.verdict == .failed { return (result, flights) }
        }
      }
    }
    return (nil, flights)
  }
}
