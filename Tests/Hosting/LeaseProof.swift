// The proof that a life's handle on the disk dies with it: what a value does while it is dropped reaches no file.

import ProvingGround
import Vocabulary

/// Writes when it goes, as a library that tidies up would.
private final class DyingWish {
  let disk: any Disk

  init(_ disk: any Disk) { self.disk = disk }

  deinit {
    do throws(DiskError) { try disk.write(FileName(fixed: "ghost"), at: 0, [1, 2, 3]) } catch {}
    do throws(DiskError) { try disk.delete(FileName(fixed: "kept")) } catch {}
  }
}

/// Holds one, and states in its second life what it finds.
struct GhostHunter: Machine {
  private var wish: DyingWish?

  init() {}

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    wish = DyingWish(turn.disk)
    if turn.incarnation == 0 {
      do throws(DiskError) { try turn.disk.write(FileName(fixed: "kept"), at: 0, [9]) } catch { throw StartRefusal("\(error)") }
      _ = turn.notifyWhenDurable()
    } else {
      let names = turn.disk.list().map(\.text)
      turn.observe(.probe, subject: 2, value: names == ["kept"] ? 1 : 0)
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .durable = event { turn.observe(.probe, subject: 1, value: 1) }
  }
}

/// Runs `GhostHunter` in `world`, crashes it, ends the world, and says what did not hold; empty if all did.
public func failuresOfLeaseProof(in world: any HostedWorld, limit: TimeSpan = .seconds(60)) async throws -> [String] {
  let node = NodeID(0)
  world.place(PlacedNode(node, name: "hunter", hasDisk: true) { GhostHunter() })
  _ = try await world.run(untilProbe: 1, of: node, limit: limit)
  await world.crash(node)
  let found = try await world.run(untilProbe: 2, of: node, limit: limit)
  await world.end()
  var failures = world.records.defects.map { "\($0.node): \($0.what)" }
  if found != 1 { failures.append(found == nil ? "the node did not start again" : "a dropped machine changed files of the next life") }
  return failures
}
