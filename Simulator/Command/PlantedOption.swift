// `--mutant`: a planted bug that is switched on, where what is flown or judged is there to catch it. In anything else it
// would show nothing, and look as if it had been survived.

import Console
import Flight
import Scenarios
import Vocabulary

/// Planted bugs on the command line.
enum PlantedOption {
  /// The bug named `name`, for a contract of `system`.
  static func mutant(_ name: String?, of system: any FlownSystem) throws -> [Mutant] {
    guard let name else { return [] }
    _ = try known(name)
    return [try MutantName.named(name, of: system.name, among: system.mutants + system.blindMutants)]
  }

  /// The bug named `name`, for flights of `scenarios`, each of which must fly a system that has it.
  static func mutant(_ name: String?, in scenarios: [Scenario]) throws -> [Mutant] {
    guard let name else { return [] }
    let bug = try known(name)
    let owners = bug.systems.map(\.name)
    let others = scenarios.filter { scenario in !scenario.systems.contains { owners.contains($0) } }
    guard others.isEmpty else {
      let list = others.map { "\($0.name) (\($0.systems.joined(separator: ", ")))" }.joined(separator: ", ")
      throw InputProblem(description: "--mutant: \(name) is a bug of \(owners.joined(separator: ", ")), which these do not fly: \(list)")
    }
    return [bug.mutant]
  }

  /// The bug of this name, wherever it is planted.
  static func known(_ name: String) throws -> Systems.PlantedBug {
    var bugs: [Systems.PlantedBug] = []
    for bug in Systems.plantedBugs(blind: false) + Systems.plantedBugs(blind: true) {
      // A bug may be one of those that were planted blindly for another system only.
      if let place = bugs.firstIndex(where: { $0.mutant == bug.mutant }) {
        bugs[place].systems += bug.systems
      } else {
        bugs.append(bug)
      }
    }
    guard let bug = bugs.first(where: { $0.mutant.name == name }) else {
      let names = bugs.map(\.mutant.name)
      throw InputProblem(
        description: NameText.unknown("planted bug", name, among: names, list: "there are\n  \(names.joined(separator: "\n  "))"))
    }
    return bug
  }
}
