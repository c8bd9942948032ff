// The answer to a consume while it is being put together: JSON messages one by one, or batches as they lie in the log.

import MonitoringAPI
import Vocabulary
import Wire

/// An answer that is being put together.
struct ConsumeAnswer {
  private let wanted: ConsumeRequest
  private let isBulk: Bool
  private let limitBytes: Int
  private var body: [UInt8]
  private var nextOffset: Int64
  private var count = 0

  /// An answer to `wanted` without messages, which ends early beyond `limitBytes` (one message always fits).
  init(_ wanted: ConsumeRequest, isBulk: Bool, limitBytes: Int) {
    self.wanted = wanted
    self.isBulk = isBulk
    self.limitBytes = limitBytes
    nextOffset = wanted.offset
    body = isBulk ? [] : Array("{\"messages\":[".utf8)
  }

  /// Whether it holds no messages.
  var isEmpty: Bool { count == 0 }
  /// Whether it holds as many as were asked for, or as many bytes as it may.
  var isFull: Bool { count >= wanted.count || count > 0 && body.count >= limitBytes }

  /// Puts the records of a stretch of `entry`, as far as they were asked for.
  mutating func put(_ stretch: Stretch, of entry: [UInt8]) throws(ByteError) {
    let batch = try RecordBatch(in: entry, at: Int(stretch.batchAt), verifying: false)
    if isBulk { return try putBatch(stretch, batch, of: entry) }
    let first = Int(stretch.first) + Int(max(0, wanted.offset - stretch.offset))
    var copy = self
    self = ConsumeAnswer(wanted, isBulk: isBulk, limitBytes: limitBytes)  // So that the body is not copied.
    defer { self = copy }
    try batch.forEachRecord(in: entry, from: first) { place, record in
      guard place < Int(stretch.first + stretch.count), !copy.isFull else { return false }
      copy.put(
        stretch.offset + Int64(place) - Int64(stretch.first), batch.isKeyless ? nil : entry[record.key], entry[record.value],
        isJSON: batch.isJSON)
      return true
    }
  }

  private mutating func putBatch(_ stretch: Stretch, _ batch: RecordBatch, of entry: [UInt8]) throws(ByteError) {
    var writer = ByteWriter(appendingTo: body)
    body = []
    writer.fixed(stretch.offset)
    writer.fixed(stretch.timestampMilliseconds)
    if Int(stretch.count) == batch.count {
      writer.raw(entry[batch.range])
      body = writer.finish()
    } else {
      // A part of a batch, whose other records were repetitions: it is a batch of its own.
      var records: [RecordBatch.Record] = []
      try batch.forEachRecord(in: entry, from: Int(stretch.first)) { place, record in
        guard place < Int(stretch.first + stretch.count) else { return false }
        records.append(record)
        return true
      }
      var batches = RecordBatchWriter(appendingTo: writer.finish())
      batches.write(count: records.count, isJSON: batch.isJSON, isKeyless: batch.isKeyless) { place, writer in
        writer.prefixedBytes(entry[records[place].key])
        writer.prefixedBytes(entry[records[place].value])
      }
      body = batches.finish()
    }
    count += Int(stretch.end - max(stretch.offset, wanted.offset))
    invariant(stretch.end > nextOffset, "an answer that goes on at \(nextOffset) takes records up to \(stretch.end)")
    nextOffset = stretch.end
  }

  /// Puts the newest record of a key of a compacted topic. False once the answer is full.
  mutating func put(_ key: String, _ record: KeptRecords.Record) -> Bool {
    if isBulk {
      var writer = ByteWriter(appendingTo: body)
      body = []
      writer.fixed(record.offset)
      writer.fixed(record.timestampMilliseconds)
      var batches = RecordBatchWriter(appendingTo: writer.finish())
      batches.write(count: 1, isJSON: record.isJSON) { _, writer in
        writer.prefixedString(key)
        writer.prefixedBytes(record.value)
      }
      body = batches.finish()
      count += 1
      nextOffset = record.offset + 1
    } else {
      put(record.offset, Array(key.utf8)[...], record.value[...], isJSON: record.isJSON)
    }
    return !isFull
  }

  private mutating func put(_ offset: Int64, _ key: ArraySlice<UInt8>?, _ value: ArraySlice<UInt8>, isJSON: Bool) {
    if count > 0 { body.append(UInt8(ascii: ",")) }
    body += "{\"offset\":\(offset),\"key\":".utf8
    // Keys were found to be UTF-8 when they came.
    body += key.flatMap { try? JSON.string(String(decoding: $0, as: UTF8.self)).serialized() } ?? Array("null".utf8)
    if isJSON {
      // JSON text already, written through as it is.
      body += ",\"value\":".utf8
      body += value
    } else {
      body += ",\"value_base64\":\"\(String(base64: value))\"".utf8
    }
    body.append(UInt8(ascii: "}"))
    count += 1
    invariant(offset >= nextOffset, "an answer that goes on at \(nextOffset) takes the record at \(offset)")
    nextOffset = offset + 1
  }

  /// There is nothing behind what was put before `end`.
  mutating func endsAt(_ end: Int64) { nextOffset = max(nextOffset, end) }

  /// The response.
  func response() -> Response {
    if isBulk {
      return Response(status: 200, headers: ["content-type": RecordBatch.contentType, "next-offset": "\(nextOffset)"], body: body)
    }
    return Response(status: 200, headers: ["content-type": "application/json"], body: body + "],\"next_offset\":\(nextOffset)}".utf8)
  }
}
