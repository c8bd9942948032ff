// Whole flights of the message queue alone: consumer groups whose coordinator changes, an operator, and the planted bug that they are there for.

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
  return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path)
}

@Suite struct QueueFlightTests {
  @Test func theRegistrysOfficeMovesAndNoGenerationIsTakenBack() throws {
    let result = QueueFlight(try scenario("moving-registry"), seed: 1).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
    #expect(result.requests.count >= 1_000 && result.faults.count >= 5)
    #expect(result.judgements.count { $0.checker == "groups are divided generation by generation" && $0.examinedCount > 100 } == 2)
  }

  @Test func aCoordinatorThatRemembersAnEarlierOfficeIsCaught() throws {
    let mutant = try #require(queueBlindMutants.first { $0.name == "queue/keeps-members-of-an-earlier-office" })
    let result = QueueFlight(try scenario("moving-registry"), seed: 1, planted: [mutant]).fly()
    let failed = Set(result.judgements.filter { !$0.held }.map(\.checker))
    #expect(failed == ["groups deliver at least once", "groups are divided generation by generation"])
  }
}
