// The proof that what was acknowledged survives, in either host: the key-value store under crashes, judged by its own
// client.

import ProvingGround
import Vocabulary

/// What a store of the proof keeps its values in.
public enum KeyValueKeeping: CaseIterable, Sendable {
  /// A journal and a twin file.
  case journal
  /// Rows of a database.
  case rows
}

/// Runs `KeyValueClient` against a key-value store in `world`, crashing the store `crashes` times, and says what did not
/// hold.
public func failuresOfKeyValueProof(
  in world: any HostedWorld, keptIn keeping: KeyValueKeeping = .journal, crashes: Int, limit: TimeSpan = .seconds(60)
) async throws -> [String] {
  let store = NodeID(0)
  let client = NodeID(1)
  world.place(
    PlacedNode(store, name: "store", isServing: true, hasDisk: true) {
      switch keeping {
      case .journal: KeyValueStore(journalLimitBytes: 4_096)
      case .rows: RowStore()
      }
    })
  world.place(
    PlacedNode(client, name: "client", isRecorded: true) {
      KeyValueClient(store: Endpoint(store), keyCount: 8, writesPerKey: 150, pause: .milliseconds(2), timeout: .milliseconds(300))
    })
  for _ in 0..<crashes {
    if try await world.run(untilProbe: 0, of: client, limit: .milliseconds(60)) != nil { break }
    await world.crash(store)
  }
  let result = try await world.run(untilProbe: 0, of: client, limit: limit)
  await world.end()
  var failures: [String] = []
  if result == nil { failures.append("the client did not come to its end within \(limit.seconds) s") }
  if result == 0 { failures.append("an acknowledged write was lost, or one that was never sent appeared") }
  for defect in world.records.defects { failures.append("\(defect.node): \(defect.what)") }
  return failures
}
