// The ledgers of requirements: which there are, and what there is that can check them.

import Console
import ContractTests
import Flight
import Ledger
import Scenarios
import Vocabulary

/// The ledgers.
enum LedgerLibrary {
  /// The ledger of a system, below `folder` or the one that the command carries; nil where there is none.
  static func ledger(of system: String, folder: String?) throws -> Ledger? {
    guard let file = try CarriedFiles.ledger(folder, system: system) else { return nil }
    do {
      return try Ledger(yaml: file.text, file: file.path, system: system)
    } catch {
      throw InputProblem(lines: error.mistakes.map(\.description))
    }
  }

  /// The ledgers of all systems that have a contract.
  static func all(folder: String?) throws -> [Ledger] {
    try Systems.all.filter { $0.contract != nil }.compactMap { try ledger(of: $0.name, folder: folder) }
  }

  /// The ids of all requirements of the ledgers that the command carries; nil where one of them cannot be read, of which
  /// who needs it is told.
  static let ownRequirements: [String]? = try? all(folder: nil).flatMap(\.requirements).map(\.id)

  /// What there is that can check requirements: cases, scenarios with the checks that are made in them, planted bugs.
  static func known(contracts: String?, scenarios: String?) throws -> KnownChecks {
    var cases: [KnownChecks.Case] = []
    for system in Systems.all where system.contract != nil {
      cases += try ContractLibrary(folder: contracts, system: system.name).cases.map {
        KnownChecks.Case(id: $0.id, requirements: $0.requirements, place: $0.place)
      }
    }
    let flown = try ScenarioLibrary(folder: scenarios, areRequirementsKnown: false).scenarios.map { scenario in
      KnownChecks.Scenario(
        name: scenario.name, requirements: scenario.requirements,
        checks: Flight(FlightOrder(scenario, seed: 1), systems: Systems.all).checkNames + [FlightCrew.check])
    }
    let bugs = (Systems.plantedBugs(blind: false) + Systems.plantedBugs(blind: true)).map { $0.mutant }
    return KnownChecks(cases: cases, scenarios: flown, plantedBugs: bugs)
  }
}
