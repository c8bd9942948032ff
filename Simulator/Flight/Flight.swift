// What every flight is, whatever system it flies; and which flight a scenario wants.

import Checking
import Load
import MonitoringLoad
import Scenarios
import Vocabulary
import World

/// One flight of a scenario with one seed.
public protocol Flight {
  /// The names of its nodes, by their ids.
  var nodeNames: [String] { get }
  /// Flies, and judges. `traceSink` hears all that happens; `heartbeat` hears after each second of virtual time how far
  /// the flight is, and how long its load and settling take.
  func fly(traceSink: (any TraceSink)?, heartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void) -> FlightResult
}

extension Flight {
  /// Flies, and judges.
  public func fly() -> FlightResult { fly(traceSink: nil) { _, _ in } }
}

extension ScenarioObjective {
  /// What judges it by the loads' requests alone, in any system; nil where it is about something else.
  var loadChecker: (any Checker)? {
    switch self {
    case .latency(let percentile, let bound): LatencyObjective(percentileThousandths: percentile, below: bound)
    case .served(let share): ServedObjective(partsPerMillion: share)
    case .alerts: nil
    }
  }
}

/// Flights by system.
public enum Flights {
  /// The flight that `scenario` wants. `recorded` is what a replay sends; `source` is how a command names the scenario,
  /// where that is not its name.
  public static func flight(
    _ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], recorded: Recording? = nil, source: String? = nil
  ) -> any Flight {
    switch scenario.system {
    case "registers": RegistersFlight(scenario, seed: seed, planted: planted, source: source)
    case "queue": QueueFlight(scenario, seed: seed, planted: planted, source: source)
    default: MonitoringFlight(scenario, seed: seed, planted: planted, recorded: recorded, source: source)
    }
  }
}
