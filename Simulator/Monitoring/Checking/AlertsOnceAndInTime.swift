// Each breach of a signal, which is each time that it is high, whatever the rule asks of it, alerts once: one
// notification that it fires, not before the rule's duration has passed and not later than a bound beyond it, and one
// that it is resolved. Deliveries of one notification may repeat under one `Idempotency-Key`; only what the receiver
// took counts (TakenNotifications.swift).

import Checking
import Vocabulary

/// Checks the alerts of one rule on a signal whose breaches are known.
public struct AlertsOnceAndInTime: Checker {
  /// The rule's name.
  public var rule: String
  /// When the signal was too high, on the host's clock.
  public var breaches: [Range<TimeSpan>]
  /// The rule's duration.
  public var duration: TimeSpan
  /// How much later than the duration an alert may fire, and than the breach's end it may resolve.
  public var bound: TimeSpan
  /// The receiver that is told.
  public var receiver: NodeRole

  /// A checker.
  public init(rule: String, breaches: [Range<TimeSpan>], duration: TimeSpan, bound: TimeSpan, receiver: NodeRole = .webhook) {
    self.receiver = receiver
    self.rule = rule
    self.breaches = breaches
    self.duration = duration
    self.bound = bound
  }

  public var name: String { "\(rule) alerts once and within \(bound.label)" }
  public var requirements: [String] { ["MONITORING-23", "MONITORING-24", "MONITORING-25", "MONITORING-26"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let notifications = record.takenNotifications(of: rule, at: receiver)
    var violations: [Violation] = []
    var expected: Set<String> = []
    // A drifting clock measures the duration a little short: two parts in a hundred, and one evaluation's rounding.
    let earliest = TimeSpan(nanoseconds: duration.nanoseconds / 50 * 49)
    for breach in breaches {
      let began = Instant(nanoseconds: breach.lowerBound.nanoseconds)
      let ended = Instant(nanoseconds: breach.upperBound.nanoseconds)
      check(
        "firing", began + earliest, began + duration + bound, began, notifications, &expected, &violations, breach)
      check("resolved", ended, ended + bound, ended, notifications, &expected, &violations, breach)
    }
    for notification in notifications where !expected.contains(notification.key) {
      violations.append(Violation(at: notification.at, "\(rule) told \"\(notification.state)\" without a breach, or once more"))
    }
    return judgement(
      violations, examined: "\(counted(breaches.count, "breach", "breaches")), \(counted(notifications.count, "notification"))",
      count: breaches.count)
  }

  private func check(
    _ state: String, _ from: Instant, _ until: Instant, _ event: Instant, _ notifications: [TakenNotification],
    _ expected: inout Set<String>, _ violations: inout [Violation], _ breach: Range<TimeSpan>
  ) {
    let inTime = notifications.filter { $0.state == state && $0.at >= from && $0.at <= until }
    for notification in inTime.prefix(1) { expected.insert(notification.key) }
    if inTime.isEmpty {
      let nearest = notifications.first { $0.state == state && $0.at >= event }
      let found = nearest.map { "; the next came at \($0.at.label)" } ?? ""
      violations.append(
        Violation(
          at: event,
          "no \"\(state)\" between \(from.label) and \(until.label), although the signal was high from \(breach.lowerBound.label) to "
            + "\(breach.upperBound.label), which counts as a breach whatever the rule's query makes of it\(found)"
        ))
    }
  }
}
