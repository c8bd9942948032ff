// Which checkers judge a flight of the monitoring platform: the platform's guarantees always, the scenario's objectives
// as it says.

import Checking
import Load
import MonitoringAPI
import MonitoringChecking
import MonitoringLoad
import Scenarios
import Vocabulary

/// The checkers of the monitoring platform.
enum MonitoringCheckers {
  /// The checkers of a flight of `scenario`.
  static func all(_ scenario: Scenario) -> [any Checker] {
    // Offsets and routing are judged whatever is sent; conservation where each metric can be told from all others.
    var checkers: [any Checker] = [NoDefects(), ReadBackEnded(), DenseOffsets(), KeyRouting()]
    if !scenario.rules.isEmpty { checkers.append(SetUpSucceeded()) }
    let metrics = scenario.loads.contains { if case .metrics = $0 { true } else { false } }
    if metrics {
      checkers += [
        QueueConservation(), StorageConservation(), QueryAgreement(), RateLimit(requestsPerSecond: 10),
        ReadsNeverGoBack(),
      ]
    }
    for objective in scenario.objectives {
      if let checker = objective.loadChecker { checkers.append(checker) }
      if case .alerts(let bound) = objective {
        let found = scenario.rules.flatMap { alertCheckers($0, scenario, bound) }
        checkers += found
        if found.isEmpty {
          checkers.append(
            Unjudged("alerts within \(bound.label)", requirements: ["MONITORING-23"], because: "no rule reads the gauge of a signal"))
        }
      }
    }
    return checkers
  }

  private static func alertCheckers(_ rule: ScenarioRule, _ scenario: Scenario, _ bound: TimeSpan) -> [any Checker] {
    scenario.loads.compactMap { load -> (any Checker)? in
      // Of the same bytes: a rule on cpu_usage does not watch cpu.
      guard case .signal(let signal) = load, let expression = try? RuleExpression(parsing: rule.query),
        Array(expression.measurement.utf8) == Array(signal.name.utf8), let duration = Scenario.span(text: rule.duration)
      else {
        return nil
      }
      return AlertsOnceAndInTime(rule: rule.name, breaches: signal.windows, duration: duration, bound: bound)
    }
  }
}
