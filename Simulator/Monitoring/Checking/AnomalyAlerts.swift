// A rule on a labelled anomaly fires within a labelled window (later at most by what a reading looks back), and nowhere
// else.
//
// The receiver's clock is the host's; the wall clock is computed from it by the replay's start and speed.

import Checking
import Load
import MonitoringLoad
import Vocabulary

/// Checks the alerts of a rule on a recording's labelled anomaly.
public struct AnomalyAlerts: Checker {
  /// The rule.
  public var rule: RecordingRule
  /// What the wall clocks showed when the host's clock showed `origin`.
  public var wallStart: WallTime
  /// When the wall clocks showed `wallStart`.
  public var origin: Instant
  /// How many times as fast as the host's clock they ran.
  public var speed: Int64

  /// A checker.
  public init(rule: RecordingRule, wallStart: WallTime, origin: Instant = Instant(nanoseconds: 0), speed: Int64) {
    self.rule = rule
    self.wallStart = wallStart
    self.origin = origin
    self.speed = speed
  }

  public var name: String { "\(rule.name) fires in its window" }
  public var requirements: [String] { ["MONITORING-23", "MONITORING-24"] }

  /// What the rule's reading looks back, and so how long after its window an alert may still begin, in milliseconds.
  private var lookBackMilliseconds: Int64 { rule.lookBackMinutes * 60_000 }

  public func judge(_ record: FlightRecord) -> Judgement {
    let fired = record.takenNotifications(of: rule.name).filter { $0.state == "firing" }.map { notification in
      let elapsed = (notification.at - origin).nanoseconds
      return (at: notification.at, wallMilliseconds: (wallStart + TimeSpan(nanoseconds: elapsed * speed)).milliseconds)
    }
    func isIn(_ milliseconds: Int64, _ window: ClosedRange<Int64>) -> Bool {
      milliseconds >= window.lowerBound && milliseconds <= window.upperBound + lookBackMilliseconds
    }
    var violations: [Violation] = []
    if !fired.contains(where: { alert in rule.windows.contains { isIn(alert.wallMilliseconds, $0) } }) {
      violations.append(Violation("\(rule.query) never fired within a labelled window"))
    }
    for alert in fired where !rule.windows.contains(where: { isIn(alert.wallMilliseconds, $0) }) {
      violations.append(Violation(at: alert.at, "it fired at \(alert.wallMilliseconds) ms since 1970, outside all labelled windows"))
    }
    return judgement(
      violations, examined: "\(counted(rule.windows.count, "window")), fired \(counted(fired.count, "time"))", count: rule.windows.count)
  }
}
