// The invariants of this room end the process.

import Kernel
import Testing
import Vocabulary
import World

@Suite struct InvariantTests {
  @Test func aSyncEndsWithWhatWasWritten() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let disk = SimulatedDisk(random: RandomStream(seed: 1))
      try disk.write(FileName(fixed: "one"), at: 0, [1])
      disk.sync(upTo: DiskPosition(disk.position.value + 1))
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: a sync up to 3, beyond what was written or a barrier: 2"))
  }

  @Test func aDistributionRises() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Distribution(corners: [])
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: a distribution goes from 0 to 1,000,000"))
  }
}
