// The hunt for one planted bug after the other: contract cases, then flights, until a check catches it that is there
// for it. What was tried with a bug is tried without it too, and kept: a control is made once for each case, and for
// each scenario and seed, and all bugs share it.
//
// Limits: a control is made only where something failed with the bug, so a hunt costs at most twice its flights, and
// one without failures none more.

import Console
import ContractTests
import Flight
import Scenarios
import Vocabulary

/// Hunts planted bugs.
struct MutantHunt {
  /// What a hunt came to.
  struct Trail {
    /// The named check that caught the bug; nil where none did.
    var catcher: String?
    /// Where: "contract case", "calm, seed 2, flight 4".
    var place = ""
    /// How many flights were flown with the bug.
    var flights = 0
    /// Checks that failed with the bug and are not there for it, each with the first place where it did.
    var unexpected: [String] = []
  }

  /// A scenario with a seed.
  private struct Try: Hashable {
    var scenario: String
    var seed: UInt64
  }

  /// The contract cases of each system that has a contract.
  private let cases: [String: [ContractCase]]
  /// By the case's id: whether it fails without a bug.
  private var caseControls: [String: Bool] = [:]
  private var flightControls: [Try: [String]] = [:]
  /// What failed without any bug, a line each, in the order in which it was found.
  private(set) var failedControls: [String] = []

  private let crew: FlightCrew

  /// A hunt with these contract cases, and flights by `crew`.
  init(cases: [String: [ContractCase]], crew: FlightCrew) {
    self.cases = cases
    self.crew = crew
  }

  /// Hunts `mutant` by the contract cases that are there for it, of whatever system, then by `scenarios` with each of
  /// `seeds`; where nobody knew it, by all contract cases of `systems`.
  mutating func hunt(
    _ mutant: Mutant, _ systems: [any FlownSystem], _ scenarios: [Scenario], seeds: ClosedRange<UInt64>
  ) throws -> Trail {
    var trail = Trail()
    for system in Systems.all where try judge(of: system, mutant, &trail, where: { mutant.catchers.contains($0.id) }) { return trail }
    if try fly(mutant, scenarios, seeds, &trail) { return trail }
    // Nobody knew it: what else sees that something is wrong?
    for system in systems { _ = try judge(of: system, mutant, &trail, where: { !mutant.catchers.contains($0.id) }) }
    return trail
  }

  /// Makes those cases of a system that are `wanted` until a named one fails; whether one did.
  private mutating func judge(
    of system: any FlownSystem, _ mutant: Mutant, _ trail: inout Trail, where wanted: (ContractCase) -> Bool
  ) throws -> Bool {
    guard system.contract != nil, let cases = cases[system.name] else { return false }
    return try judge(cases.filter(wanted), system.name, mutant, &trail)
  }

  /// Makes cases until a named one fails; whether one did. As many are made at once as there are processes, and looked at
  /// in their order.
  private mutating func judge(_ cases: [ContractCase], _ system: String, _ mutant: Mutant, _ trail: inout Trail) throws -> Bool {
    var rest = cases[...]
    while !rest.isEmpty, !Interruption.isAsked {
      let chunk = Array(rest.prefix(crew.jobs))
      rest = rest.dropFirst(chunk.count)
      for (contractCase, result) in zip(chunk, try make(chunk, system, mutant)) where !result.failedChecks.isEmpty {
        let trial = MutantTrial(
          mutant, failed: [contractCase.id], control: try control(contractCase, system) ? [contractCase.id] : [])
        if let caught = trial.caught.first {
          trail.catcher = caught
          trail.place = "contract case"
          return true
        }
        trail.unexpected += trial.unexpected.map { "\($0) (contract case)" }
      }
    }
    return false
  }

  private func make(_ cases: [ContractCase], _ system: String, _ mutant: Mutant?) throws -> [FlightResult] {
    let results = crew.make(cases, of: system, planted: mutant)
    if let problem = crew.problem { throw problem }
    return results
  }

  /// Flies until a named check fails, those scenarios first that name the bug's requirements; whether one did.
  private mutating func fly(_ mutant: Mutant, _ all: [Scenario], _ seeds: ClosedRange<UInt64>, _ trail: inout Trail) throws -> Bool {
    let about = all.filter { scenario in mutant.requirements.contains { scenario.requirements.contains($0) } }
    let others = all.filter { scenario in !about.contains { $0.name == scenario.name } }
    var known: Set<String> = []
    for scenarios in [about, others] {
      for seed in seeds {
        var rest = scenarios[...]
        var flown: [(scenario: Scenario, result: FlightResult)] = []
        while let next = try next(mutant, seed, &rest, &flown) {
          let (scenario, result) = next
          trail.flights += 1
          let failed = result.failedChecks
          // What is known to fail and does not count needs no control once more.
          guard failed.contains(where: { !known.contains($0) }) else { continue }
          let trial = MutantTrial(mutant, failed: failed, control: try control(scenario, seed))
          for check in trial.unexpected where known.insert(check).inserted {
            trail.unexpected.append("\(check) (\(scenario.name), seed \(seed))")
          }
          guard let caught = trial.caught.first else { continue }
          trail.catcher = caught
          trail.place = "\(scenario.name), seed \(seed), flight \(trail.flights)"
          return true
        }
      }
    }
    return false
  }

  /// The next scenario of `rest` with its flight; nil where none is left, or the command was asked to end. As many are
  /// flown at once as there are processes, and looked at in their order: what is found does not hang on how many.
  private func next(
    _ mutant: Mutant, _ seed: UInt64, _ rest: inout ArraySlice<Scenario>, _ flown: inout [(scenario: Scenario, result: FlightResult)]
  ) throws -> (scenario: Scenario, result: FlightResult)? {
    if flown.isEmpty {
      let chunk = Array(rest.prefix(crew.jobs))
      let results = crew.fly(chunk.count, { FlightOrder(chunk[$0], seed: seed, planted: [mutant]) }, onResult: { _, _ in })
      if let problem = crew.problem { throw problem }
      if results.count < chunk.count || chunk.isEmpty { return nil }
      rest = rest.dropFirst(chunk.count)
      flown = Array(zip(chunk, results))
    }
    return flown.removeFirst()
  }

  /// Whether a case fails without a bug.
  private mutating func control(_ contractCase: ContractCase, _ system: String) throws -> Bool {
    if let known = caseControls[contractCase.id] { return known }
    let fails = try make([contractCase], system, nil).contains { !$0.failedChecks.isEmpty }
    caseControls[contractCase.id] = fails
    if fails { failedControls.append("\(contractCase.id) (contract case)") }
    return fails
  }

  /// The checks that fail in a flight without a bug.
  private mutating func control(_ scenario: Scenario, _ seed: UInt64) throws -> [String] {
    let place = Try(scenario: scenario.name, seed: seed)
    if let known = flightControls[place] { return known }
    let failed = crew.fly(1, { _ in FlightOrder(scenario, seed: seed) }, onResult: { _, _ in }).first?.failedChecks ?? []
    if let problem = crew.problem { throw problem }
    flightControls[place] = failed
    failedControls += failed.map { "\($0) (\(scenario.name), seed \(seed))" }
    return failed
  }
}
