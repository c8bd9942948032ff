// Messages of the queue that storage cannot keep: those that are no points, and points of new series while there are as
// many as may be. They were acknowledged, so they are handed to the topic `metrics.set-aside`, with their keys and
// values, before storage goes on behind them.
//
// A message that is handed over again after a crash has the same producer and sequence (its partition and offset), so
// that it is there once. The topic is made when it is first needed. A value is handed over as it came; bytes that are
// no JSON as `{"value_base64":"…"}`, and JSON so deep that a request cannot hold it as `{"value_text":"…"}`. Fault
// model: while the queue is slow or away the partition waits, as for its next poll. What the queue refuses is halved
// until the message stands alone that it means; that one (a value text of more than 1 MiB) is passed over, and stays in
// the inbound topic for as long as that retains it. Serves MONITORING-9, 12.

import MonitoringAPI
import Resilience
import Vocabulary
import Wire

extension TimeSeriesStorage {
  /// How deep a value may be so that a request can hold it, which is some levels deeper.
  private static let deepestHandedOver = 48

  /// Hands messages over, as many as fit one request. The partition waits meanwhile.
  mutating func handOver(_ work: HandingOver, _ messages: [ConsumedMessage], _ turn: inout Turn) {
    var work = work
    var records: [ProduceRecord] = []
    var bytes = 0
    for message in messages {
      let text = (try? message.value.serialized()) ?? []
      let isShallow = (try? JSON(parsing: text, limits: JSONLimits(maximumDepth: Self.deepestHandedOver))) != nil
      let value = isShallow ? message.value : .object([JSON.Member("value_text", .string(String(decoding: text, as: UTF8.self)))])
      // Keys and texts may grow sixfold where JSON escapes them.
      bytes += (isShallow ? text.count : 6 * text.count) + 6 * (message.key?.utf8.count ?? 0) + 128
      if !records.isEmpty, bytes > QueueAPI.maximumBodyBytes / 2 || records.count >= partitions[work.partition].handingLimit { break }
      let identity = ProducerSequence(producer: "storage/set-aside/\(work.partition)", sequence: message.offset)
      records.append(ProduceRecord(key: message.key, value: value, identity: identity))
      work.underWay.append(message.offset)
    }
    invariant(
      !records.isEmpty && work.underWay.count == records.count,
      "\(records.count) records for \(work.underWay.count) offsets are handed over")
    partitions[work.partition].phase = .polling
    let request = ProduceRequest(topic: QueueAPI.setAsideTopic, records: records).request()
    askQueue(request, for: work.partition, then: .handedOver(work), &turn)
  }

  mutating func handedOver(_ work: HandingOver, _ outcome: CallOutcome, _ turn: inout Turn) {
    endPolling(work.partition, at: work.offset)
    switch outcome {
    case .failure: return pollLater(work.partition, &turn)
    case .success(let response):
      switch response.status {
      case 200: partitions[work.partition].handingLimit = QueueAPI.maximumRecords
      case 404 where ErrorAnswer(response).code == "UNKNOWN_TOPIC":
        partitions[work.partition].phase = .polling
        let topic = TopicDescription(name: QueueAPI.setAsideTopic)
        return askQueue(topic.request(), for: work.partition, then: .topicCreated(work), &turn)
      case 400, 409, 413, 422:
        // No later try of these comes to anything else. (A sequence that is too old was handed over long ago.)
        turn.observe(.contractViolated, subject: UInt64(configuration.queue?.index ?? 0), value: UInt64(response.status))
        if work.underWay.count > 1 {
          partitions[work.partition].handingLimit = work.underWay.count / 2
          return keep(work.partition, work.messages[...], from: work.offset, setAside: work.done, &turn)
        }
      case let status: return violated(work.partition, status: status, &turn)
      }
      turn.observe(.messagesSetAside, subject: UInt64(work.underWay.count), value: UInt64(response.status == 200 ? 0 : response.status))
      guard !isBehind else { return pollLater(work.partition, &turn) }
      keep(work.partition, work.messages[...], from: work.offset, setAside: (work.done + work.underWay).sorted(), &turn)
    }
  }

  mutating func topicCreated(_ work: HandingOver, _ outcome: CallOutcome, _ turn: inout Turn) {
    endPolling(work.partition, at: work.offset)
    guard case .success(let response) = outcome else { return pollLater(work.partition, &turn) }
    // There already, set up otherwise, it takes messages as well. Any other refusal is tried again with a backoff, and
    // counts as a failure.
    guard (200...299).contains(response.status) || (response.status == 409 && ErrorAnswer(response).code == "TOPIC_EXISTS") else {
      return violated(work.partition, status: response.status, &turn)
    }
    // All of it anew: what is homeless may be another by now.
    keep(work.partition, work.messages[...], from: work.offset, setAside: work.done, &turn)
  }

  /// One attempt: where it fails the partition is polled again, with its own backoff, and comes to the same point.
  private mutating func askQueue(_ request: Request, for partition: Int, then next: Next, _ turn: inout Turn) {
    guard let first = configuration.queue else { return }
    let brokers = [first] + configuration.otherBrokers
    let policy = CallPolicy(
      attemptTimeout: .seconds(5), attempts: 1, retry: .never, backoff: configuration.backoff, breaker: nil,
      bulkhead: Bulkhead.Policy(concurrent: 2 * QueueAPI.partitionCount, waiting: QueueAPI.partitionCount))
    calls.call(
      brokers[partitions[partition].failures % brokers.count], request, policy: policy, release: .immediately, then: next, &turn)
  }
}
