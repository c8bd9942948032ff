// What was acknowledged is there in the end, at its place, once; and nothing is there that nobody sent. Judged on the
// produces and on what a probe reads after the flight.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that acknowledged records are kept.
public struct RecordsKept: Checker {
  /// A checker.
  public init() {}

  public var name: String { "records are kept once" }
  public var requirements: [String] { ["MONITORING-6", "MONITORING-9"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    let found = record.consumedMessages()
    var at: [RecordPlace: ExactName] = [:]
    var count: [ExactName: Int] = [:]
    for (partition, messages) in found {
      for message in messages {
        let value = ExactName(QueueLinearizable.text(message.value))
        at[RecordPlace(partition: partition, offset: message.offset)] = value
        count[value, default: 0] += 1
      }
    }
    var sent: Set<ExactName> = []
    var acknowledged = 0
    let retained = record.firstRetainedOffsets()
    for exchange in record.exchanges {
      guard let produced = ProducedRecords(exchange) else { continue }
      sent.formUnion(produced.records.map { ExactName($0.value) })
      for (place, value) in produced.places {
        acknowledged += 1
        // What its topic retains no longer was there once.
        if place.offset < retained[place.partition] ?? 0 { continue }
        guard at[place] != ExactName(value) else { continue }
        let held = at[place].map { "\"\($0)\" lies there" } ?? "nothing lies there"
        violations.append(
          Violation(
            at: exchange.endedAt,
            "\"\(value)\" was acknowledged at offset \(place.offset) of partition \(place.partition), and \(held)"))
      }
    }
    for value in count.keys.sorted() {
      if !sent.contains(value) { violations.append(Violation("\"\(value)\" was never sent")) }
      if let times = count[value], times > 1 { violations.append(Violation("\"\(value)\" is there \(times) times")) }
    }
    return judgement(violations, examined: "\(counted(acknowledged, "acknowledged record"))", count: acknowledged)
  }
}
