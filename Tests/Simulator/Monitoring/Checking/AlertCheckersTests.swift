// The judges of alerts, on a signal and on a labelled anomaly, by hand-made notifications.

import Checking
import HandMadeRecords
import Load
import MonitoringChecking
import MonitoringLoad
import Testing
import Vocabulary

/// The rule `name` told its state at a moment, under a key.
private struct Told {
  var key: String
  var state: String
  var at: Int64
  var rule = "high"
  /// What the receiver answered; nil where nothing came back.
  var status: Int? = 200
}

private func record(_ notifications: [Told]) -> FlightRecord {
  let record = FlightRecord(of: ["alerting", "webhook"])
  for told in notifications {
    record.exchange(
      "alerting", "webhook",
      Request(.post, "/hook", json: #"{"rule":"\#(told.rule)","state":"\#(told.state)"}"#, headers: ["idempotency-key": told.key]),
      ended: told.status.map { .answered(Response(status: $0)) } ?? .failed(.connectionLost), told.at, told.at + 1)
  }
  return record
}

@Suite struct AlertsOnceAndInTimeTests {
  private let firing = Told(key: "f", state: "firing", at: 15_500)
  private let resolved = Told(key: "r", state: "resolved", at: 21_000)

  /// A breach from 10 s to 20 s of a rule of 5 s, within 3 s.
  private func judgement(_ notifications: [Told], breaches: [Range<TimeSpan>] = [TimeSpan.seconds(10)..<TimeSpan.seconds(20)]) -> Judgement
  {
    AlertsOnceAndInTime(rule: "high", breaches: breaches, duration: .seconds(5), bound: .seconds(3)).judge(record(notifications))
  }

  /// What is said of the breach from 10 s to 20 s.
  private let asked = "although the signal was high from 10 s to 20 s, which counts as a breach whatever the rule's query makes of it"

  private func violations(_ notifications: [Told]) -> [String] { judgement(notifications).violations.map(\.summary) }

  @Test func oneOfEachInTimeHolds() {
    // A delivery that is repeated under its key is one notification, and another rule's is none of this one.
    let judgement = judgement([
      firing, Told(key: "f", state: "firing", at: 16_000), Told(key: "x", state: "firing", at: 12_000, rule: "other"), resolved,
    ])
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  /// What was only tried told nobody.
  @Test(arguments: [503, 302, nil]) func whatTheReceiverDidNotTakeIsNoNotification(_ status: Int?) {
    var tried = firing
    tried.status = status
    #expect(violations([tried, resolved]) == ["no \"firing\" between 14.900000 s and 18.000000 s, \(asked)"])
  }

  /// An attempt without an answer may have been taken: it counts from its moment on where its repetition was.
  @Test func aLostAnswerIsNoLateNotification() {
    var lost = firing
    lost.status = nil
    #expect(judgement([lost, Told(key: "f", state: "firing", at: 19_000), resolved]).held)
    var refused = firing
    refused.status = 503
    #expect(violations([refused, Told(key: "f", state: "firing", at: 19_000), resolved]).count == 2, "late, since the first was refused")
  }

  @Test func noNotificationIsFound() {
    #expect(violations([resolved]) == ["no \"firing\" between 14.900000 s and 18.000000 s, \(asked)"])
    #expect(violations([firing]) == ["no \"resolved\" between 20.000000 s and 23.000000 s, \(asked)"])
  }

  @Test(arguments: [12_000 as Int64, 19_000]) func firingTooEarlyOrTooLateIsFound(_ at: Int64) {
    #expect(
      violations([Told(key: "f", state: "firing", at: at), resolved]) == [
        "no \"firing\" between 14.900000 s and 18.000000 s, \(asked); the next came at \(at / 1_000).000000 s",
        "high told \"firing\" without a breach, or once more",
      ])
  }

  @Test func resolvingTooEarlyIsFound() {
    #expect(
      violations([firing, Told(key: "r", state: "resolved", at: 19_000)]) == [
        "no \"resolved\" between 20.000000 s and 23.000000 s, \(asked)",
        "high told \"resolved\" without a breach, or once more",
      ])
  }

  @Test(arguments: ["firing", "resolved"]) func onceMoreIsFound(_ state: String) {
    let again = Told(key: "again", state: state, at: state == "firing" ? 16_000 : 22_000)
    #expect(violations([firing, resolved, again]) == ["high told \"\(state)\" without a breach, or once more"])
  }

  @Test func nothingExaminedIsNoPass() { #expect(!judgement([], breaches: []).held) }
}

@Suite struct AnomalyAlertsTests {
  /// A window from 100 s to 200 s of a recording that runs ten times as fast; the rule looks back a minute.
  private func judgement(_ at: [Int64]) -> Judgement {
    let rule = RecordingRule(series: "s", isAbove: true, threshold: 5, windows: [100_000...200_000], lookBackMinutes: 1)
    let told = at.enumerated().map { Told(key: "\($0.offset)", state: "firing", at: $0.element, rule: rule.name) }
    return AnomalyAlerts(rule: rule, wallStart: WallTime(milliseconds: 0), speed: 10).judge(record(told))
  }

  @Test(arguments: [[10_000], [20_000], [26_000], [15_000, 18_000]] as [[Int64]]) func firingInTheWindowHolds(_ at: [Int64]) {
    let judgement = judgement(at)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test(arguments: [9_999 as Int64, 26_001]) func firingElsewhereIsFound(_ at: Int64) {
    #expect(
      judgement([15_000, at]).violations.map(\.summary) == ["it fired at \(at * 10) ms since 1970, outside all labelled windows"])
  }

  @Test func neverFiringIsFound() {
    let violations = judgement([]).violations.map(\.summary)
    #expect(violations.count == 1 && violations.allSatisfy { $0.hasSuffix("never fired within a labelled window") })
  }
}
