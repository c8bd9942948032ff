// The invariants of this room end the process.

import MonitoringAPI
import Testing

@Suite struct InvariantTests {
  @Test func aBatchHoldsSomething() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var writer = RecordBatchWriter()
      writer.write(count: 0, isJSON: true) { _, _ in }
    }
    #expect(String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: a batch of 0 records"))
  }
}
