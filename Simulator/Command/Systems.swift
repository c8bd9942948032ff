// The systems that can be flown: the one place of the harness that names them.

import ArgumentParser
import Console
import Flight
import ModelServicesCommand
import ModelServicesFlight
import MonitoringCommand
import MonitoringFlight
import RaftFlight
import StoresCommand
import StoresFlight
import Vocabulary

/// The systems.
enum Systems {
  /// A system, and what it adds to the command.
  typealias Entry = (system: any FlownSystem, commands: SystemCommands)

  /// All of them.
  static let entries: [Entry] = [
    (MonitoringSystem(), monitoringCommands),
    (QueueSystem(), queueCommands),
    (RegistersSystem(), SystemCommands()),
    (CacheSystem(), cacheCommands),
    (StoreSystem(), storeCommands),
    (ModelsSystem(), modelServicesCommands),
  ]

  /// The options that give flights something from outside.
  struct InputOptions: FlightInputGroups {
    @OptionGroup var series: RecordingOptions
    @OptionGroup var tasks: TaskRecordingOptions
    var groups: [any FlightInputOptions] { [series, tasks] }
  }

  /// The systems alone.
  static let all: [any FlownSystem] = entries.map(\.system)

  /// Their names.
  static let names: [String] = all.map(\.name)

  /// The system named `name`.
  static func named(_ name: String) throws -> any FlownSystem {
    guard let system = all.first(where: { $0.name == name }) else {
      throw InputProblem(description: NameText.unknown("system", name, among: names))
    }
    return system
  }

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
