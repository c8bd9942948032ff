// Several systems in one flight: each is placed, loaded, broken, read back and judged as if it were alone.

import Flight
import MonitoringAssembly
import Scenarios
import Testing
import Vocabulary

private func both(_ faults: String = "", objectives: String = "") throws -> Scenario {
  try Scenario(
    yaml: """
      scenario: both
      about: Two systems in one world.
      duration: 6s
      settle: 15s
      systems:
        monitoring:
          load:
            - metrics: 30/s
        registers:
          servers: 3
          tuning: small
          load:
            - registers: 20/s
          objectives: [\(objectives)]
      \(faults)
      """, file: "both", systems: systems)
}

@Suite struct SeveralSystemsTests {
  @Test func eachIsFlownAndJudgedUnderItsOwnName() throws {
    let flight = flight(
      try both("faults:\n  - crash registers/leader at 2s for 500ms\n  - crash monitoring/queue at 3s for 500ms"), seed: 1)
    #expect(flight.nodeNames.contains("monitoring/queue") && flight.nodeNames.contains("registers/server-3"))
    let result = flight.fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.checker ?? ""): \(result.firstFailure?.summary ?? "")")
    let checks = result.judgements.map(\.checker)
    #expect(checks.contains("monitoring/conservation in storage") && checks.contains("registers/registers are linearizable"))
    #expect(result.faults.map(\.label).contains { $0.contains("monitoring/queue") })
    #expect(result.faults.allSatisfy { $0.happened })
  }

  /// An objective below one system is of its requests alone, and each system's figures are known.
  @Test func eachHasItsOwnFiguresAndObjectives() throws {
    let flight = flight(try both(objectives: "1% served, p1 below 1ns"), seed: 1)
    #expect(flight.checkNames.contains("registers/1.0 % served"))
    let result = flight.fly()
    let judged = result.judgements.filter {
      $0.checker.hasPrefix("registers/") && $0.requirements.isEmpty && $0.examined.contains("requests")
    }
    #expect(judged.map(\.checker) == ["registers/1.0 % served", "registers/p1 below 1 ns"] && judged.map(\.held) == [true, false])
    #expect(result.shares.map(\.system) == ["monitoring", "registers"])
    let counts = result.shares.map(\.requests.count)
    #expect(counts.allSatisfy { $0 > 0 } && counts.reduce(0, +) == result.requests.count)
    #expect(judged.allSatisfy { $0.examinedCount == counts[1] })
  }

  /// Names of nodes are those of their systems wherever people read them, also where a system is alone.
  @Test func nodesBearTheNamesOfTheirSystemsAlways() throws {
    let scenario = try Scenario(
      yaml: """
        scenario: alone
        about: One system.
        system: monitoring
        brokers: 3
        duration: 3s
        settle: 10s
        load:
          - metrics: 10/s
        faults:
          - crash queue at 1s for 500ms
        """, file: "alone", systems: systems)
    let flight = flight(scenario, seed: 1)
    #expect(flight.nodeNames.allSatisfy { $0.hasPrefix("monitoring/") })
    #expect(flight.nodeNames.contains("monitoring/queue") && flight.nodeNames.contains("monitoring/queue-2"))
    let result = flight.fly()
    #expect(result.faults.map(\.label) == ["crash of monitoring/queue"])
    #expect(result.verdict == .held, "checkers find their nodes by what these are")
    #expect(result.judgements.allSatisfy { !$0.checker.contains("/") }, "words stay short where a system is alone")
  }

  @Test func whatIsWrongWithOneIsToldOfThatOne() throws {
    let mutant = try #require(monitoringMutants.first { $0.name == "queue/routes-by-arrival" })
    let failed = flight(try both(), seed: 1, planted: [mutant]).fly().failedChecks
    #expect(failed.contains("monitoring/one partition for each key") && failed.allSatisfy { $0.hasPrefix("monitoring/") }, "\(failed)")
  }
}
