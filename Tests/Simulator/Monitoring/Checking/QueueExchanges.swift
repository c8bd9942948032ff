// What clients of the queue asked and were answered, in records that tests make by hand.

import Checking
import HandMadeRecords
import Vocabulary

extension FlightRecord {
  /// A record was sent to the queue, its value a JSON text; `place` is what the answer told, nil where none came.
  func produced(
    _ caller: String, key: String, _ value: String, at place: (partition: Int, offset: Int64)?, _ from: Int64 = 0, _ until: Int64 = 1
  ) {
    let request = Request(.post, "/produce", json: #"{"topic":"metrics.inbound","key":"\#(key)","value":\#(value)}"#)
    if let place {
      exchange(caller, "queue", request, Response(200, json: #"{"partition":\#(place.partition),"offset":\#(place.offset)}"#), from, until)
    } else {
      exchange(caller, "queue", request, ended: .failed(.connectionLost), from, until)
    }
  }

  /// Messages were read from a partition; their values are JSON texts.
  func consumed(
    _ caller: String, partition: Int, from offset: Int64, _ messages: [(offset: Int64, key: String, value: String)], _ from: Int64 = 0,
    _ until: Int64 = 1
  ) {
    let texts = messages.map { #"{"offset":\#($0.offset),"key":"\#($0.key)","value":\#($0.value)}"# }
    let next = messages.last.map { $0.offset + 1 } ?? offset
    exchange(
      caller, "queue", Request(.get, "/consume?partition=\(partition)&offset=\(offset)&count=100"),
      Response(200, json: #"{"messages":[\#(texts.joined(separator: ","))],"next_offset":\#(next)}"#), from, until)
  }

  /// Offsets of a partition before `first` are not retained any more.
  func notRetained(_ caller: String, partition: Int, first: Int64) {
    exchange(
      caller, "queue", Request(.get, "/consume?partition=\(partition)&offset=0&count=100"),
      Response(410, json: #"{"error":{"code":"OFFSET_NOT_RETAINED","message":"it is gone","first_offset":\#(first)}}"#))
  }
}
