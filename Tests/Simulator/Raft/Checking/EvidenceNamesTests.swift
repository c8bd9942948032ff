// Evidence calls nodes and moments as traces and `--node` do.

import Checking
import RaftChecking
import Testing
import Vocabulary

@Suite struct EvidenceNamesTests {
  @Test func whatCannotBePlacedIsToldWithTheNodesNameAndToTheMicrosecond() {
    let record = FlightRecord(nodes: [FlightNode(id: NodeID(0), name: "server-1"), FlightNode(id: NodeID(1), name: "load-2")])
    func call(_ number: UInt64, _ request: Request, _ response: Response, from: Int64, to: Int64) {
      var exchange = ExchangeRecord(
        caller: NodeID(1), endpoint: Endpoint(0), id: ExchangeID(number), request: request, startedAt: Instant(nanoseconds: from))
      exchange.outcome = .answered(response)
      exchange.endedAt = Instant(nanoseconds: to)
      record.record(exchange)
    }
    call(1, Request(.put, "/registers/a", body: Array("x".utf8)), Response(status: 200), from: 1_000_000_000, to: 1_500_000_000)
    call(2, Request(.get, "/registers/a"), Response(status: 200, body: Array("y".utf8)), from: 13_960_123_456, to: 14_000_000_000)
    let judgement = RegistersLinearizable().judge(record)
    #expect(judgement.violations.count == 1)
    let summary = judgement.violations.first?.summary ?? ""
    #expect(summary.contains("is load-2's read, called at 13.960123 s and answered at 14.000000 s with \"y\""), "\(summary)")
    #expect(judgement.violations.first?.at?.label == "14.000000 s")
  }
}
