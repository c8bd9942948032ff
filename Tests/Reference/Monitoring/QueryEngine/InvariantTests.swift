// The invariants of this room end the process.

import MonitoringAPI
import Testing
import Vocabulary

@testable import QueryEngine

@Suite struct InvariantTests {
  @Test func bucketsRise() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let query = try Query(parsing: "SELECT avg(cpu) GROUP BY time(1s)")
      let evaluation = Evaluation(query: query, range: query.timeRange(nowNanoseconds: 9_000_000_000), maximumRows: 10, planted: .none)
      var gathering = Evaluation.Gathering()
      let points = [5, 3].map { DataPoint(timestampNanoseconds: $0 * 1_000_000_000, tags: [], fields: [PointMessage.Field("value", 1)]) }
      try evaluation.gather(points, into: &gathering)
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: the bucket at 3000000000 comes behind that at 5000000000"))
  }
}
