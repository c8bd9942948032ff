// The clocks of a node: the monotonic one grows, the wall clock is the system's or a map of it, cancelled wakes do not
// come.

import Glibc
import Hosting
import Live
import Testing
import Vocabulary

@Suite struct ClockTests {
  private func shown(_ clock: LiveWallClock) async throws -> (wall: [UInt64], monotonic: [UInt64]) {
    let directory = TemporaryDirectory()
    var configuration = LiveConfiguration()
    configuration.wallClock = clock
    let world = LiveWorld(directory: directory.path, configuration: configuration)
    world.place(PlacedNode(NodeID(0), name: "clock") { ClockMachine() })
    _ = try await world.run(untilProbe: 0, of: NodeID(0), limit: .seconds(60))
    await world.end()
    func values(_ subject: UInt64) -> [UInt64] {
      world.records.observations.filter { $0.observation.subject == subject }.map { $0.observation.value }
    }
    return (values(1), values(2))
  }

  @Test func aMappedClockRunsAsItIsTold() async throws {
    let start = WallTime(milliseconds: 1_397_088_000_000)
    let (wall, monotonic) = try await shown(.mapped(start: start, speed: 300))
    #expect(wall.count == 10, "cancelled wakes do not come")
    #expect(monotonic == monotonic.sorted())
    for (wall, monotonic) in zip(wall, monotonic) {
      #expect(Int64(wall) == WallTime(nanoseconds: start.nanoseconds + Int64(monotonic) * 300).milliseconds)
    }
  }

  @Test func theSystemsClockIsTheSystems() async throws {
    let before = UInt64(time(nil)) * 1_000
    let wall = try await shown(.system).wall
    let after = UInt64(time(nil) + 1) * 1_000
    #expect(!wall.isEmpty && wall.allSatisfy { (before...after).contains($0) })
  }
}
