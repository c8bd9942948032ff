// The state machine of an alert, step by step and against its definition over random readings. MONITORING-24.

import Alerting
import MonitoringAPI
import Testing
import Vocabulary

private func at(_ seconds: Int64) -> WallTime { WallTime(nanoseconds: 0) + .seconds(seconds) }

private func policy(_ seconds: Int64 = 30, _ missing: MissingDataPolicy = .keep) -> AlertPolicy {
  AlertPolicy(duration: .seconds(seconds), missingData: missing, longestGap: .seconds(20))
}

/// The words of the states after each reading, one every ten seconds.
private func words(_ readings: [Reading], _ policy: AlertPolicy) -> [AlertWord] {
  var state = AlertState.inactive
  return readings.enumerated().map { index, reading in
    state = state.next(reading, at: at(Int64(index) * 10), policy)
    return state.word
  }
}

@Suite struct AlertStateTests {
  @Test func itFiresOnceTheConditionHasHeldAndIsResolvedWhenItFails() {
    #expect(
      words([.fails, .holds, .holds, .holds, .holds, .holds, .fails, .fails, .holds], policy())
        == [.inactive, .pending, .pending, .pending, .firing, .firing, .resolved, .resolved, .pending])
  }

  @Test func withoutDurationItFiresAtOnce() { #expect(words([.holds, .fails, .holds], policy(0)) == [.firing, .resolved, .firing]) }

  @Test func flappingBeginsAnew() {
    #expect(
      words([.holds, .holds, .holds, .fails, .holds, .holds, .holds, .holds], policy())
        == [.pending, .pending, .pending, .inactive, .pending, .pending, .pending, .firing])
  }

  @Test func missingDataIsAPolicy() {
    #expect(words([.holds, .missing, .holds, .holds, .missing], policy()) == [.pending, .pending, .pending, .firing, .firing])
    #expect(words([.missing, .missing, .missing, .missing], policy()) == [.inactive, .inactive, .inactive, .inactive])
    #expect(words([.missing, .holds, .missing, .missing], policy(30, .fire)) == [.pending, .pending, .pending, .firing])
    #expect(words([.holds, .missing, .holds, .holds], policy(10, .resolve)) == [.pending, .inactive, .pending, .firing])
    #expect(words([.holds, .missing], policy(0, .resolve)) == [.firing, .resolved])
    #expect(words([.holds, .missing], policy(0, .keep)) == [.firing, .firing])
  }

  @Test func aGapOrAClockThatJumpsBeginsAnew() {
    let pending = AlertState.pending(since: at(0), seen: at(10))
    #expect(pending.next(.holds, at: at(30), policy()) == .firing(since: at(30)))
    #expect(pending.next(.holds, at: at(31), policy()) == .pending(since: at(31), seen: at(31)))
    #expect(pending.next(.holds, at: at(9), policy()) == .pending(since: at(9), seen: at(9)))
    #expect(pending.next(.holds, at: at(3_600), policy()) == .pending(since: at(3_600), seen: at(3_600)))
    // What fires goes on firing, whatever the clock says.
    #expect(AlertState.firing(since: at(50)).next(.holds, at: at(0), policy()) == .firing(since: at(50)))
    #expect(AlertState.inactive.next(.holds, at: WallTime(nanoseconds: .max), policy()).word == .pending)
  }

  @Test func itFiresExactlyWhenEveryReadingOfTheDurationHeld() {
    for seed in UInt64(1)...200 {
      var random = RandomStream(seed: seed)
      var state = AlertState.inactive
      var time = at(1_000)
      var heldSince: WallTime?
      var last = time
      for _ in 0..<60 {
        time = time + .seconds(random.integer(in: 1...25))
        let holds = random.chance(0.8)
        if !holds {
          heldSince = nil
        } else if heldSince == nil || (state.word == .pending && time - last > .seconds(20)) {
          heldSince = time
        }
        let before = state
        state = state.next(holds ? .holds : .fails, at: time, policy())
        last = time
        let mustFire = before.word == .firing ? holds : heldSince.map { time - $0 >= .seconds(30) } ?? false
        #expect((state.word == .firing) == mustFire)
        #expect((before.notification(of: state) == .firing) == (before.word != .firing && mustFire))
        #expect((before.notification(of: state) == .resolved) == (before.word == .firing && !holds))
      }
    }
  }
}
