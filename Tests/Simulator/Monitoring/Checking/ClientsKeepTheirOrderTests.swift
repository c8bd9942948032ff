// The judge of each client's order, by hand-made flights.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct ClientsKeepTheirOrderTests {
  /// Requests of clients with their metrics' values, and what lies in partition 0, in order.
  private func judgement(
    _ requests: [(client: String, values: [Int], status: Int, from: Int64, until: Int64)], lying: [Int]
  ) -> Judgement {
    let record = FlightRecord(of: ["ingestion", "load", "probe", "queue"])
    for request in requests {
      let metrics = request.values.map { #"{"name":"m","value":\#($0),"tags":{"host":"h"}}"# }.joined(separator: ",")
      record.exchange(
        "load", "ingestion",
        Request(.post, "/metrics", json: #"{"metrics":[\#(metrics)]}"#, headers: ["authorization": request.client]),
        Response(status: request.status), request.from, request.until)
    }
    let messages = lying.enumerated().map { offset, value in
      #"{"offset":\#(offset),"key":"k","value":{"measurement":"m","tags":{"host":"h"},"fields":{"value":\#(value)},"timestamp":1}}"#
    }
    record.exchange(
      "probe", "queue", Request(.get, "/consume?partition=0&offset=0&count=1000"),
      Response(200, json: #"{"messages":[\#(messages.joined(separator: ","))],"next_offset":\#(lying.count)}"#), 9_000, 9_001)
    return ClientsKeepTheirOrder().judge(record)
  }

  @Test func inOrderIsHeld() {
    let judgement = judgement(
      [("a", [1, 2], 202, 0, 10), ("b", [3], 202, 5, 15), ("a", [4], 202, 20, 30), ("a", [5], 202, 40, 50)], lying: [3, 1, 2, 4, 5])
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test func anOvertakenRequestIsFound() {
    let judgement = judgement([("a", [1], 202, 0, 10), ("a", [2], 202, 20, 30), ("a", [3], 202, 40, 50)], lying: [2, 1, 3])
    #expect(
      judgement.violations.map(\.summary) == ["a: m 2 lies at offset 0, before m 1, which was acknowledged before it was sent"])
  }

  @Test func theOrderOfARequestIsHeldToo() {
    #expect(judgement([("a", [1, 2], 202, 0, 10), ("a", [3], 202, 20, 30)], lying: [2, 1, 3]).violations.count == 1)
  }

  /// At the same time, of others, not acknowledged, or sent more than once: nothing is said of these.
  @Test func whatHasNoOrderIsNotJudged() {
    let together = judgement([("a", [1], 202, 0, 30), ("a", [2], 202, 20, 40), ("a", [3], 202, 50, 60)], lying: [2, 1, 3])
    #expect(together.held && together.examinedCount == 1)
    #expect(judgement([("a", [1], 503, 0, 10), ("a", [2], 202, 20, 30), ("a", [3], 202, 40, 50)], lying: [2, 1, 3]).held)
    let twice = judgement(
      [("a", [1], 503, 0, 10), ("a", [2], 202, 20, 30), ("a", [1], 202, 40, 50), ("a", [3], 202, 60, 70)], lying: [1, 2, 3])
    #expect(twice.held && twice.examinedCount == 1)
    #expect(!judgement([("a", [1], 202, 0, 10)], lying: [1]).held, "nothing examined is no pass")
  }
}
