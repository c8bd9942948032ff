// The systems that are flown in these tests.

import Flight
import MonitoringFlight
import RaftFlight
import Scenarios
import Vocabulary

/// All systems, as the command knows them.
let systems: [any FlownSystem] = [MonitoringSystem(), QueueSystem(), RegistersSystem()]

/// One flight of a scenario.
func flight(_ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], input: (any FlightInput)? = nil) -> Flight {
  Flight(FlightOrder(scenario, seed: seed, planted: planted, input: input), systems: systems)
}
