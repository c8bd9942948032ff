// The proof that both hosts mean the same by a barrier of the disk: what stands before it becomes durable before what
// stands behind it, and each phase is told by itself.

import ProvingGround
import Vocabulary

/// Writes three phases in one turn, and states in which order they became durable: for each of the subjects 1 to 3 how
/// many operations were durable when that phase was told of, and with subject 0 that all is.
struct BarrierWriter: Machine {
  /// The end of each phase.
  private var ends: [DiskPosition] = []

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      for phase in 1...3 {
        for (number, name) in [FileName(fixed: "one"), FileName(fixed: "two")].enumerated() {
          let bytes = [UInt8](repeating: UInt8(phase * 2 + number), count: 5_000)
          do throws(DiskError) { try turn.disk.write(name, at: (phase - 1) * 5_000, bytes) } catch { return }
        }
        ends.append(turn.notifyWhenDurable())
        turn.disk.barrier()
        // A second one in the same place changes nothing.
        turn.disk.barrier()
      }
    case .durable(let position):
      guard let phase = ends.firstIndex(of: position) else { return }
      turn.observe(.probe, subject: UInt64(phase + 1), value: turn.disk.durablePosition.value)
      if phase == 2 { turn.observe(.probe, subject: 0, value: ends[2].value) }
    case .request, .response, .failed, .abandoned, .message, .completed, .stream: break
    }
  }
}

/// Runs `BarrierWriter` in `world`, ends the world, and says what did not hold; empty if all did.
public func failuresOfBarrierProof(in world: any HostedWorld, limit: TimeSpan = .seconds(60)) async throws -> [String] {
  let node = NodeID(0)
  world.place(PlacedNode(node, name: "writer", hasDisk: true) { BarrierWriter() })
  let result = try await world.run(untilProbe: 0, of: node, limit: limit)
  await world.end()
  let records = world.records
  guard let end = result else { return ["the writer was not told of its last phase within \(limit.seconds) s"] }
  let told = (1...3).map { records.probe(UInt64($0), of: node) ?? 0 }
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  // Each phase has the same operations, but for the first, in which the files are made.
  if !(told[0] < told[1] && told[1] < told[2] && told[2] == end) {
    failures.append("the phases were durable at the positions \(told), and all at \(end)")
  }
  return failures
}
