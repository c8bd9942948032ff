// What flights are given from outside: options of a system, like files of recorded series, that stand at every command
// which flies its scenarios.

import ArgumentParser
import Flight
import Scenarios

/// Options of a system that give its flights something from outside.
package protocol FlightInputOptions: ParsableArguments {
  /// What they give to `scenarios`; nil where none of them is used. Throws where one is used and nothing takes it.
  func input(for scenarios: [Scenario]) throws -> (any FlightInput)?
  /// The words that give the same to `scenario` again; none where it takes nothing.
  func words(for scenario: Scenario) -> [String]
  /// The words that give the same to all of `scenarios` again, each once.
  func words(forAll scenarios: [Scenario]) -> [String]
}

extension FlightInputOptions {
  // What is given goes to all that take it: the first of those says it.
  package func words(forAll scenarios: [Scenario]) -> [String] { scenarios.lazy.map { words(for: $0) }.first { !$0.isEmpty } ?? [] }
}

/// Options of several systems beside each other.
package protocol FlightInputGroups: FlightInputOptions {
  /// The options of each.
  var groups: [any FlightInputOptions] { get }
}

extension FlightInputGroups {
  package func input(for scenarios: [Scenario]) throws -> (any FlightInput)? {
    let inputs = try groups.compactMap { try $0.input(for: scenarios) }
    return inputs.isEmpty ? nil : FlightInputs(inputs)
  }
  package func words(for scenario: Scenario) -> [String] { groups.flatMap { $0.words(for: scenario) } }
  package func words(forAll scenarios: [Scenario]) -> [String] { groups.flatMap { $0.words(forAll: scenarios) } }
}
