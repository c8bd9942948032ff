// `windtunnel mutants`: plants each known bug, one at a time, and flies the scenarios that check its requirements until one fails.
// A bug that no check catches is a hole in the tunnel.

import ArgumentParser
import Flight
import Foundation
import MonitoringAssembly
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
      """)

  @Option(help: "Only bugs of this room, like queue.") var room: String?
  @Option(help: "Seeds to try for each bug.") var seeds = SeedRange(1...5)
  @Flag(help: "Only list the bugs.") var list = false
  @Option(help: "The folder of scenario files.") var scenarios: String?

  /// The planted bug named `name`.
  static func named(_ name: String) throws -> Mutant {
    guard let mutant = monitoringMutants.first(where: { $0.name == name }) else {
      throw InputProblem(
        description: "there is no planted bug \"\(name)\"; there are\n  \(monitoringMutants.map(\.name).joined(separator: "\n  "))")
    }
    return mutant
  }

  func run() throws {
    let mutants = monitoringMutants.filter { mutant in room.map { mutant.name.hasPrefix("\($0)/") } ?? true }
    guard !mutants.isEmpty else { throw InputProblem(description: "no planted bug is in a room \"\(room ?? "")\"") }
    if list {
      for mutant in mutants { print("\(mutant.name)\n  \(mutant.summary); breaks \(mutant.requirements.joined(separator: ", "))") }
      return
    }
    let all = try ScenarioLibrary(folder: scenarios).scenarios
    var missed = 0
    print("planted bug                                        caught by")
    for mutant in mutants {
      let began = ContinuousClock.now
      let label = mutant.name.padding(toLength: max(50, mutant.name.count), withPad: " ", startingAt: 0)
      if let (result, flights) = hunt(mutant, all) {
        let seconds = (ContinuousClock.now - began).components
        let elapsed = String(format: "%.1f s", Double(seconds.seconds) + Double(seconds.attoseconds) / 1e18)
        print("\(label) \(result.firstFailure?.checker ?? "?") (\(result.scenario), seed \(result.seed), flight \(flights), \(elapsed))")
      } else {
        missed += 1
        print("\(label) NOT CAUGHT")
      }
    }
    print("\n\(mutants.count - missed) of \(mutants.count) caught")
    if missed > 0 { throw Exit.failed }
  }

  /// Flies the scenarios, those that name the bug's requirements first, until one fails.
  private func hunt(_ mutant: Mutant, _ all: [Scenario]) -> (FlightResult, Int)? {
    let about = all.filter { scenario in mutant.requirements.contains { scenario.requirements.contains($0) } }
    let order = about + all.filter { scenario in !about.contains { $0.name == scenario.name } }
    var flights = 0
    for seed in seeds.range {
      for scenario in order {
        flights += 1
        let result = MonitoringFlight(scenario, seed: seed, planted: [mutant]).fly()
        if result.verdict == .failed { return (result, flights) }
      }
    }
    return nil
  }
}
