// `HostedWorld` in the simulator: virtual time, one seed.

import Kernel
import ProvingGround
import Vocabulary
import World

/// A world in the simulator. Nodes must be placed in the order of their numbers, from 0 on.
public final class SimulatedWorld: HostedWorld, Recorder {
  private let seed: UInt64
  private let faults: [PlannedFault]
  private let streamLimits: StreamLimits
  private let framesAllPeerLinks: Bool
  private let planted: PlantedBugs
  private var placed: [PlacedNode] = []
  private var host: SimulatedHost?
  private var names: [String: [NodeID]] = [:]
  /// What was written down so far.
  public private(set) var records = WorldRecords()

  /// A world of `seed` under `faults`; `planted` bugs are switched on in all nodes.
  public init(
    seed: UInt64, faults: [PlannedFault] = [], streamLimits: StreamLimits = StreamLimits(), framesAllPeerLinks: Bool = false,
    planted: PlantedBugs = .none
  ) {
    self.streamLimits = streamLimits
    self.framesAllPeerLinks = framesAllPeerLinks
    self.planted = planted
    self.seed = seed
    self.faults = faults
  }

  public func place(_ node: PlacedNode) {
    precondition(Int(node.node.index) == placed.count, "nodes are placed in the order of their numbers")
    placed.append(node)
  }

  public func port(of node: NodeID) -> Int { 8_080 }

  public func name(_ host: String, _ nodes: [NodeID]) { names[host] = nodes }

  public func run(untilProbe subject: UInt64, of node: NodeID, limit: TimeSpan) async throws -> UInt64? {
    let host = self.host ?? made()
    let end = host.now + limit.nanoseconds
    while host.now < end {
      if let value = records.probe(subject, of: node) { return value }
      host.run(until: min(end, host.now + 10_000_000))
    }
    return records.probe(subject, of: node)
  }

  private func made() -> SimulatedHost {
    let host = SimulatedHost(
      seed: seed,
      plans: placed.map { node in
        var plan = NodePlan(
          node.name, cost: node.isServing ? .service : .client, isRecorded: node.isRecorded,
          planted: planted.isEmpty ? node.planted : planted,
          make: node.makeMachine)
        plan.isOutside = node.isOutside
        return plan
      })
    for (name, nodes) in names.sorted(by: { $0.key < $1.key }) {
      guard let first = nodes.first, let last = nodes.last else { continue }
      host.names.set(name, to: [host.names.address(of: first, in: host)])
      if first != last { host.names.rebind(name, to: host.names.address(of: last, in: host)) }
    }
    host.recorder = self
    host.streamLimits = streamLimits
    host.framesAllPeerLinks = framesAllPeerLinks
    host.plan(faults)
    host.startAll()
    self.host = host
    return host
  }

  public func crash(_ node: NodeID) async {
    host?.crash(node)
    host?.restart(node, after: .milliseconds(50))
  }

  public func end() async {}

  public func record(_ exchange: ExchangeRecord) { records.exchanges.append(exchange) }
  public func record(_ stream: StreamRecord) { records.streams.append(stream) }
  public func record(_ observation: ObservationRecord) { records.observations.append(observation) }
  public func record(_ defect: DefectRecord) { records.defects.append(defect) }
}
