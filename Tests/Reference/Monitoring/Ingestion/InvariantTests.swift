// The invariants of this room end the process.

import MonitoringAPI
import Testing
import Vocabulary
import World

@testable import Ingestion

@Suite struct InvariantTests {
  @Test func aBatchIsSpilledOnce() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let disk = SimulatedDisk(random: RandomStream(seed: 1))
      var spill = try Spill(from: disk)
      let batch = spill.encoded([ProduceRecord(key: "one", value: .integer(1), identity: ProducerSequence(producer: "p", sequence: 1))])
      try spill.append(batch, to: disk)
      try spill.append(batch, to: disk)
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: batch 1 of the spill where 2 comes next"))
  }
}
