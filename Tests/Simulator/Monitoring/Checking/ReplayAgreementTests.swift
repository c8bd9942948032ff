// The judge of replayed files by hand-made answers of the query engine.

import Checking
import HandMadeRecords
import Load
import MonitoringChecking
import MonitoringLoad
import Testing
import Vocabulary

private let first = #"{"time":0,"count":2,"sum":3.0,"avg":1.5}"#
private let second = #"{"time":300000,"count":1,"sum":5.0,"avg":5.0}"#

@Suite struct ReplayAgreementTests {
  /// Two rows in the first five minutes, one in the next; of two rows of one time the last counts.
  private func judgement(_ series: String?) -> Judgement {
    let values: [(milliseconds: Int64, value: Double)] = [(0, 1), (60_000, 9), (60_000, 2), (300_000, 5)]
    let rows = values.map { RecordedSeries.Row(timestampMilliseconds: $0.milliseconds, value: $0.value) }
    let record = FlightRecord(of: ["query", "probe"])
    if let series {
      record.exchange(
        "probe", "query",
        Request(.post, "/query", json: #"{"query":"SELECT avg(s), sum(s), count(s) WHERE time >= 0 AND time < 300001 GROUP BY time(5m)"}"#),
        Response(200, json: series))
    }
    return ReplayAgreement(Recording(series: [RecordedSeries(name: "s", rows: rows)], anomalies: [:], speed: 1)).judge(record)
  }

  private func judgement(rows: [String]) -> Judgement { judgement(#"{"series":[\#(rows.joined(separator: ","))]}"#) }

  @Test func theFilesOwnAggregatesHold() {
    let judgement = judgement(rows: [first, second])
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test(
    arguments: [
      ([first], "s: the bucket at 300000 is missing"),
      (
        [first, second, #"{"time":600000,"count":1,"sum":5.0,"avg":5.0}"#], "s: the bucket at 600000 holds 1 and the file has nothing there"
      ),
      ([#"{"time":0,"count":3,"sum":3.0,"avg":1.5}"#, second], "s, bucket 0: count 3, sum 3.0, avg 1.5; the file says 2, 3.0"),
      ([#"{"time":0,"count":2,"sum":4.0,"avg":1.5}"#, second], "s, bucket 0: count 2, sum 4.0, avg 1.5; the file says 2, 3.0"),
      ([#"{"time":0,"count":2,"sum":3.0,"avg":2.5}"#, second], "s, bucket 0: count 2, sum 3.0, avg 2.5; the file says 2, 3.0"),
    ] as [([String], String)]) func anotherAggregateIsFound(_ rows: [String], _ found: String)
  {
    #expect(judgement(rows: rows).violations.map(\.summary) == [found])
  }

  @Test func anAnswerWithoutRowsOrOfAnotherShapeIsFound() {
    #expect(judgement("{}").violations.map(\.summary) == ["s: the answer has no series"])
    #expect(
      judgement(rows: [first, #"{"time":300000,"count":1,"sum":5.0}"#]).violations.map(\.summary).contains(
        "s: a row has no time, count, sum and avg"))
  }

  @Test func noAnswerIsFound() {
    let judgement = judgement(nil as String?)
    #expect(!judgement.held && judgement.violations.map(\.summary) == ["s: the query engine gave no answer"])
  }
}
