// The proof that both hosts mean the same by every form of exchange: one body, to be called with a world of either
// kind.

import ProvingGround
import Vocabulary

/// Runs `StreamProbeClient` against `StreamProbe` in `world`, ends the world, and says what did not hold; empty if all
/// did. `limit` bounds the whole in the host's time.
public func failuresOfStreamProof(in world: any HostedWorld, limit: TimeSpan = .seconds(240)) async throws -> [String] {
  let server = NodeID(0)
  let client = NodeID(1)
  world.place(PlacedNode(server, name: "probe", isServing: true) { StreamProbe() })
  world.place(PlacedNode(client, name: "client", isRecorded: true) { StreamProbeClient(server: Endpoint(server)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: limit)
  await world.end()
  let records = world.records
  var failures: [String] = []
  if result == nil { failures.append("the script did not come to its end within \(limit.seconds) s") }
  for step in StreamProbeClient.Step.allCases where records.probe(step.rawValue, of: client) != 1 {
    failures.append("step \(step) did not hold")
  }
  for defect in records.defects { failures.append("\(defect.node): \(defect.what)") }
  if !records.exchanges.contains(where: { $0.outcome == .cancelled }) { failures.append("the cancelled long poll was not recorded") }
  return failures
}
