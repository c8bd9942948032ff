// Storage's `POST /write`: points of a client, stored together or not at all. Serves MONITORING-9, 12.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

extension TimeSeriesStorage {
  mutating func write(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let body = try request.decoded(WriteRequest.init(_:))
    guard !isBehind else {
      throw RequestProblem(503, code: "FLUSH_BEHIND", message: "storage cannot write its segments fast enough; nothing was stored")
    }
    var batch = PointBatch()
    for point in body.points { batch.append(point) }
    guard catalogue.series.count + newSeriesCount(batch) <= configuration.maximumSeries else {
      throw RequestProblem(
        422, code: "TOO_MANY_SERIES", message: "storage holds at most \(configuration.maximumSeries) series; nothing was stored")
    }
    do throws(JournalError) {
      try append(.written(batch), turn)
    } catch {
      switch error {
      case .disk(.full): throw RequestProblem(503, code: "DISK_FULL", message: "storage's disk is full; nothing was stored")
      case .payloadTooLong:
        throw RequestProblem(413, code: "BODY_TOO_LARGE", message: "the points of one request are longer than a journal record may be")
      case .damaged, .disk, .notHeld:
        throw RequestProblem(500, code: "UNWRITABLE", message: "storage's journal cannot be written: \(error)")
      }
    }
    // Keys of a batch that was just made can be read.
    try? add(batch, keepsFirst: turn.planted.contains(.storageKeepsFirst))
    turn.reply(
      exchange,
      .json(200) { writer in
        writer.beginObject()
        writer.member("written", body.points.count)
        writer.endObject()
      })
    flushIfFull(&turn)
  }
}
