// What becomes of an alert whose channel is dead, refuses it, or asks for patience: told in the end, or dropped and
// counted. MONITORING-24.

import Alerting
import Kernel
import MonitoringAPI
import Resilience
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct AlertDeliveryTests {
  @Test func aDeadChannelBlocksNoOtherAndIsServedOnceItLives() {
    let outside = Outside()
    outside.statuses["/one"] = .some(nil)
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    outside.value = 90
    bench.run(for: .seconds(3))
    outside.value = 0
    bench.run(for: .seconds(3))
    #expect(outside.told("/two") == [.firing, .resolved])
    #expect(outside.told("/one") == [.firing])
    outside.statuses["/one"] = 500
    bench.run(for: .seconds(10))
    bench.restartAlerting()
    outside.statuses["/one"] = 200
    bench.run(for: .seconds(40))
    #expect(outside.told("/one") == [.firing, .resolved])
    let count = outside.deliveries.count
    bench.restartAlerting()
    bench.run(for: .seconds(40))
    #expect(outside.deliveries.count == count)
  }

  /// Changes the alert `count` times.
  private func change(_ outside: Outside, _ bench: TestBench, times count: Int) {
    for _ in 0..<count {
      outside.value = outside.value == 90 ? 0 : 90
      bench.run(for: .seconds(2))
    }
  }

  @Test func whatIsRefusedForItsContentIsPutAsideAndTriedAgain() {
    let outside = Outside()
    outside.statuses["/one"] = 422
    let bench = bench(outside)
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 1)
    bench.run(for: .seconds(20))
    #expect(outside.deliveries.count == 3, "three tries, with pauses, and then it waits")
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#""waiting_notifications":1,"refused_notifications":1,"dropped_notifications":0"#))
    #expect(health.contains(#""degraded":["channel one refuses 1 notifications for their content"]"#))
    // The next has its turn meanwhile, and the first comes through once it is taken.
    outside.statuses["/one"] = 200
    change(outside, bench, times: 1)
    #expect(outside.deliveries.map(\.state) == [.firing, .firing, .firing, .resolved])
    bench.run(for: .minutes(5))
    #expect(outside.deliveries.map(\.state) == [.firing, .firing, .firing, .resolved, .firing])
    #expect(Set(outside.deliveries.filter { $0.state == .firing }.map(\.key)).count == 1)
    #expect(!bench.text(.get, "/health").body.contains("degraded"))
  }

  @Test func whatWasPutAsideAndWhatFailsDoNotForgetEachOther() {
    let outside = Outside()
    outside.statuses["/one"] = 422
    let bench = bench(outside) {
      $0.asideEvery = .seconds(30)
      $0.refusalBackoff = Backoff(base: .seconds(1), cap: .seconds(45))
    }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 1)
    bench.run(for: .seconds(20))
    outside.statuses["/one"] = 404
    change(outside, bench, times: 1)
    // The pauses grow beyond the time at which what was put aside is tried again, and the other way round.
    bench.run(for: .minutes(5))
    outside.statuses["/one"] = 200
    bench.run(for: .minutes(1))
    #expect(Set(outside.deliveries.suffix(2).map(\.state)) == [.firing, .resolved])
    #expect(bench.text(.get, "/health").body.contains(#""waiting_notifications":0"#))
  }

  /// Whatever a receiver answers that is not 2xx: it is told in the end, in order, however long it refuses, and nothing
  /// is counted as dropped.
  @Test(arguments: [301, 401, 404, 408, 410, 429, 431, 500, 503])
  func aReceiverThatIsMendedIsToldInTheEnd(status: Int) {
    let outside = Outside()
    outside.statuses["/one"] = status
    let bench = bench(outside) { $0.refusalBackoff = Backoff(base: .seconds(2), cap: .seconds(30)) }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 4)
    let early = outside.deliveries.count
    #expect((2...12).contains(early), "tried with pauses: \(early)")
    bench.run(for: .minutes(6))
    #expect(outside.deliveries.count < 60, "and these grow: \(outside.deliveries.count)")
    #expect(bench.text(.get, "/health").body.contains("channel one does not take notifications (status \(status)): 4 wait"))
    outside.statuses["/one"] = 200
    bench.run(for: .minutes(1))
    let told = outside.deliveries.suffix(4).map(\.state)
    #expect(told == [.firing, .resolved, .firing, .resolved])
    let health = bench.text(.get, "/health").body
    #expect(
      health.contains(#""waiting_notifications":0,"refused_notifications":0,"dropped_notifications":0"#) && !health.contains("degraded"))
  }

  @Test func aReceiverIsNotAskedSoonerThanItSays() {
    for header in ["60", "Tue, 14 Nov 2023 22:14:25 GMT"] {
      for status in [429, 503, 302] {
        let outside = Outside()
        outside.statuses["/one"] = status
        outside.headers = ["retry-after": header]
        let bench = bench(outside)
        #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
        change(outside, bench, times: 1)
        outside.statuses["/one"] = 200
        bench.run(for: .seconds(40))
        #expect(outside.deliveries.count == 1, "\(status) \(header)")
        bench.run(for: .seconds(40))
        #expect(outside.deliveries.count == 2, "\(status) \(header)")
      }
    }
  }

  @Test func whatNobodyTakesForADayIsDroppedAndCounted() {
    let outside = Outside()
    outside.statuses["/one"] = 404
    // As a day and the ordinary pauses, some hundred times shorter.
    let bench = bench(outside) {
      $0.maximumAge = .minutes(5)
      $0.leastTries = 12
      $0.refusalBackoff = Backoff(base: .seconds(1), cap: .seconds(10))
    }
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    outside.value = 90
    bench.run(for: .minutes(4))
    #expect(bench.text(.get, "/health").body.contains(#""dropped_notifications":0,"journal_bytes""#))
    // Time in which this service does not run gives up nothing: it is old enough now, and tried again first.
    bench.restartAlerting(after: .minutes(2))
    bench.run(for: .seconds(20))
    #expect(bench.text(.get, "/health").body.contains(#""name":"one","waiting_notifications":1"#))
    bench.run(for: .minutes(3))
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#""dropped_notifications":1,"journal_bytes""#), "\(health)")
    #expect(health.contains(#""name":"one","waiting_notifications":0,"refused_notifications":0,"dropped_notifications":1"#))
    #expect(health.contains(#""name":"two","waiting_notifications":0,"refused_notifications":0,"dropped_notifications":0"#))
  }

  @Test func tooManyThatWaitAreBoundedAndCountedByChannel() {
    let outside = Outside()
    outside.statuses["/one"] = .some(nil)
    let bench = bench(outside) { $0.maximumNotifications = 3 }
    #expect(bench.insist(alerting, rule(duration: "0s").request()) != nil)
    change(outside, bench, times: 5)
    #expect(
      bench.text(.get, "/health").body.contains(
        #""name":"one","waiting_notifications":3,"refused_notifications":0,"dropped_notifications":2"#))
  }

  /// A channel that is taken out of the configuration and comes back.
  @Test func aChannelThatIsNotConfiguredKeepsWhatItIsToBeTold() {
    let outside = Outside()
    outside.statuses["/two"] = 503
    final class Configured { var names = ["one", "two"] }
    let configured = Configured()
    let bench = TestBench([
      NodePlan("alerting") {
        var configuration = AlertingConfiguration(
          queryEngine: Endpoint(1), channels: configured.names.map { AlertingChannel(name: $0, endpoint: Endpoint(2), path: "/\($0)") })
        configuration.every = .seconds(1)
        return Alerting(configuration)
      },
      NodePlan("query") { Responder { request, _ in outside.engine(request) } },
      NodePlan("hooks") { Responder { request, _ in outside.hook(request) } },
    ])
    #expect(bench.insist(alerting, rule(duration: "0s", channels: ["one", "two"]).request()) != nil)
    change(outside, bench, times: 2)
    configured.names = ["two"]
    bench.restartAlerting()
    let before = bench.text(.get, "/health").body
    #expect(before.contains(#""dropped_notifications":0,"journal_bytes""#), "what was delivered is not counted as dropped")
    #expect(!before.contains(#""name":"one""#), "nothing waits for it")
    outside.statuses["/two"] = 200
    change(outside, bench, times: 2)
    let health = bench.text(.get, "/health").body
    #expect(health.contains(#"{"name":"one","configured":false,"waiting_notifications":2"#), "\(health)")
    #expect(health.contains("2 notifications wait for channel one, which is not configured"))
    bench.restartAlerting()
    configured.names = ["two", "one"]
    bench.restartAlerting()
    bench.run(for: .seconds(60))
    #expect(outside.told("/one") == [.firing, .resolved, .firing, .resolved])
    #expect(outside.told("/two") == [.firing, .resolved, .firing, .resolved])
    #expect(!bench.text(.get, "/health").body.contains("degraded"))
  }
}
