// The message queue's broker: a topic of 12 partitions over one write-ahead log. One broker for now.
//
// Guarantees: an answered produce is durable and is found again at its offset after any crash; offsets of a partition are dense;
// messages of one key lie in one partition in the order in which they were answered; a record with a producer's sequence that was
// stored before is not stored again; records of one request are stored together or not at all; what a consumer is given is durable.
// Fault model: crashes at any moment, torn and lost unsynced writes (see Journal), a full disk (503, nothing stored), unreadable or
// rotten records (500, loudly; a damaged durable record keeps the broker from starting). Nothing grows without bound: the log is
// discarded beyond `retentionBytes`, long polls and producers are bounded.
// Requirements: MONITORING-6, 7, 8, 9.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

/// How a broker is set up.
public struct MessageQueueConfiguration: Sendable {
  /// Bytes of log beyond which the oldest segments are discarded.
  public var retentionBytes = 1 << 30
  /// Length of one log segment in bytes.
  public var segmentBytes = 8 << 20
  /// Bytes of the newest messages kept in memory, for each partition.
  public var recentLimitBytes = 4 << 20
  /// Long polls that may wait at once.
  public var maximumWaiters = 4_096
  /// Bytes of values in one answer, beyond which it ends early (one message always fits).
  public var answerBytes = 4 << 20

  /// The defaults.
  public init() {}
}

/// The broker.
public struct MessageQueue: Machine {
  enum Route {
    case produce, consume, topics, health
  }

  static let routes = RouteTable<Route>([
    .init(.post, "/produce", .produce), .init(.get, "/consume", .consume), .init(.get, "/topics", .topics),
    .init(.get, "/health", .health),
  ])

  /// A long poll that waits for a first message.
  private struct Waiter {
    var exchange: ExchangeID
    var request: ConsumeRequest
    var until: Instant
  }

  let configuration: MessageQueueConfiguration
  private var journal: Journal?
  private var partitions = Array(repeating: Partition(), count: QueueAPI.partitionCount)
  private var producers = ProducerMemory()
  /// Oldest first.
  private var waiters: [Waiter] = []
  private var waitersWake: (timer: TimerID, at: Instant)?
  /// A checkpoint was written, and segments before `position` may go once the disk is durable up to `durable`.
  private var discarding: (position: JournalPosition, durable: DiskPosition)?
  private var arrivals = 0

  /// A broker that has not started.
  public init(_ configuration: MessageQueueConfiguration = MessageQueueConfiguration()) { self.configuration = configuration }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 8 << 20) }

  // MARK: start

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    var partitions = partitions
    var producers = producers
    let limit = configuration.recentLimitBytes
    let recovered: (journal: Journal, recovery: JournalRecovery)
    do throws(JournalError) {
      recovered = try Journal.recover(from: turn.disk, segmentBytes: configuration.segmentBytes) {
        (location, payload) throws(JournalError) in
        try Self.replay(payload, location, &partitions, &producers, limit)
      }
    } catch {
      throw StartRefusal("the queue's log cannot be recovered: \(error)")
    }
    if turn.planted.contains(.queueLosesLastOffset), recovered.recovery.records > 0 {
      for index in partitions.indices where partitions[index].nextOffset > 0 {
        partitions[index].forget(before: recovered.journal.end)
        _ = partitions[index].advance(to: partitions[index].nextOffset + 1)
      }
    }
    journal = recovered.journal
    self.partitions = partitions
    self.producers = producers
    turn.observe(
      .journalRecovered, subject: UInt64(recovered.recovery.records), value: UInt64(recovered.recovery.tornBytes))
  }

  private static func replay(
    _ payload: ArraySlice<UInt8>, _ location: JournalLocation, _ partitions: inout [Partition], _ producers: inout ProducerMemory,
    _ limit: Int
  ) throws(JournalError) {
    func damaged(_ what: String) -> JournalError {
      .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), what)
    }
    let record: QueueRecord
    do throws(ByteError) {
      record = try QueueRecord(payload)
    } catch {
      throw damaged("not a record of the queue: \(error)")
    }
    switch record {
    case .messages(let messages):
      for (index, message) in messages.enumerated() {
        if partitions[message.partition].nextOffset == 0 {
          // The log begins here: what came before was discarded, and a checkpoint follows that vouches for it.
          _ = partitions[message.partition].advance(to: message.offset)
        }
        guard partitions[message.partition].nextOffset == message.offset else {
          throw damaged(
            "partition \(message.partition) has offset \(message.offset) where \(partitions[message.partition].nextOffset) was expected")
        }
        partitions[message.partition].append(
          message, at: Partition.Place(location: location, index: UInt32(index)), recentLimitBytes: limit)
        if let identity = message.identity {
          producers.remember(identity, at: RecordPlace(partition: message.partition, offset: message.offset))
        }
      }
    case .checkpoint(let nextOffsets, let entries):
      guard nextOffsets.count == partitions.count else { throw damaged("a checkpoint of \(nextOffsets.count) partitions") }
      for (index, offset) in nextOffsets.enumerated() where !partitions[index].advance(to: offset) {
        throw damaged("partition \(index) should be at offset \(offset) and is at \(partitions[index].nextOffset)")
      }
      producers.restore(entries)
    }
  }

  // MARK: events

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try take(match, exchange, request, &turn)
      }
    case .timer(let timer):
      guard waitersWake?.timer == timer else { return }
      waitersWake = nil
      endWaits(&turn)
    case .abandoned(let exchange): waiters.removeAll { $0.exchange == exchange }
    case .durable: discardOld(&turn)
    case .response, .failed, .message, .completed, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .produce: try produce(exchange, request, &turn)
    case .consume: try consume(exchange, match.target, request.deadline, &turn)
    case .topics: turn.reply(exchange, topics())
    case .health: turn.reply(exchange, .up())
    }
  }

  // MARK: produce

  private mutating func produce(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let produce = try request.decoded(ProduceRequest.init(_:))
    guard produce.topic == QueueAPI.inboundTopic else {
      throw RequestProblem(404, code: "UNKNOWN_TOPIC", message: "there is no topic of this name", field: "topic")
    }
    var places: [RecordPlace] = []
    places.reserveCapacity(produce.records.count)
    var fresh: [StoredMessage] = []
    var next = partitions.map(\.nextOffset)
    for (index, record) in produce.records.enumerated() {
      let field = produce.isBatch ? "records[\(index)]." : ""
      if let identity = record.identity, !turn.planted.contains(.queueForgetsProducers) {
        switch producers.knowledge(of: identity) {
        case .stored(let place):
          turn.observe(.duplicateSuppressed, subject: UInt64(place.partition), value: UInt64(place.offset))
          places.append(place)
          continue
        case .tooOld:
          throw RequestProblem(
            409, code: "SEQUENCE_TOO_OLD", message: "the producer's sequence is older than what is remembered of it",
            field: "\(field)sequence")
        case .new:
          if let earlier = fresh.first(where: { $0.identity == identity }) {
            places.append(RecordPlace(partition: earlier.partition, offset: earlier.offset))
            continue
          }
        }
      }
      guard let value = try? record.value.serialized(), value.count <= QueueAPI.maximumValueBytes else {
        throw RequestProblem(
          413, code: "VALUE_TOO_LARGE", message: "a value is longer than \(QueueAPI.maximumValueBytes) bytes", field: "\(field)value")
      }
      let partition = route(record.key, turn.planted)
      let offset = next[partition]
      next[partition] += 1
      fresh.append(StoredMessage(partition: partition, offset: offset, key: record.key, value: value, identity: record.identity))
      places.append(RecordPlace(partition: partition, offset: offset))
    }
    try store(fresh, &turn)
    let response = ProduceResponse(places: places, isBatch: produce.isBatch).response()
    turn.reply(exchange, response, turn.planted.contains(.queueAcknowledgesEarly) ? .immediately : .whenDurable)
    // What waits is told in the same turn, by effects that wait for the same sync.
    serveWaiters(Set(fresh.map(\.partition)), &turn)
    beginDiscarding(&turn)
  }

  private mutating func route(_ key: String, _ planted: PlantedBugs) -> Int {
    arrivals &+= 1
    if planted.contains(.queueRoutesByArrival) { return arrivals % QueueAPI.partitionCount }
    return PartitionRouting.partition(of: key, count: QueueAPI.partitionCount)
  }

  private mutating func store(_ messages: [StoredMessage], _ turn: inout Turn) throws(RequestProblem) {
    guard !messages.isEmpty else { return }
    let location: JournalLocation
    do throws(JournalError) {
      guard let stored = try journal?.append(QueueRecord.messages(messages).encoded(), to: turn.disk) else {
        throw JournalError.notHeld(JournalPosition(0))
      }
      location = stored
    } catch {
      switch error {
      case .disk(.full):
        throw RequestProblem(503, code: "DISK_FULL", message: "the queue's disk is full; nothing was stored")
      case .payloadTooLong:
        throw RequestProblem(
          413, code: "BODY_TOO_LARGE", message: "the records of one request are longer than \(Journal.maximumPayloadBytes) bytes")
      case .damaged, .disk, .notHeld:
        throw RequestProblem(500, code: "UNWRITABLE", message: "the queue's log cannot be written: \(error)")
      }
    }
    for (index, message) in messages.enumerated() {
      partitions[message.partition].append(
        message, at: Partition.Place(location: location, index: UInt32(index)), recentLimitBytes: configuration.recentLimitBytes)
      if let identity = message.identity {
        producers.remember(identity, at: RecordPlace(partition: message.partition, offset: message.offset))
      }
    }
  }

  // MARK: consume

  private mutating func consume(
    _ exchange: ExchangeID, _ target: HTTPTarget, _ deadline: Deadline, _ turn: inout Turn
  ) throws(RequestProblem) {
    let request: ConsumeRequest
    do throws(HTTPTargetError) {
      request = try ConsumeRequest(target)
    } catch {
      throw RequestProblem(error)
    }
    guard request.topic == QueueAPI.inboundTopic else {
      throw RequestProblem(404, code: "UNKNOWN_TOPIC", message: "there is no topic of this name", field: "topic")
    }
    let partition = partitions[request.partition]
    guard request.offset < partition.nextOffset || request.waitMilliseconds == 0 else {
      guard waiters.count < configuration.maximumWaiters else {
        throw RequestProblem(503, code: "TOO_MANY_WAITING", message: "too many long polls wait already")
      }
      let until = min(turn.now + .milliseconds(request.waitMilliseconds), deadline.instant)
      waiters.append(Waiter(exchange: exchange, request: request, until: until))
      armWaits(&turn)
      return
    }
    turn.reply(exchange, answer(request, turn.disk))
  }

  /// The messages that a request asks for, as far as they are there.
  private func answer(_ request: ConsumeRequest, _ disk: any Disk) -> Response {
    let partition = partitions[request.partition]
    guard request.offset >= partition.firstOffset else {
      return .json(410) { writer in
        writer.beginObject()
        writer.name("error")
        writer.beginObject()
        writer.member("code", "OFFSET_NOT_RETAINED")
        writer.member("message", "offset \(request.offset) is no longer held; the first one is \(partition.firstOffset)")
        writer.member("field", "offset")
        writer.member("first_offset", partition.firstOffset)
        writer.endObject()
        writer.endObject()
      }
    }
    var messages: [StoredMessage] = []
    var bytes = 0
    var offset = request.offset
    var loaded: (location: JournalLocation, messages: [StoredMessage])?
    while messages.count < request.count, bytes < configuration.answerBytes, let place = partition.place(of: offset) {
      if let recent = partition.recentMessage(at: offset) {
        messages.append(recent)
      } else {
        do {
          if loaded?.location != place.location { loaded = (place.location, try load(place.location, disk)) }
          guard let found = loaded?.messages, found.indices.contains(Int(place.index)) else {
            throw JournalError.notHeld(place.location.position)
          }
          messages.append(found[Int(place.index)])
        } catch {
          // What stands before a damaged record is good: it is given, and the next request tells of the damage.
          if !messages.isEmpty { break }
          return .failure(500, code: "UNREADABLE", message: "offset \(offset) cannot be read: \(error)")
        }
      }
      bytes += messages.last?.value.count ?? 0
      offset += 1
    }
    return Self.response(messages, nextOffset: offset)
  }

  private func load(_ location: JournalLocation, _ disk: any Disk) throws -> [StoredMessage] {
    guard let payload = try journal?.read(location, from: disk), case .messages(let messages) = try QueueRecord(payload[...]) else {
      throw JournalError.notHeld(location.position)
    }
    return messages
  }

  /// The values are JSON text already and are written through as they are.
  private static func response(_ messages: [StoredMessage], nextOffset: Int64) -> Response {
    var body: [UInt8] = []
    body.reserveCapacity(64 + messages.reduce(0) { $0 + $1.value.count + $1.key.utf8.count + 48 })
    body += "{\"messages\":[".utf8
    for (index, message) in messages.enumerated() {
      if index > 0 { body.append(UInt8(ascii: ",")) }
      body += "{\"offset\":\(message.offset),\"key\":".utf8
      body += (try? JSON.string(message.key).serialized()) ?? []
      body += ",\"value\":".utf8
      body += message.value
      body.append(UInt8(ascii: "}"))
    }
    body += "],\"next_offset\":\(nextOffset)}".utf8
    return Response(status: 200, headers: ["content-type": "application/json"], body: body)
  }

  // MARK: long polls

  private mutating func serveWaiters(_ touched: Set<Int>, _ turn: inout Turn) {
    guard !touched.isEmpty, !waiters.isEmpty else { return }
    var remaining: [Waiter] = []
    for waiter in waiters {
      if touched.contains(waiter.request.partition), waiter.request.offset < partitions[waiter.request.partition].nextOffset {
        turn.reply(waiter.exchange, answer(waiter.request, turn.disk))
      } else {
        remaining.append(waiter)
      }
    }
    waiters = remaining
  }

  private mutating func endWaits(_ turn: inout Turn) {
    var remaining: [Waiter] = []
    for waiter in waiters {
      if waiter.until <= turn.now {
        turn.reply(waiter.exchange, Self.response([], nextOffset: waiter.request.offset))
      } else {
        remaining.append(waiter)
      }
    }
    waiters = remaining
    armWaits(&turn)
  }

  private mutating func armWaits(_ turn: inout Turn) {
    guard let first = waiters.lazy.map(\.until).min() else { return }
    if let wake = waitersWake {
      if wake.at <= first { return }
      turn.cancelWake(wake.timer)
    }
    waitersWake = (turn.wake(at: first), first)
  }

  // MARK: retention

  /// Where the log is longer than it may be: a checkpoint first, and once that is durable the oldest segments go.
  private mutating func beginDiscarding(_ turn: inout Turn) {
    guard discarding == nil, let journal, journal.fileBytes > configuration.retentionBytes else { return }
    let checkpoint = QueueRecord.checkpoint(nextOffsets: partitions.map(\.nextOffset), producers: producers.all)
    do throws(JournalError) {
      _ = try self.journal?.append(checkpoint.encoded(), to: turn.disk)
    } catch {
      return  // A full disk: the next produce tries again.
    }
    discarding = (journal.position(keepingBytes: configuration.retentionBytes), turn.notifyWhenDurable())
  }

  private mutating func discardOld(_ turn: inout Turn) {
    guard let pending = discarding, pending.durable <= turn.disk.durablePosition else { return }
    discarding = nil
    do throws(JournalError) {
      try journal?.discard(before: pending.position, on: turn.disk)
    } catch {
      return  // What is left is discarded the next time.
    }
    guard let start = journal?.start else { return }
    for index in partitions.indices { partitions[index].forget(before: start) }
  }

  // MARK: topics

  private func topics() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("topics")
      writer.beginArray()
      writer.beginObject()
      writer.member("name", QueueAPI.inboundTopic)
      writer.name("partitions")
      writer.beginArray()
      for (index, partition) in partitions.enumerated() {
        writer.beginObject()
        writer.member("partition", index)
        writer.member("first_offset", partition.firstOffset)
        writer.member("next_offset", partition.nextOffset)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
      writer.endArray()
      writer.endObject()
    }
  }
}
