// The judge of liveness and the ledger of Raft by hand-made flights: each rule finds what breaks it, and does not mind
// what it must not.

import Checking
import HandMadeRecords
import Load
import Raft
import RaftChecking
import Testing
import Vocabulary
import World

private let nodes = (0..<3).map { NodeID(UInt16($0)) }

/// A flight of three servers and a client, with election timeouts of 60 ms.
private struct HandMadeFlight {
  let record = FlightRecord(of: ["server-1", "server-2", "server-3", "load"])

  func state(_ fact: Fact, _ node: NodeID, _ milliseconds: Int64, index: UInt64 = 0, term: UInt64 = 1, rest: UInt64 = 0) {
    record.state(fact, node, milliseconds, index: index, term: term, rest: rest)
  }

  func operation(_ outcome: LoadOutcome, endsAt milliseconds: Int64) {
    record.timed("load", outcome, intendedAt: milliseconds - 1, latency: 1)
  }

  func fault(_ reach: FaultReach, _ from: Int64, _ until: Int64) {
    record.faults.append(FaultSpan(label: "a fault", beganAt: instant(from), endedAt: instant(until), reach: reach))
  }

  func exchange(with server: NodeID, _ from: Int64, _ until: Int64) {
    record.exchange("load", record.name(of: server), Request(.get, "/registers/a"), ended: .cancelled, from, until)
  }

  func violations() -> [String] {
    RaftLiveness(
      servers: nodes, groups: 1, electionTimeout: .milliseconds(60), loadsEnd: instant(60_000), operatorEnd: nil
    ).judge(record).violations.map(\.summary)
  }

  /// All links between one server and the others.
  func links(of node: NodeID) -> [FaultReach.Link] {
    nodes.filter { $0 != node }.flatMap { [FaultReach.Link(from: node, to: $0), FaultReach.Link(from: $0, to: node)] }
  }
}

@Suite struct RaftLivenessTests {
  @Test(arguments: [(5_300 as Int64, true), (9_500, false)]) func aWholeMajorityFindsALeader(_ electedAt: Int64, _ isInTime: Bool) {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.stops([nodes[0]]), 5_000, 12_000)
    flight.state(.raftLed, nodes[1], electedAt, term: 2)
    flight.operation(.served, endsAt: 20_000)
    #expect(flight.violations().contains { $0.contains("has no leader") } == !isInTime)
  }

  @Test func withoutAWholeMajorityNobodyNeedsToLead() {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.stops([nodes[0]]), 5_000, 12_000)
    flight.fault(.hampers([nodes[1]]), 5_000, 12_000)
    flight.state(.raftLed, nodes[1], 12_500, term: 2)
    flight.operation(.served, endsAt: 20_000)
    #expect(flight.violations() == [])
  }

  @Test(arguments: [true, false]) func nobodyStandsWhileAMajorityHearsALeader(_ isWhole: Bool) {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.cuts(flight.links(of: nodes[2])), 3_000, 5_900)
    if !isWhole { flight.fault(.cuts(flight.links(of: nodes[0])), 5_000, 5_500) }
    for milliseconds in stride(from: 600 as Int64, through: 5_950, by: 50) {
      flight.state(.raftCommitted, nodes[0], milliseconds, index: UInt64(milliseconds))
    }
    flight.state(.raftStood, nodes[2], 6_000, term: 2)
    flight.operation(.served, endsAt: 9_000)
    #expect(flight.violations().contains { $0.contains("though a majority hears server-1") } == isWhole)
  }

  @Test(arguments: [(800 as Int64, false), (200, false), (800, true)]) func whoLeadsNobodySaysSo(_ lasts: Int64, _ isHampered: Bool) {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.cuts(flight.links(of: nodes[0])), 3_000, 5_000)
    if isHampered { flight.fault(.hampers([nodes[0]]), 2_000, 3_500) }
    flight.exchange(with: nodes[0], 3_100, 3_100 + lasts)
    #expect(flight.violations().contains { $0.contains("unanswered") } == (lasts == 800 && !isHampered))
  }

  @Test func whatIsAskedAfterTheLastFaultIsServed() {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.stops([nodes[0]]), 3_000, 4_000)
    flight.state(.raftLed, nodes[1], 3_500, term: 2)
    flight.operation(.failed, endsAt: 4_100)
    #expect(flight.violations() == [], "recovery takes a moment")
    flight.operation(.failed, endsAt: 9_000)
    #expect(flight.violations() == ["an operation after the last fault was not served"])
  }

  @Test(arguments: [(0 as UInt64, true), (1, false)]) func nobodyStandsLongAfterTheLastFault(_ place: UInt64, _ isFound: Bool) {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.fault(.stops([nodes[0]]), 3_000, 4_000)
    flight.state(.raftLed, nodes[1], 3_500, term: 2)
    flight.operation(.served, endsAt: 9_000)
    // A transfer that the leader asked for is told as place 1.
    flight.state(.raftStood, nodes[2], 20_000, index: place, term: 3)
    #expect(flight.violations() == (isFound ? ["server-3 stands for election in group 0 long after the last fault"] : []))
  }

  @Test(arguments: [(6_000 as Int64, true), (4_000, false)]) func aLeaderThatIsLostForNothingIsMissed(_ electedAt: Int64, _ isFound: Bool) {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 500)
    flight.state(.raftCeased, nodes[0], 1_000)
    flight.state(.raftLed, nodes[1], electedAt, term: 2)
    flight.operation(.served, endsAt: 9_000)
    #expect(flight.violations() == (isFound ? ["group 0 has no leader for 5000 ms, though a majority is whole"] : []))
  }

  @Test func nothingExaminedIsNoPass() {
    let checker = RaftLiveness(servers: nodes, groups: 1, electionTimeout: .milliseconds(60), loadsEnd: instant(60_000), operatorEnd: nil)
    #expect(!checker.judge(HandMadeFlight().record).held)
  }

  @Test func whoLedMayLoseAndRegainWhatItWroteButNotWhileItLeads() {
    let flight = HandMadeFlight()
    flight.state(.raftLed, nodes[0], 1, term: 1)
    flight.state(.raftAppended, nodes[0], 2, index: 1, term: 1, rest: 7)
    // It leads no longer. A leader of term 2 replaces its entry, by its own or by an older one, and one of term 3 that
    // had it from the first brings it back.
    flight.state(.raftCeased, nodes[0], 3, term: 1)
    flight.state(.raftAppended, nodes[0], 3, index: 1, term: 2, rest: 8)
    flight.state(.raftAppended, nodes[0], 4, index: 1, term: 1, rest: 7)
    flight.state(.raftAppended, nodes[0], 5, index: 1, term: 0, rest: 9)
    flight.state(.raftAppended, nodes[0], 6, index: 1, term: 1, rest: 7)
    #expect(RaftLedger(flight.record.observations).violations == [])
    flight.state(.raftLed, nodes[1], 5, term: 4)
    flight.state(.raftAppended, nodes[1], 6, index: 1, term: 4, rest: 1)
    flight.state(.raftAppended, nodes[1], 7, index: 1, term: 4, rest: 1)
    #expect(RaftLedger(flight.record.observations).violations.map(\.summary).contains { $0.hasPrefix("leader append-only") })
    let named = RaftLedger(flight.record.observations, nodes: flight.record.nodes).violations.map(\.summary)
    #expect(named.contains { $0.hasPrefix("leader append-only: server-2 leads") } && !named.contains { $0.contains("node ") })
  }

  @Test func aCrashBringsBackWhatASnapshotReplaced() {
    let flight = HandMadeFlight()
    for index in UInt64(1)...5 { flight.state(.raftAppended, nodes[0], Int64(index), index: index, rest: index) }
    flight.state(.raftInstalled, nodes[0], 10, index: 9)
    // The snapshot was not synced: the disk has the five entries.
    flight.state(.raftRecovered, nodes[0], 20, index: 5)
    flight.state(.raftCommitted, nodes[0], 30, index: 5)
    #expect(RaftLedger(flight.record.observations).violations == [])
    flight.state(.raftCommitted, nodes[0], 40, index: 6)
    #expect(RaftLedger(flight.record.observations).violations.count == 1, "it never had a sixth")
  }
}
