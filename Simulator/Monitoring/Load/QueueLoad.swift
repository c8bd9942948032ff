// A load of produces and consumes on a message queue of several brokers. Open loop. Any broker is asked anything. Every
// value is sent as one record only, so that a read tells which produce it saw; most records carry a producer's sequence
// and are sent again until they are acknowledged. Some produces are in bulk: several batches of several records, to a
// partition, without a producer.
//
// Checkers read the exchanges that the host recorded: each exchange is an operation, a repetition one of its own.
// Serves MONITORING-6, 7, 10.

import Load
import MonitoringAPI
import Vocabulary

/// What the load does.
public struct QueueLoadPlan: Sendable, Hashable {
  /// When operations are meant to start.
  public var arrivals: Arrivals
  /// How long it begins new ones.
  public var until: TimeSpan
  /// How many keys there are; together they fill some of the partitions.
  public var keys: Int
  /// Share of the operations that consume, 0 … 1.
  public var readShare: Double
  /// Share of the produces that carry no sequence, and are sent once.
  public var plainShare: Double
  /// Share of the produces that are in bulk, and are sent once.
  public var bulkShare: Double
  /// How long one attempt may take.
  public var attemptTimeout = TimeSpan.seconds(2)
  /// How long a record is sent again.
  public var patience = TimeSpan.seconds(20)

  /// The share where nothing else is said.
  public static let usualPlainShare = 0.2

  /// A plan.
  public init(
    arrivals: Arrivals, until: TimeSpan, keys: Int = 5, readShare: Double = 0.5, plainShare: Double = QueueLoadPlan.usualPlainShare,
    bulkShare: Double = 0
  ) {
    self.plainShare = plainShare
    self.bulkShare = bulkShare
    self.arrivals = arrivals
    self.until = until
    self.keys = keys
    self.readShare = readShare
  }
}

/// The machine.
public struct QueueLoad: Machine {
  private struct Operation {
    var request: Request
    var intended: Instant
    /// Until when it is sent again; the present moment for what is sent once.
    var until: Instant
    /// The record's key; nil for a consume.
    var key: String?
    /// What is consumed; nil for a produce.
    var partition: Int?
  }

  private let plan: QueueLoadPlan
  private let brokers: [Endpoint]
  private var arrival: ArrivalTimer
  private var sequence: Int64 = 0
  private var open = OpenOperations<Operation>()
  /// Where keys lie, as answers told.
  private var partitions: [String: Int] = [:]
  /// The greatest next offset that was seen, by partition.
  private var ends: [Int: Int64] = [:]

  /// Of the consumes that wait for a first message.
  static let waitingShare = 0.2

  /// A load of `plan` on `brokers`.
  public init(_ plan: QueueLoadPlan, brokers: [Endpoint]) {
    invariant(!brokers.isEmpty && plan.keys > 0, "a load of \(plan.keys) keys on \(brokers.count) brokers")
    self.plan = plan
    self.brokers = brokers
    arrival = ArrivalTimer(plan.arrivals, until: plan.until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { arrival.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if arrival.isDue(event) {
      begin(&turn)
      return arrival.goOn(&turn)
    }
    switch open.change(by: event, &turn) {
    case .answered(let operation, let response) where response.status == 200:
      learn(operation, response)
      end(operation, .served, &turn)
    case .answered(let operation, _), .failed(let operation, _), .timedOut(let operation): again(operation, &turn)
    case .due(let operation): send(operation, &turn)
    case nil: break
    }
  }

  private mutating func begin(_ turn: inout Turn) {
    let key = "key-\(turn.random.below(UInt64(plan.keys)))"
    if turn.random.chance(plan.readShare) {
      let partition = partitions[key] ?? Int(turn.random.below(UInt64(QueueAPI.partitionCount)))
      let end = ends[partition] ?? 0
      let offset = max(0, end - 4 + Int64(turn.random.below(6)))
      var request = ConsumeRequest(partition: partition, offset: offset, count: 1 + Int(turn.random.below(6)))
      if turn.random.chance(Self.waitingShare) { request.waitMilliseconds = 50 + Int64(turn.random.below(500)) }
      return send(Operation(request: request.request(), intended: turn.now, until: turn.now, key: nil, partition: partition), &turn)
    }
    if plan.bulkShare > 0, turn.random.chance(plan.bulkShare) {
      let partition = partitions[key] ?? Int(turn.random.below(UInt64(QueueAPI.partitionCount)))
      let request = ProduceTarget.request(topic: QueueAPI.inboundTopic, partition: partition, batches: batches(&turn))
      return send(Operation(request: request, intended: turn.now, until: turn.now, key: nil, partition: nil), &turn)
    }
    let isPlain = turn.random.chance(plan.plainShare)
    var identity: ProducerSequence?
    if !isPlain {
      identity = ProducerSequence(producer: turn.nameInLife("load-\(turn.node.index)"), sequence: sequence)
      sequence += 1
    }
    let record = ProduceRecord(key: key, value: .string("\(turn.node.index)-\(arrival.number)"), identity: identity)
    let request = ProduceRequest(topic: QueueAPI.inboundTopic, records: [record]).request()
    let until = isPlain ? turn.now : turn.now + plan.patience
    send(Operation(request: request, intended: turn.now, until: until, key: key, partition: nil), &turn)
  }

  /// One to four batches of one to three records, JSON as the other records are.
  private func batches(_ turn: inout Turn) -> [UInt8] {
    var writer = RecordBatchWriter()
    var number = 0
    for _ in 0...turn.random.below(4) {
      let count = 1 + Int(turn.random.below(3))
      writer.write(count: count, isJSON: true) { place, writer in
        writer.prefixedString("bulk")
        writer.prefixedBytes(Array("\"\(turn.node.index)-\(arrival.number)-\(number + place)\"".utf8))
      }
      number += count
    }
    return writer.finish()
  }

  private mutating func send(_ operation: Operation, _ turn: inout Turn) {
    let broker = brokers[Int(turn.random.below(UInt64(brokers.count)))]
    open.call(broker, operation.request, for: operation, until: turn.now + plan.attemptTimeout, &turn)
  }

  private mutating func learn(_ operation: Operation, _ response: Response) {
    guard let document = try? response.document() else { return }
    if let partition = operation.partition, let answer = try? ConsumeResponse(document) {
      ends[partition] = max(ends[partition] ?? 0, answer.nextOffset)
    } else if let key = operation.key, let place = (try? ProduceResponse(document))?.places.first {
      partitions[key] = place.partition
      ends[place.partition] = max(ends[place.partition] ?? 0, place.offset + 1)
    }
  }

  private mutating func again(_ operation: Operation, _ turn: inout Turn) {
    let pause = turn.random.span(in: .milliseconds(10)...(.milliseconds(100)))
    guard turn.now + pause < operation.until else { return end(operation, .failed, &turn) }
    open.wait(operation, for: pause, &turn)
  }

  private func end(_ operation: Operation, _ outcome: LoadOutcome, _ turn: inout Turn) {
    outcome.tell(intended: operation.intended, &turn)
  }
}
