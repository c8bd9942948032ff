// The world of one flight, whatever it flies: a host with the scenario's faults put down, and what is recorded of it.

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

  /// A world of `plans`, whose nodes have these roles, and stand in `boxes` where they do not stand alone. All faults are
  /// over when the loads are, and then whatever is down comes back.
  init(
    _ scenario: Scenario, seed: UInt64, plans: [NodePlan], roles: [[NodeRole]], boxes: [BoxPlan], costs: Costs, faults: FaultPlanning,
    wallStart: WallTime,
    wallSpeed: Int64, framesAllPeerLinks: Bool,
    traceSink: (any TraceSink)?, mark: UnsafeMutablePointer<TurnMark>?
  ) {
    let host = SimulatedHost(seed: seed, plans: plans, wallStart: wallStart, wallSpeed: wallSpeed, boxes: boxes, loopback: costs.loopback)
    self.host = host
    record = FlightRecord(
      nodes: zip(plans, roles).enumerated().map { index, node in
        FlightNode(id: NodeID(UInt16(index)), name: node.0.name, roles: node.1)
      })
    host.recorder = record
    host.traceSink = traceSink
    host.mark = mark
    host.framesAllPeerLinks = framesAllPeerLinks
    host.plan(faults.plan(scenario, seed: seed))
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
      FaultSpan(
        label: $0.label, beganAt: $0.beganAt, endedAt: $0.endsAt, happened: $0.happened, reach: $0.reach, spoils: $0.spoils,
        cutFrom: $0.cutFrom)
    }
  }
}
