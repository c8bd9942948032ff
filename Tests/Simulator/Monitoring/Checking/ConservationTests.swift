// The judges of conservation, in the queue and in storage, and of the query engine against storage, by hand-made
// flights of the platform.

import Checking
import HandMadeRecords
import MonitoringChecking
import Testing
import Vocabulary

@Suite struct ConservationTests {
  private let record = FlightRecord(of: ["ingestion", "queue", "storage", "query", "load", "probe"])

  /// A client sends a metric, whose value is its number; `timestamp` in milliseconds.
  private func send(_ value: Int, timestamp: Int64? = nil, _ outcome: ExchangeOutcome = .answered(Response(status: 202))) {
    let stamp = timestamp.map { #","timestamp":\#($0)"# } ?? ""
    record.exchange(
      "load", "ingestion",
      Request(
        .post, "/metrics", json: #"{"metrics":[{"name":"load","value":\#(value)\#(stamp),"tags":{"host":"h"}}]}"#,
        headers: ["authorization": "c"]), ended: outcome)
  }

  /// The probe finds these in the queue.
  private func queueHolds(_ values: [Int]) {
    record.consumed(
      "probe", partition: 0, from: 0,
      values.enumerated().map { index, value in
        (
          offset: Int64(index), key: "load",
          value: #"{"measurement":"load","tags":{"client":"c","host":"h"},"fields":{"value":\#(value)},"timestamp":1000}"#
        )
      })
  }

  /// The probe finds these in storage.
  private func storageHolds(_ values: [Int], timestamp: Int64 = 1_000) {
    let points = values.map { #"{"timestamp":\#(timestamp),"tags":{"host":"h"},"fields":{"value":\#($0)}}"# }
    record.exchange(
      "probe", "storage", Request(.post, "/query", json: #"{"measurement":"load","start":0,"end":100000}"#),
      Response(200, json: #"{"data_points":[\#(points.joined(separator: ","))]}"#))
  }

  /// The query engine answers the probe.
  private func engineCounts(_ series: String, of measurement: String = "load") {
    record.exchange(
      "probe", "query", Request(.post, "/query", json: #"{"query":"SELECT count(\#(measurement)), sum(\#(measurement))"}"#),
      Response(200, json: #"{"series":[\#(series)]}"#))
  }

  // MARK: the queue

  @Test func whatWasAcknowledgedIsInTheQueueOnce() {
    send(1)
    send(2, .failed(.connectionLost))
    send(3, .failed(.connectionLost))
    // Sent again, and acknowledged then.
    send(3)
    queueHolds([1, 3])
    let judgement = QueueConservation().judge(record)
    #expect(judgement.held && judgement.examinedCount == 2, "\(judgement.violations)")
  }

  @Test(
    arguments: [
      ([], ["load 1 was acknowledged and is not in the queue"]), ([1, 1], ["load 1 is 2 times in the queue"]),
      ([1, 2, 2], ["load 2 is 2 times in the queue"]), ([1, 7], ["load 7 is in the queue and was never sent"]),
    ] as [([Int], [String])]) func whatTheQueueLostDoubledOrMadeUpIsFound(_ held: [Int], _ found: [String])
  {
    send(1)
    send(2, .failed(.connectionLost))
    queueHolds(held)
    #expect(QueueConservation().judge(record).violations.map(\.summary) == found)
  }

  // MARK: storage

  @Test func whatWasAcknowledgedIsInStorageOnceAtItsTime() {
    send(1, timestamp: 1_000)
    send(2, .failed(.connectionLost))
    storageHolds([1])
    let judgement = StorageConservation().judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test(
    arguments: [
      ([], 1_000, ["load 1 was acknowledged and is not in storage"]), ([1, 1], 1_000, ["load 1 is 2 times in storage"]),
      ([1, 7], 1_000, ["load 7 is in storage and was never sent"]),
      ([1], 1_001, ["load 1 was sent for 1000 ms and is stored at 1001000000 ns"]),
    ] as [([Int], Int64, [String])]) func whatStorageLostDoubledMovedOrMadeUpIsFound(_ held: [Int], _ timestamp: Int64, _ found: [String])
  {
    send(1, timestamp: 1_000)
    storageHolds(held, timestamp: timestamp)
    #expect(StorageConservation().judge(record).violations.map(\.summary) == found)
  }

  @Test func nothingAcknowledgedIsNoPass() {
    send(1, .answered(Response(status: 503)))
    queueHolds([])
    storageHolds([])
    #expect(!QueueConservation().judge(record).held)
    #expect(!StorageConservation().judge(record).held)
  }

  // MARK: the query engine

  @Test func anEngineThatCountsWhatStorageHoldsHolds() {
    storageHolds([1, 2])
    engineCounts(#"{"count":2,"sum":3.0}"#)
    let judgement = QueryAgreement().judge(record)
    #expect(judgement.held && judgement.examinedCount == 1, "\(judgement.violations)")
  }

  @Test(arguments: [
    (#"{"count":1,"sum":3.0}"#, "load: the engine counts 1 with sum 3.0, storage holds 2 with sum 3.0"),
    (#"{"count":2,"sum":4.0}"#, "load: the engine counts 2 with sum 4.0, storage holds 2 with sum 3.0"),
    ("", "load: the engine counts 0 with sum 0.0, storage holds 2 with sum 3.0"),
  ]) func anEngineThatCountsOtherwiseIsFound(_ row: String, _ found: String) {
    storageHolds([1, 2])
    engineCounts(row)
    #expect(QueryAgreement().judge(record).violations.map(\.summary) == [found])
  }

  @Test func anEngineThatDoesNotAnswerIsFound() {
    storageHolds([1, 2])
    engineCounts(#"{"count":2,"sum":3.0}"#, of: "other")
    #expect(QueryAgreement().judge(record).violations.map(\.summary) == ["load: the query engine gave no answer"])
  }

  @Test func anAnswerOnWhatStorageWasNotAskedForIsNoPass() {
    engineCounts(#"{"count":2,"sum":3.0}"#)
    #expect(!QueryAgreement().judge(record).held)
  }
}
