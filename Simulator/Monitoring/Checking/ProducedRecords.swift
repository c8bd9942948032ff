// A produce as its exchange tells it: what was sent, and where it lies if the answer told. Requests of one JSON record,
// and bulk requests without producers; others are not judged by those who read these.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// The records of one produce; they lie side by side in one partition.
struct ProducedRecords {
  /// One record, its value as text.
  struct Sent {
    var key: String
    var value: String
  }

  /// At least one, in order.
  var records: [Sent]
  var identity: ProducerSequence?
  /// The partition, where the request named it.
  var namedPartition: Int?
  /// Where the first lies; nil where the answer did not tell.
  var place: RecordPlace?

  /// Where each lies that was acknowledged.
  var places: [(place: RecordPlace, value: String)] {
    guard let place else { return [] }
    return records.enumerated().map { (RecordPlace(partition: place.partition, offset: place.offset + Int64($0.offset)), $0.element.value) }
  }

  /// Nil where the exchange is no such produce.
  init?(_ exchange: ExchangeRecord) {
    guard exchange.request.head.method == .post, let target = try? HTTPTarget(exchange.request.head.target), target.segments == ["produce"]
    else { return nil }
    var answer: JSONField?
    if case .answered(let response) = exchange.outcome, response.status == 200 { answer = try? response.document() }
    if exchange.request.head.headers["content-type"] == RecordBatch.contentType {
      guard let bulk = try? ProduceTarget(target), let partition = bulk.partition, let sent = Self.records(in: exchange.request.body) else {
        return nil
      }
      (records, namedPartition) = (sent, partition)
      // Without producers nothing was there already: all of them lie together.
      if let answer, let stretches = (try? BulkProduceResponse(answer))?.stretches, stretches.count == 1, let first = stretches.first,
        first.count == sent.count
      {
        place = RecordPlace(partition: partition, offset: first.offset)
      }
    } else {
      guard let body = try? exchange.request.decoded(ProduceRequest.init(_:)), body.records.count == 1, let record = body.records.first,
        let key = record.key
      else { return nil }
      records = [Sent(key: key, value: QueueLinearizable.text(record.value))]
      identity = record.identity
      if let answer { place = (try? ProduceResponse(answer))?.places.first }
    }
  }

  private static func records(in body: [UInt8]) -> [Sent]? {
    guard let batches = try? RecordBatch.all(in: body) else { return nil }
    var sent: [Sent] = []
    for batch in batches {
      guard batch.identity == nil, batch.isJSON else { return nil }
      let read: Void? = try? batch.forEachRecord(in: body) { _, record in
        let text = (try? JSON(parsing: Array(body[record.value]))).map(QueueLinearizable.text) ?? ""
        sent.append(Sent(key: String(decoding: body[record.key], as: UTF8.self), value: text))
        return true
      }
      guard read != nil else { return nil }
    }
    return sent.isEmpty ? nil : sent
  }
}
