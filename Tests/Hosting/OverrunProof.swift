// The proof that both hosts keep the same account of what goes beyond the credits of streams.

import ProvingGround
import Vocabulary

/// Runs `OverrunClient` against `OverrunServer` in `world`, ends the world, and says what did not hold. The world's
/// account of streams must let one overrun by a message of `messageBytes`, so that half of it is taken, and not two.
public func failuresOfOverrunProof(in world: any HostedWorld, messageBytes: Int) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  world.place(PlacedNode(server, name: "server", isServing: true) { OverrunServer(messageBytes: messageBytes) })
  world.place(PlacedNode(client, name: "client") { OverrunClient(server: Endpoint(server)) })
  let result = try await world.run(untilProbe: 0, of: client, limit: .seconds(90))
  await world.end()
  let records = world.records
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  if result != 1 { failures.append("the script did not come to its end") }
  for (subject, what) in [(1, "503 for a new stream"), (2, "1013 for one send too many"), (3, "memory is given back")] as [(UInt64, String)]
  {
    if records.probe(subject, of: client) != 1 { failures.append(what) }
  }
  if records.probe(10, of: server) != UInt64(StreamClosure.tryAgainLater.code) { failures.append("the sender hears 1013") }
  return failures
}
