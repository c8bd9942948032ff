// The invariants of this room end the process.

import Raft
import Testing

@testable import MessageQueue

@Suite struct InvariantTests {
  @Test func anEntryIsAppliedOnce() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var state = PartitionState()
      let entry = LogEntry(term: Term(1), kind: .noOperation, bytes: [])
      for _ in 0..<2 { _ = try state.apply(entry, at: LogIndex(1)) { _ in } }
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: the entry of index 1 is applied behind that of index 1"))
  }

  @Test func keptOffsetsRise() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var kept = KeptRecords()
      let record = KeptRecords.Record(offset: 7, timestampMilliseconds: 0, isJSON: true, value: Array("1".utf8))
      kept.take([(Array("one".utf8), record), (Array("two".utf8), record)])
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains("invariant broken: a record at 7 behind one at 7"))
  }
}
