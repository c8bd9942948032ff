// Whole flights of the message queue alone: consumer groups whose coordinator changes, an operator, and the planted bug
// that they are there for.

import Checking
import Flight
import Foundation
import MonitoringAssembly
import Scenarios
import TestBench
import Testing
import Vocabulary

private func scenario(_ name: String) throws -> Scenario {
  let file = Repository.file("Scenarios/queue/\(name).yaml")
  return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path, systems: systems)
}

@Suite struct QueueFlightTests {
  @Test func theRegistrysLeadershipMovesAndNoGenerationIsTakenBack() throws {
    let result = flight(try scenario("moving-registry"), seed: 1).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
    #expect(result.requests.count >= 1_000 && result.faults.count >= 5)
    #expect(result.judgements.count { $0.checker == "groups are divided generation by generation" && $0.examinedCount > 100 } == 2)
  }

  @Test func aCoordinatorThatRemembersAnEarlierTermIsCaught() throws {
    let mutant = try #require(queueBlindMutants.first { $0.name == "queue/keeps-members-of-an-earlier-term" })
    var scenario = try scenario("moving-registry")
    (scenario.duration, scenario.settle) = (.seconds(8), .seconds(4))
    let isCaught = (UInt64(1)...8).contains { seed in
      let failed = flight(scenario, seed: seed, planted: [mutant]).fly().failedChecks
      guard !failed.isEmpty else { return false }
      let control = flight(scenario, seed: seed).fly().failedChecks
      return MutantTrial(mutant, failed: failed, control: control).caught == ["groups are divided generation by generation"]
    }
    #expect(isCaught)
  }

  /// Brokers are out of partitions' groups for a while; whoever asks them is served all the same. Nothing is broken.
  @Test func aBrokerOutsideOfAGroupPassesRequestsOn() throws {
    let scenario = try Scenario(
      yaml: """
        scenario: outsiders
        about: An operator takes brokers out of groups.
        system: queue
        servers: 5
        tuning: served
        duration: 10s
        settle: 5s
        load:
          - queue: 40/s
            keys: 12
          - operator: 6/s
            transfers: 0%
        objectives:
          - 97% served
        """, file: "outsiders", systems: systems)
    let result = flight(scenario, seed: 4).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? "")")
  }
}
