// Which checkers judge a flight of the monitoring platform: the platform's guarantees always, the scenario's objectives
// as it says.

import Checking
import Load
import MonitoringAPI
import MonitoringChecking
import MonitoringLoad
import Vocabulary
import YAMLReading

/// The checkers of the monitoring platform.
enum MonitoringCheckers {
  /// The checkers of a flight in which the platform is flown so.
  static func all(_ part: MonitoringPart) -> [any Checker] {
    // Offsets and routing are judged whatever is sent; conservation where each metric can be told from all others.
    var checkers: [any Checker] = [NoDefects(), ReadBackEnded(), DenseOffsets(), KeyRouting()]
    if !part.rules.isEmpty { checkers.append(SetUpSucceeded()) }
    let metrics = part.loads.contains { if case .metrics = $0 { true } else { false } }
    if metrics {
      checkers += [
        QueueConservation(), StorageConservation(), QueryAgreement(), RateLimit(requestsPerSecond: 10),
        WithinLimitServed(requestsPerSecond: 10), ClientsKeepTheirOrder(), ReadsNeverGoBack(),
      ]
    }
    if part.alertingRefusesDamage { checkers.append(RefusesDamage(.alerting)) }
    if part.spillFills { checkers.append(FullSpillRefuses()) }
    for bound in part.alertsWithin {
      let found = part.rules.flatMap { alertCheckers($0, part, bound) }
      checkers += found
      if found.isEmpty {
        checkers.append(
          Unjudged("alerts within \(bound.label)", requirements: ["MONITORING-23"], because: "no rule reads the gauge of a signal"))
      }
    }
    return checkers
  }

  private static func alertCheckers(_ rule: MonitoringPart.Rule, _ part: MonitoringPart, _ bound: TimeSpan) -> [any Checker] {
    part.loads.compactMap { load -> (any Checker)? in
      // Of the same bytes: a rule on cpu_usage does not watch cpu.
      guard case .signal(let signal) = load, let expression = try? RuleExpression(parsing: rule.query),
        Array(expression.measurement.utf8) == Array(signal.name.utf8), let duration = SpanText.span(rule.duration)
      else {
        return nil
      }
      // The usual channel where the rule tells it, else the first that it does.
      let usual = MonitoringPart.usualChannel
      guard let channel = rule.channels.contains(usual) ? usual : rule.channels.first else { return nil }
      return AlertsOnceAndInTime(
        rule: rule.name, breaches: signal.windows, duration: duration, bound: bound, receiver: NodeRole(channel))
    }
  }
}
