// Registers on Raft under swarms of faults: the five properties hold at every step, and in the end all replicas agree.

import Checking
import Kernel
import Load
import ProvingGround
import Raft
import Testing
import Vocabulary
import World
import Glibc

/// Keeps what a flight states.
private final class Log: Recorder {
  var exchanges: [ExchangeRecord] = []
  var defects: [DefectRecord] = []
  var ledger = RaftLedger()
  var served = 0
  var turns = 0

  func record(_ exchange: ExchangeRecord) { exchanges.append(exchange) }
  func record(_ defect: DefectRecord) { defects.append(defect) }
  func record(_ observation: ObservationRecord) {
    ledger.take(observation)
    if observation.observation.fact == .timed, LoadOutcome.parts(of: observation.observation.value).outcome == .served { served += 1 }
  }
}

private func fly(seed: UInt64, servers: Int, faults: Int, planted: [Mutant] = []) -> Log {
  let ids = (1...servers).map { ServerID(UInt32($0)) }
  let nodes = Dictionary(uniqueKeysWithValues: ids.map { ($0, NodeID(UInt16($0.value - 1))) })
  var plans = ids.map { id in
    NodePlan("server-\(id.value)", isRecorded: false, planted: PlantedBugs(planted)) {
      ReplicatedRegisters(RaftServerConfiguration(server: id, nodes: nodes, groupCount: 2, founders: ids), snapshotEvery: 50)
    }
  }
  let load = RegisterLoadPlan(arrivals: Arrivals(perSecond: 60, spacing: .poisson), until: .seconds(30))
  plans.append(
    NodePlan("load", cost: .client, isRecorded: true) {
      RegisterLoad(load, servers: ids.map { ($0.value, Endpoint(NodeID(UInt16($0.value - 1)))) })
    })
  let host = SimulatedHost(seed: seed, plans: plans)
  let log = Log()
  host.recorder = log
  var random = RandomStream(seed: seed, name: "swarm")
  host.plan(
    Swarm.faults(
      faults, on: ids.map { NodeID(UInt16($0.value - 1)) }, others: [NodeID(UInt16(servers))], within: .seconds(1)...(.seconds(30)), &random
    ))
  host.onAlarm = { _ in for id in ids { host.revive(NodeID(UInt16(id.value - 1))) } }
  host.alarm(0, at: 30_500_000_000)
  host.startAll()
  // A planted bug may make servers talk without end.
  for second in Int64(1)...36 where host.turnsTaken < 1_000_000 { host.run(until: second * 1_000_000_000) }
  log.turns = host.turnsTaken
  return log
}

@Suite struct RegistersUnderFaultsTests {
  @Test(arguments: 1...20) func thePropertiesHold(_ number: Int) {
    let seed = UInt64(number)
    let log = fly(seed: seed, servers: number % 2 == 0 ? 3 : 5, faults: 12)
    #expect(log.ledger.violations.isEmpty, "seed \(seed): \(log.ledger.violations.map(\.summary).prefix(3))")
    #expect(log.defects.isEmpty, "seed \(seed): \(log.defects.map(\.what).prefix(3))")
    let commits = log.ledger.commits()
    for group in Set(commits.map(\.group)) {
      #expect(Set(commits.filter { $0.group == group }.map(\.index)).count == 1, "seed \(seed): \(commits)")
    }
    #expect(log.served > 300, "seed \(seed)")
  }
}

@Suite struct Scratch {
  @Test func stats() {
    for seed in UInt64(1)...6 {
      let log = fly(seed: seed, servers: 3, faults: 12)
      print("STAT", seed, log.ledger.elections, log.ledger.committed, log.served, log.exchanges.count, log.turns)
    }
  }
  @Test(arguments: raftMutants.indices) func mutants(_ index: Int) {
    for seed in UInt64(1)...40 {
      let log = fly(seed: seed, servers: seed % 2 == 0 ? 3 : 5, faults: 12, planted: [raftMutants[index]])
      let commits = log.ledger.commits()
      let agree = Set(commits.map(\.group)).allSatisfy { group in Set(commits.filter { $0.group == group }.map(\.index)).count == 1 }
      if let first = log.ledger.violations.first { print("MUT", raftMutants[index].name, "seed", seed, first.summary); return }
      if !log.defects.isEmpty { print("MUT", raftMutants[index].name, "seed", seed, log.defects[0].what); return }
      if log.turns >= 1_000_000 { print("MUT", raftMutants[index].name, "seed", seed, "STORM"); return }
      if !agree { print("MUT", raftMutants[index].name, "seed", seed, "disagree"); return }
    }
    print("MUT", raftMutants[index].name, "NOT CAUGHT")
  }
}
