// The systems that can be flown: the one place of the harness that names them.

import Flight
import MonitoringFlight
import RaftFlight
import Vocabulary

/// The systems.
enum Systems {
  /// All of them.
  static let all: [any FlownSystem] = [MonitoringSystem(), QueueSystem(), RegistersSystem()]

  /// The services of each system that has a contract, in the order of their ports.
  static let services: [String: [String]] = Dictionary(
    uniqueKeysWithValues: all.compactMap { system in system.contract.map { (system.name, $0.services) } })

  /// A planted bug, and the systems whose scenarios are to catch it.
  typealias PlantedBug = (mutant: Mutant, systems: [any FlownSystem])

  /// The planted bugs: those that were planted blindly, or all others.
  static func plantedBugs(blind: Bool) -> [PlantedBug] {
    var bugs: [PlantedBug] = []
    for system in all {
      for mutant in blind ? system.blindMutants : system.mutants {
        if let place = bugs.firstIndex(where: { $0.mutant == mutant }) {
          bugs[place].systems.append(system)
        } else {
          bugs.append((mutant, [system]))
        }
      }
    }
    return bugs
  }
}
