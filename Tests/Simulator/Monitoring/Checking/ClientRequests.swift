// Flights of requests to ingestion alone, made by hand, for the judges of what clients may send.

import Checking
import HandMadeRecords
import Vocabulary

/// A flight in which clients sent these requests, from and until so many milliseconds.
func flightOf(_ requests: [(client: String, status: Int, from: Int64, until: Int64)]) -> FlightRecord {
  let record = FlightRecord(of: ["ingestion", "load"])
  for request in requests {
    record.exchange(
      "load", "ingestion", Request(.post, "/metrics", headers: ["authorization": request.client]), Response(status: request.status),
      request.from, request.until)
  }
  return record
}
