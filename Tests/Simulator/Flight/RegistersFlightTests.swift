// Whole flights of registers on Raft: the scenarios hold, one seed is one flight, planted bugs are caught, and what the
// tunnel once found stays mended.

import Flight
import Foundation
import PeerAuthentication
import Raft
import Scenarios
import TestBench
import Testing
import Vocabulary

private func scenario(_ name: String) throws -> Scenario {
  let file = Repository.file("Scenarios/registers/\(name).yaml")
  return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path, systems: systems)
}

@Suite struct RegistersFlightTests {
  // The others are longer, and are flown by `windtunnel run registers`.
  @Test(arguments: ["calm", "isolations", "late-transfers", "quiet", "swarm-of-three"]) func theScenarioHolds(_ name: String) throws {
    let result = flight(try scenario(name), seed: 1).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
    #expect(result.judgements.contains { $0.checker == "registers are linearizable" && $0.examinedCount > 100 })
  }

  @Test func aFlightIsLongAndFullOfFaultsAndTheOperatorRestoresEveryGroup() throws {
    let result = flight(try scenario("operated"), seed: 2).fly()
    #expect(result.simulated >= .seconds(30))
    #expect(result.requests.count >= 1_000)
    #expect(result.faults.count >= 5)
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
    let agreement = try #require(result.judgements.first { $0.checker == "all replicas agree in the end" })
    #expect(agreement.examinedCount % 5 == 0 && agreement.examinedCount > 0)
  }

  @Test func aFaultAimsAtWhoLeads() throws {
    let result = flight(try scenario("returning"), seed: 1).fly()
    // All but one of the partitions are of servers that do not lead.
    #expect(result.faults.count == 6)
    #expect(result.faults.allSatisfy { $0.label.hasPrefix("partition registers/server-") })
  }

  @Test func aLinkIsSlowOneWayWhileLeadershipsMove() throws {
    let result = flight(try scenario("slow-answers"), seed: 3).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
    #expect(result.faults.count == 7)
    #expect(result.faults.first?.label == "slow link (+40 ms) registers/server-2, registers/server-3 → registers/server-1")
  }

  /// A bug of each kind of rule, and a flight that shows it.
  @Test(arguments: [
    ("behind", 1, Mutant.raftPreVoteIgnoresLog), ("one-way", 3, .raftPreVoteIgnoresLeader), ("returning", 1, .raftLeadsWithoutQuorum),
    ("slow-answers", 28, .raftReadsJoinRounds), ("late-requests", 7, .raftPreVoteResetsVote), ("meddled-links", 1, .peersBindNoDirection),
  ]) func aPlantedBugIsCaught(_ name: String, _ seed: UInt64, _ mutant: Mutant) throws {
    let scenario = try scenario(name)
    let planted = flight(scenario, seed: seed, planted: [mutant]).fly()
    let control = flight(scenario, seed: seed).fly()
    let trial = MutantTrial(mutant, failed: planted.failedChecks, control: control.failedChecks)
    #expect(!trial.caught.isEmpty, "\(trial)")
  }

  @Test func journalsAreDamagedAndAServerThatGuessesIsCaught() throws {
    let scenario = try scenario("damaged-journals")
    let result = flight(scenario, seed: 2).fly()
    #expect(result.faults.contains { $0.label.contains("rot") && $0.happened })
    let isCaught = (UInt64(1)...10).contains { seed in
      let failed = flight(scenario, seed: seed, planted: [.raftDropsWhatIsDamaged]).fly().failedChecks
      guard !failed.isEmpty else { return false }
      let control = flight(scenario, seed: seed).fly().failedChecks
      return !MutantTrial(.raftDropsWhatIsDamaged, failed: failed, control: control).caught.isEmpty
    }
    #expect(isCaught)
  }

  @Test func oneSeedIsOneFlight() throws {
    let swarm = try scenario("swarm-of-three")
    let first = flight(swarm, seed: 5).fly()
    #expect(first.traceHash == flight(swarm, seed: 5).fly().traceHash)
    #expect(first.traceHash != flight(swarm, seed: 6).fly().traceHash)
  }

  @Test func aSwarmHasManyFaultsOfSomeKinds() throws {
    let swarm = try scenario("swarm")
    let labels = (UInt64(1)...3).map { seed in flight(swarm, seed: seed).fly().faults.map(\.label) }
    #expect(labels.allSatisfy { $0.count == 14 })
    #expect(Set(labels).count == 3)
  }

  @Test func aServerThatVotesTwiceIsCaught() throws {
    let elections = try scenario("elections")
    let caught = (UInt64(1)...10).contains { seed in
      flight(elections, seed: seed, planted: [.raftVotesTwice]).fly().verdict == .failed
    }
    #expect(caught)
  }
}
