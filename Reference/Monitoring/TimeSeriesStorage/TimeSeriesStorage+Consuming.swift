// How storage takes points out of the queue: one long poll for each partition; each answer is journalled as one record
// with the offset behind it, and only then asked on.
//
// Nothing that the queue answers can trap or block: an answer that breaks the contract is counted and asked for again;
// a message that cannot be kept goes to another topic (+SettingAside) and is passed over. Where nothing can be stored
// (full disk, flush behind) the answer is dropped and asked for again later: the queue holds it. Serves MONITORING-9,
// 12.

import Durable
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

extension TimeSeriesStorage {
  /// What became of the messages of an answer.
  private struct Taken {
    var batch = PointBatch()
    var skipped = 0
    /// Messages that cannot be kept and are nowhere else yet.
    var homeless: [ConsumedMessage] = []
  }

  mutating func poll(_ partition: Int, _ turn: inout Turn) {
    guard let first = configuration.queue else { return }
    let brokers = [first] + configuration.otherBrokers
    let queue = brokers[partitions[partition].failures % brokers.count]
    switch partitions[partition].phase {
    case .polling: return
    case .waiting: partitions[partition].phase = .polling
    }
    let offset = partitions[partition].nextOffset
    let wait = min(max(1, configuration.pollWait.milliseconds), QueueAPI.maximumWaitMilliseconds)
    let request = ConsumeRequest(partition: partition, offset: offset, count: configuration.pollCount, waitMilliseconds: wait)
    // One attempt and no breaker: the next attempt is the next poll, with a backoff of its own for each partition.
    let policy = CallPolicy(
      attemptTimeout: .milliseconds(wait) + configuration.pollMargin, attempts: 1, retry: .never, backoff: configuration.backoff,
      breaker: nil, bulkhead: Bulkhead.Policy(concurrent: QueueAPI.partitionCount, waiting: QueueAPI.partitionCount))
    // A question tells nothing of what is stored, so it does not wait for the sync of what came before.
    calls.call(
      queue, request.request(), policy: policy, release: .immediately,
      then: .polled(partition: partition, offset: offset, since: turn.now), &turn)
  }

  /// Ends what was under way for a partition.
  mutating func endPolling(_ partition: Int, at offset: Int64) {
    guard case .polling = partitions[partition].phase else { breakInvariant("partition \(partition) was answered, and waits") }
    invariant(
      offset == partitions[partition].nextOffset,
      "partition \(partition) was asked for offset \(offset), and goes on at \(partitions[partition].nextOffset)")
    partitions[partition].phase = .waiting
  }

  mutating func polled(_ partition: Int, offset: Int64, since: Instant, _ outcome: CallOutcome, _ turn: inout Turn) {
    endPolling(partition, at: offset)
    switch outcome {
    case .failure: return pollLater(partition, &turn)
    case .success(let response):
      switch response.status {
      case 200: store(partition, offset: offset, since: since, response, &turn)
      case 410: jump(partition, offset: offset, response, &turn)
      case let status: violated(partition, status: status, &turn)
      }
    }
  }

  private mutating func store(_ partition: Int, offset: Int64, since: Instant, _ response: Response, _ turn: inout Turn) {
    guard let document = try? response.document(), let answer = try? ConsumeResponse(document), isWhole(answer, from: offset) else {
      return violated(partition, status: 200, &turn)
    }
    guard !answer.messages.isEmpty else {
      partitions[partition].failures = 0
      // A queue that does not wait must not be asked in a loop.
      let waited = turn.now - since
      if waited + waited < configuration.pollWait { return wakePoll(partition, at: turn.now + .milliseconds(20), &turn) }
      return poll(partition, &turn)
    }
    guard !isBehind else { return pollLater(partition, &turn) }
    keep(partition, answer.messages[...], from: offset, &turn)
  }

  /// Stores messages with the offset behind them, and asks on. Those at the offsets `setAside` are in another topic and
  /// are passed over; others that cannot be kept are brought there first. `skipsAll` passes over messages that cannot
  /// be stored at all.
  mutating func keep(
    _ partition: Int, _ messages: ArraySlice<ConsumedMessage>, from offset: Int64, setAside: [Int64] = [], skipsAll: Bool = false,
    _ turn: inout Turn
  ) {
    let taken = skipsAll ? Taken(skipped: messages.count) : points(of: messages, setAside: setAside)
    guard taken.homeless.isEmpty else {
      let work = HandingOver(partition: partition, offset: offset, messages: Array(messages), done: setAside, underWay: [])
      return handOver(work, taken.homeless, &turn)
    }
    let nextOffset = offset + Int64(messages.count)
    invariant(
      offset == partitions[partition].nextOffset && nextOffset > offset,
      "partition \(partition) stores offsets \(offset) to \(nextOffset), and goes on at \(partitions[partition].nextOffset)")
    do throws(JournalError) {
      let journalled = turn.planted.contains(.storageJournalsOffsetAlone) ? PointBatch() : taken.batch
      try append(.consumed(partition: partition, nextOffset: nextOffset, skipped: taken.skipped, journalled), turn)
    } catch {
      switch error {
      case .payloadTooLong where messages.count > 1:
        // More than a record can hold: the first half now, the rest is asked for again.
        return keep(partition, messages.prefix(messages.count / 2), from: offset, setAside: setAside, &turn)
      case .payloadTooLong: return keep(partition, messages, from: offset, skipsAll: true, &turn)
      // A full disk, most likely. The queue holds the messages until they are asked for again.
      case .disk, .damaged, .notHeld: return pollLater(partition, &turn)
      }
    }
    // Keys of a batch that was just made can be read.
    try? add(taken.batch, keepsFirst: turn.planted.contains(.storageKeepsFirst))
    skippedMessages += taken.skipped
    partitions[partition].nextOffset = nextOffset
    partitions[partition].failures = 0
    turn.observe(.batchStored, subject: UInt64(partition), value: UInt64(nextOffset))
    flushIfFull(&turn)
    poll(partition, &turn)
  }

  /// Whether an answer continues the partition without a gap.
  private func isWhole(_ answer: ConsumeResponse, from offset: Int64) -> Bool {
    var next = offset
    for message in answer.messages {
      guard message.offset == next, next < .max else { return false }
      next += 1
    }
    return answer.nextOffset == next
  }

  private func points(of messages: ArraySlice<ConsumedMessage>, setAside: [Int64]) -> Taken {
    var taken = Taken()
    var place = setAside[...]
    var room = configuration.maximumSeries - catalogue.series.count
    // Mostly there is room for whatever comes, and no point has to be looked up here.
    let isTight = room < messages.count
    var new: Set<SeriesKey> = []
    for message in messages {
      while let first = place.first, first < message.offset { place.removeFirst() }
      if place.first == message.offset {
        taken.skipped += 1
      } else if let point = try? PointMessage(JSONField(message.value)) {
        if isTight, case let key = SeriesKey(measurement: point.measurement, tags: point.tags), catalogue.number(of: key) == nil,
          new.insert(key).inserted
        {
          guard room > 0 else {
            new.remove(key)
            taken.homeless.append(message)
            continue
          }
          room -= 1
        }
        taken.batch.append(point)
      } else {
        taken.homeless.append(message)
      }
    }
    return taken
  }

  /// The queue no longer holds what is next: goes on with what it holds, loudly.
  private mutating func jump(_ partition: Int, offset: Int64, _ response: Response, _ turn: inout Turn) {
    guard let document = try? response.document(), let first = try? OffsetNotRetained(document).firstOffset, first > offset else {
      return violated(partition, status: response.status, &turn)
    }
    do throws(JournalError) {
      try append(.jumped(partition: partition, nextOffset: first), turn)
    } catch {
      return pollLater(partition, &turn)
    }
    turn.observe(.contractViolated, subject: UInt64(configuration.queue?.index ?? 0), value: UInt64(response.status))
    lostMessages += first - offset
    partitions[partition].nextOffset = first
    poll(partition, &turn)
  }

  mutating func violated(_ partition: Int, status: Int, _ turn: inout Turn) {
    turn.observe(.contractViolated, subject: UInt64(configuration.queue?.index ?? 0), value: UInt64(status))
    pollLater(partition, &turn)
  }

  mutating func pollLater(_ partition: Int, _ turn: inout Turn) {
    partitions[partition].failures += 1
    invariant(
      partitions[partition].failures > 0 && partitions[partition].handingLimit >= 1,
      "partition \(partition) failed \(partitions[partition].failures) times and hands \(partitions[partition].handingLimit) records over")
    let ceiling = configuration.backoff.ceiling(beforeAttempt: partitions[partition].failures)
    wakePoll(partition, at: turn.now + turn.random.span(in: .milliseconds(1)...max(.milliseconds(1), ceiling)), &turn)
  }

  private mutating func wakePoll(_ partition: Int, at instant: Instant, _ turn: inout Turn) {
    wakes[turn.wake(at: instant)] = .poll(partition: partition)
  }
}
