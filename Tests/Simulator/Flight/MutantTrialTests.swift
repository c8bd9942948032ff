// What catches a planted bug, and what does not.

import Checking
import Flight
import MonitoringAssembly
import MonitoringChecking
import Raft
import RaftChecking
import Testing
import Vocabulary

@Suite struct MutantTrialTests {
  private let mutant = Mutant("room/bug", "does harm", breaks: ["MONITORING-6"], caughtBy: ["dense offsets", "queue/produce/batch"])

  @Test func onlyANamedCheckCatches() {
    let trial = MutantTrial(mutant, failed: ["no defects", "dense offsets", "no defects"], control: [])
    #expect(trial.caught == ["dense offsets"])
    #expect(trial.unexpected == ["no defects"])
    #expect(MutantTrial(mutant, failed: ["offsets", "dense offsets "], control: []).caught == [])
  }

  @Test func whereTheControlFailsNothingIsShown() {
    let trial = MutantTrial(mutant, failed: ["dense offsets"], control: ["no defects"])
    #expect(trial.caught == [] && trial.unexpected == [] && trial.control == ["no defects"])
  }

  @Test func whatHoldsCatchesNothing() {
    #expect(MutantTrial(mutant, failed: [], control: []) == MutantTrial(mutant, failed: [], control: []))
    #expect(MutantTrial(mutant, failed: [], control: []).caught == [])
  }

  /// Names of checkers, but for those that hold a scenario's own words.
  private static let checkers: Set<String> = [
    NoDefects().name, DenseOffsets().name, KeyRouting().name, QueueConservation().name, StorageConservation().name, QueryAgreement().name,
    RateLimit(requestsPerSecond: 10).name, WithinLimitServed(requestsPerSecond: 10).name,
    ClientsKeepTheirOrder().name, FullSpillRefuses().name,
    ReadsNeverGoBack().name, RecordsKept().name, QueueLinearizable().name,
    GroupsDeliver(members: []).name, GroupsDivide(members: []).name, OffsetsKept(callers: []).name, RegistersLinearizable().name,
    RaftSafety(RaftLedger([])).name, RaftAgreement(RaftLedger([]), endedAt: .never).name,
    RaftLiveness(servers: [], groups: 1, electionTimeout: .seconds(1), loadsEnd: .never, operatorEnd: nil).name, Flight.silenceCheck,
    AlertsOnceAndInTime(rule: "high-cpu", breaches: [], duration: .seconds(5), bound: .seconds(40)).name,
    AlertsOnceAndInTime(rule: "high-cpu", breaches: [], duration: .seconds(5), bound: .seconds(30)).name, RefusesDamage(.alerting).name,
  ]

  private static let all = monitoringMutants + raftMutants + raftBlindMutants + queueBlindMutants

  /// A misspelt name would never catch; the ids of contract cases are tried in Judging.
  @Test func everyPlantedBugNamesChecksThatThereAre() {
    for mutant in Self.all {
      #expect(!mutant.catchers.isEmpty, "\(mutant.name)")
      // The id of a case has its service, its group and its own name.
      for catcher in mutant.catchers where catcher.split(separator: "/").count != 3 {
        #expect(Self.checkers.contains(catcher), "\(mutant.name): there is no checker named \"\(catcher)\"")
      }
    }
    #expect(Self.all.count > 50 && Set(Self.all.map(\.name)).count == Self.all.count)
  }
}
