// Loads for measuring the message queue: a producer of record batches, closed (a fixed number of requests under way) or
// open loop, and a consumer that reads partitions from their start. Both use the bulk forms of the API.
//
// Each request that ends is told by a `timed` fact; the consumer tells by `bulkConsumed` how many records an answer
// held, by `bulkEnded` that it has reached the end of its partitions, and by `bulkUnreadable` a batch that does not
// read. Serves MONITORING-11.

import Load
import MonitoringAPI
import Vocabulary
import Wire

/// A producer of record batches.
public struct BulkProducer: Machine {
  /// How requests follow each other.
  public enum Pace: Sendable, Hashable {
    /// So many requests are under way at any time.
    case closed(underWay: Int)
    /// They come by themselves, whatever became of those before.
    case open(Arrivals)
  }

  private let targets: [(partition: Int, endpoint: Endpoint)]
  private let topic: String
  private let pace: Pace
  private let until: TimeSpan
  private let batches: [[UInt8]]
  private var origin = Instant(nanoseconds: 0)
  private var arrival: TimerID?
  private var next = 0
  private var open: [ExchangeID: Instant] = [:]

  /// Batches of `records` records of `recordBytes` bytes each, to partitions at their leaders, by turns, for as long as
  /// `until`.
  public init(
    topic: String = QueueAPI.inboundTopic, targets: [(partition: Int, endpoint: Endpoint)], records: Int, recordBytes: Int, pace: Pace,
    until: TimeSpan
  ) {
    invariant(!targets.isEmpty && records > 0, "a load of \(records) records on \(targets.count) partitions")
    self.topic = topic
    self.targets = targets
    self.pace = pace
    self.until = until
    // A few different bodies, made once: what is measured is the queue, not the making of random bytes.
    batches = (0..<4).map { number in
      var random = RandomStream(seed: UInt64(number))
      var writer = RecordBatchWriter()
      writer.write(count: records, isJSON: false) { place, writer in
        writer.prefixedString("key-\(place % 10)")
        writer.prefixedBytes(random.bytes(recordBytes))
      }
      return writer.finish()
    }
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.now
    switch pace {
    case .closed(let underWay): for _ in 0..<underWay { send(turn.now, &turn) }
    case .open(let arrivals): arrival = turn.wake(after: arrivals.nextGap(&turn.random))
    }
  }

  private var intendedAt: Instant = Instant(nanoseconds: 0)

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      guard timer == arrival, case .open(let arrivals) = pace else { return }
      if intendedAt < origin { intendedAt = turn.now }
      // All that were meant to start by now: a late wake is no reason to send less.
      repeat {
        send(intendedAt, &turn)
        intendedAt = intendedAt + arrivals.nextGap(&turn.random)
      } while intendedAt <= turn.now
      arrival = intendedAt < origin + until ? turn.wake(at: intendedAt) : nil
    case .response(let id, let response): ended(id, response.status == 200 ? .served : .failed, &turn)
    case .failed(let id, _): ended(id, .failed, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func send(_ intended: Instant, _ turn: inout Turn) {
    let target = targets[next % targets.count]
    let request = ProduceTarget.request(topic: topic, partition: target.partition, batches: batches[next % batches.count])
    next += 1
    open[turn.call(target.endpoint, request, .immediately)] = intended
  }

  private mutating func ended(_ id: ExchangeID, _ outcome: LoadOutcome, _ turn: inout Turn) {
    guard let intended = open.removeValue(forKey: id) else { return }
    outcome.tell(intended: intended, &turn)
    if case .closed = pace, turn.now < origin + until { send(turn.now, &turn) }
  }
}

/// A consumer that reads partitions from their start to their end.
public struct BulkConsumer: Machine {
  private struct Reading {
    var partition: Int
    var endpoint: Endpoint
    var offset: Int64
    var sentAt = Instant(nanoseconds: 0)
  }

  private let topic: String
  private let count: Int
  private var open: [ExchangeID: Reading] = [:]
  private let targets: [(partition: Int, endpoint: Endpoint)]
  private var left: Int

  /// Reads `targets` at their leaders all at once, at most `count` records in one answer.
  public init(topic: String = QueueAPI.inboundTopic, targets: [(partition: Int, endpoint: Endpoint)], count: Int) {
    self.topic = topic
    self.targets = targets
    self.count = count
    left = targets.count
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for target in targets { ask(Reading(partition: target.partition, endpoint: target.endpoint, offset: 0), &turn) }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response(let id, let response):
      guard let reading = open.removeValue(forKey: id) else { return }
      if response.status == 410, let document = try? response.document(), let first = try? OffsetNotRetained(document).firstOffset {
        var again = reading
        again.offset = first
        return ask(again, &turn)
      }
      take(response, reading, &turn)
    case .failed(let id, _):
      guard let reading = open.removeValue(forKey: id) else { return }
      LoadOutcome.failed.tell(intended: reading.sentAt, &turn)
      ask(reading, &turn)
    case .request, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }

  private mutating func take(_ response: Response, _ reading: Reading, _ turn: inout Turn) {
    guard response.status == 200, let next = response.head.headers["next-offset"].flatMap({ Int64($0) }),
      let batches = try? ConsumedBatch.all(in: response.body)
    else {
      turn.observe(.bulkUnreadable, value: UInt64(response.status))
      return end(&turn)
    }
    LoadOutcome.served.tell(intended: reading.sentAt, &turn)
    turn.observe(.bulkConsumed, value: UInt64(batches.reduce(0) { $0 + $1.batch.count }))
    guard next > reading.offset else { return end(&turn) }
    var reading = reading
    reading.offset = next
    ask(reading, &turn)
  }

  private mutating func end(_ turn: inout Turn) {
    left -= 1
    if left == 0 { turn.observe(.bulkEnded) }
  }

  private mutating func ask(_ reading: Reading, _ turn: inout Turn) {
    var reading = reading
    reading.sentAt = turn.now
    let request = Request(
      .get, "/consume?topic=\(topic)&partition=\(reading.partition)&offset=\(reading.offset)&count=\(count)",
      headers: ["accept": RecordBatch.contentType])
    open[turn.call(reading.endpoint, request, .immediately)] = reading
  }
}
