// The invariants of this room end the process.

import MonitoringAPI
import Testing

@testable import TimeSeriesStorage

@Suite struct InvariantTests {
  @Test func everySeriesOfABatchHasANumber() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var batch = PointBatch()
      batch.append(PointMessage(measurement: "cpu", tags: [], fields: [PointMessage.Field("value", 1)], timestampNanoseconds: 1))
      var table = Memtable()
      table.add(batch, numbers: [])
    }
    #expect(String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: 0 numbers for 1 series"))
  }
}
