// A flight's record keeps streams, and finds them by the roles of their ends.

import Checking
import HandMadeRecords
import Testing
import Vocabulary

@Suite struct StreamRecordTests {
  @Test func streamsAreFoundByTheirEnds() {
    let record = FlightRecord(of: ["gateway", "client", "other"])
    for (number, caller) in ["client", "other", "client"].enumerated() {
      record.record(
        StreamRecord(
          caller: record.id(caller), endpoint: Endpoint(record.id("gateway")), id: ExchangeID(UInt64(number)), request: Request(.get, "/"),
          form: .webSocket, openedAt: instant(Int64(number))))
    }
    #expect(record.streams.count == 3)
    #expect(record.streams(to: NodeRole("gateway")).count == 3)
    #expect(record.streams(to: NodeRole("gateway"), from: NodeRole("client")).map(\.openedAt) == [instant(0), instant(2)])
    #expect(record.streams(to: NodeRole("client")).isEmpty && record.streams(to: NodeRole("nobody")).isEmpty)
    #expect(record.streams(to: NodeRole("gateway"), from: NodeRole("nobody")).isEmpty)
  }
}
