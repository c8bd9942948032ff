// The world of one flight, whatever system it flies: a host with the scenario's faults put down, what is recorded of
// it, and what it comes to.

import Checking
import Scenarios
import Vocabulary
import World

/// A world that is flown.
struct FlightWorld {
  /// The host, started at virtual time 0.
  let host: SimulatedHost
  /// What it records.
  let record: FlightRecord
  private let scenario: Scenario
  private let planted: [Mutant]
  private let source: String?

  /// A world of `plans`, which a scenario calls by `groups`. All faults are over when the loads are, and then whatever
  /// is down comes back.
  init(
    _ scenario: Scenario, seed: UInt64, planted: [Mutant], source: String?, plans: [NodePlan], groups: [String: [NodeID]],
    wallStart: WallTime, wallSpeed: Int64 = 1, traceSink: (any TraceSink)?
  ) {
    self.scenario = scenario
    self.planted = planted
    self.source = source
    let host = SimulatedHost(seed: seed, plans: plans, wallStart: wallStart, wallSpeed: wallSpeed)
    self.host = host
    record = FlightRecord(nodes: plans.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element.name) })
    host.recorder = record
    host.traceSink = traceSink
    host.plan(FaultPlanning.plan(scenario, seed: seed, nodes: groups))
    let nodes = (0..<plans.count).map { NodeID(UInt16($0)) }
    host.onAlarm = { [unowned host] _ in
      for node in nodes where !host.isUp(node) { host.revive(node) }
    }
    host.alarm(0, at: scenario.duration.nanoseconds + 1)
    host.startAll()
  }

  /// Ends the recording: nothing more is flown.
  func close() {
    host.closeRecords()
    record.faults = host.faultRecords.map {
      FaultSpan(label: $0.label, beganAt: $0.beganAt, endedAt: $0.endsAt, happened: $0.happened, reach: $0.reach, spoils: $0.spoils)
    }
  }

  /// What the flight came to.
  func result(_ judgements: [Judgement], series: SeriesOrigin? = nil) -> FlightResult {
    FlightResult(
      scenario: scenario.name, seed: host.seed, mutant: planted.first?.name,
      verdict: Verdict(judgements), traceHash: host.traceHash, judgements: judgements,
      faults: record.faults, requests: record.timedRequests, simulated: TimeSpan(nanoseconds: host.now), turns: host.turnsTaken,
      requirements: scenario.requirements, series: series,
      ownCommand: source.map { FlightResult.replayCommand($0, seed: host.seed, mutant: planted.first?.name) })
  }
}
