// Each partition of the queue is one log to its clients: every answer fits one order of all produces and consumes, in
// which none is placed before its call or after its answer (Herlihy and Wing, 1990). Judged on the exchanges that the
// host recorded.
//
// Each exchange of a load is an operation; a produce that is sent again carries the same producer and sequence and is
// recognised. 200 tells that it was done; 503, and a refused connection, that it was not and never will be; any other
// end leaves it open. Limit: what is no produce as ProducedRecords.swift knows them is not judged.

import Checking
import Linearizability
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that partitions are linearizable.
public struct QueueLinearizable: Checker {
  /// A checker.
  public init() {}

  public var name: String { "partitions are linearizable" }
  public var requirements: [String] { ["MONITORING-10"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    judgement(of: Self.history(of: record), in: record, objects: "partitions") { "partition \($0)" }
  }

  /// The history of a flight's partitions. Where a record went whose answer did not tell, others of its key show.
  public static func history(of record: FlightRecord) -> History<IdempotentLogModel> {
    var places: [ExactName: Int] = [:]
    for exchange in record.exchanges {
      if let produced = ProducedRecords(exchange) {
        guard let place = produced.place, produced.namedPartition == nil else { continue }
        for record in produced.records { places[ExactName(record.key)] = place.partition }
      } else if let asked = consumed(exchange), case .answered(let response) = exchange.outcome, response.status == 200,
        let document = try? response.document(), let answer = try? ConsumeResponse(document)
      {
        for message in answer.messages { if let key = message.key { places[ExactName(key)] = asked.partition } }
      }
    }
    var operations: [RecordedOperation<LogInput, LogOutput>] = []
    for exchange in record.exchanges {
      if let produced = ProducedRecords(exchange) {
        // No answer ever told of this key: nothing of it was acknowledged, and nothing was read.
        guard let partition = produced.namedPartition ?? produced.records.first.flatMap({ places[ExactName($0.key)] }) else { continue }
        let identity = produced.identity.map { AppendIdentity(producer: HistoryValue($0.producer), sequence: $0.sequence) }
        operations.append(
          RecordedOperation(
            client: Int64(exchange.caller.index), key: HistoryValue("\(partition)"), callNanoseconds: exchange.startedAt.nanoseconds,
            input: .append(produced.records.map { HistoryValue($0.value) }, identity: identity),
            outcome: outcome(exchange) { response in
              produced.place.map { .offset($0.offset) }
            }))
      } else if let asked = consumed(exchange) {
        operations.append(
          RecordedOperation(
            client: Int64(exchange.caller.index), key: HistoryValue("\(asked.partition)"), callNanoseconds: exchange.startedAt.nanoseconds,
            input: .read(offset: asked.offset, count: Int64(asked.count)),
            outcome: outcome(exchange) { response in
              guard let document = try? response.document(), let answer = try? ConsumeResponse(document) else { return nil }
              let values = answer.messages.map { HistoryValue(Self.text($0.value)) }
              return .values(values, next: answer.nextOffset)
            }))
      }
    }
    return History(operations)
  }

  private static func consumed(_ exchange: ExchangeRecord) -> ConsumeRequest? {
    guard exchange.request.head.method == .get, let target = try? HTTPTarget(exchange.request.head.target),
      target.segments.first == "consume"
    else { return nil }
    return try? ConsumeRequest(target)
  }

  static func text(_ value: JSON) -> String {
    if case .string(let text) = value { return text }
    return String(decoding: (try? value.serialized()) ?? [], as: UTF8.self)
  }

  private static func outcome(_ exchange: ExchangeRecord, _ read: (Response) -> LogOutput?) -> OperationOutcome<LogOutput> {
    let end = exchange.endedAt.nanoseconds
    switch exchange.outcome {
    case .answered(let response):
      if response.status == 200, let output = read(response) { return .answered(atNanoseconds: end, output) }
      // What is no longer retained tells nothing of the order.
      return response.status == 503 || response.status == 410 ? .failed(atNanoseconds: end) : .unknown
    case .failed(let failure): return failure == .refused ? .failed(atNanoseconds: end) : .unknown
    case .cancelled, .pending: return .unknown
    }
  }
}
