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
}
