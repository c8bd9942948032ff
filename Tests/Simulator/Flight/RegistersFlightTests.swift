// Whole flights of registers on Raft: the scenarios hold, one seed is one flight, planted bugs are caught, and what the tunnel once found stays mended.

import Flight
import Foundation
import Raft
import Scenarios
import TestBench
import Testing
import Vocabulary

private func scenario(_ name: String) throws -> Scenario {
  let file = Repository.file("Scenarios/registers/\(name).yaml")
  return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path)
}

@Suite struct RegistersFlightTests {
  @Test(arguments: ["calm", "elections", "isolations", "swarm", "swarm-of-three", "damaged-journals"]) func theScenarioHolds(_ name: String)
    throws
  {
    for seed in UInt64(1)...4 {
      let result = RegistersFlight(try scenario(name), seed: seed).fly()
      #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
      #expect(result.judgements.contains { $0.checker == "registers are linearizable" && $0.examinedCount > 100 })
    }
  }

  @Test func journalsAreDamagedAndAServerThatGuessesIsCaught() throws {
    let scenario = try scenario("damaged-journals")
    let result = RegistersFlight(scenario, seed: 2).fly()
    #expect(result.faults.contains { $0.label.contains("rot") && $0.happened })
    let caught = (UInt64(1)...10).contains { seed in
      RegistersFlight(scenario, seed: seed, planted: [.raftDropsWhatIsDamaged]).fly().verdict == .failed
    }
    #expect(caught)
  }

  @Test func oneSeedIsOneFlight() throws {
    let swarm = try scenario("swarm-of-three")
    let first = RegistersFlight(swarm, seed: 5).fly()
    #expect(first.traceHash == RegistersFlight(swarm, seed: 5).fly().traceHash)
    #expect(first.traceHash != RegistersFlight(swarm, seed: 6).fly().traceHash)
  }

  @Test func aSwarmHasManyFaultsOfSomeKinds() throws {
    let swarm = try scenario("swarm")
    let labels = (UInt64(1)...3).map { seed in RegistersFlight(swarm, seed: seed).fly().faults.map(\.label) }
    #expect(labels.allSatisfy { $0.count == 14 })
    #expect(Set(labels).count == 3)
  }

  @Test func aServerThatVotesTwiceIsCaught() throws {
    let elections = try scenario("elections")
    let caught = (UInt64(1)...10).contains { seed in
      RegistersFlight(elections, seed: seed, planted: [.raftVotesTwice]).fly().verdict == .failed
    }
    #expect(caught)
  }
}
