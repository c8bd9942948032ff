// Produce: records on their way into partitions. A request is taken apart by partition; each piece is one entry of its
// partition's log, proposed here where this broker leads it, else forwarded to the broker that does.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

/// A produce whose pieces are under way.
struct ProduceTicket {
  /// What the answer looks like.
  enum Form {
    case single, batch
    case bulk(partition: Int)
  }

  /// The records of one partition, by their places in the request; none are listed for a bulk request.
  struct Piece {
    var partition: Int
    var records: [Int]
  }

  /// Who waits; nil once nobody does.
  var exchange: ExchangeID?
  /// For what it waits.
  var acknowledgement: Acknowledgement
  var form: Form
  var pieces: [Piece]
  var left: Int
  var places: [RecordPlace]
  var stretches: [OffsetStretch] = []
  /// How many records there are in all pieces.
  var count: Int
  /// The answer where a piece came to nothing; the first counts.
  var refusal: Response?
}

extension MessageQueue {
  mutating func produce(
    _ exchange: ExchangeID, _ target: HTTPTarget, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let wanted: ProduceTarget
    do throws(HTTPTargetError) { wanted = try ProduceTarget(target) } catch { throw RequestProblem(error) }
    if request.head.headers["content-type"] == RecordBatch.contentType {
      return try produceBulk(exchange, wanted, request, &turn)
    }
    guard wanted.topic == nil, wanted.partition == nil else {
      throw RequestProblem(
        400, code: "INVALID_TARGET",
        message: "topic and partition stand in the query only with the content type \(RecordBatch.contentType)",
        field: wanted.topic == nil ? "partition" : "topic")
    }
    let produce = try request.decoded(ProduceRequest.init(_:))
    guard let topic = registry.number(of: produce.topic) else { return try unknownTopic(exchange, request, &turn) }
    var records: [[Int]] = Array(repeating: [], count: QueueAPI.partitionCount)
    var values: [[UInt8]] = []
    values.reserveCapacity(produce.records.count)
    let isCompacted = registry.topics[topic].description.isCompacted
    for (index, record) in produce.records.enumerated() {
      if isCompacted, record.key == nil { throw Self.needsKeys(produce.isBatch ? "records[\(index)].key" : "key") }
      guard let value = try? record.value.serialized(), value.count <= QueueAPI.maximumValueBytes else {
        throw RequestProblem(
          413, code: "VALUE_TOO_LARGE", message: "a value is longer than \(QueueAPI.maximumValueBytes) bytes",
          field: produce.isBatch ? "records[\(index)].value" : "value")
      }
      values.append(value)
      records[route(record, index, turn.planted)].append(index)
    }
    let partitions = records.indices.filter { !records[$0].isEmpty }
    for partition in partitions where !isOpen(group(topic: topic, partition: partition)) {
      return park(exchange, request, .leader(group(topic: topic, partition: partition)), &turn)
    }
    let ticket = open(
      ProduceTicket(
        exchange: exchange, acknowledgement: wanted.acknowledgement, form: produce.isBatch ? .batch : .single,
        pieces: partitions.map { ProduceTicket.Piece(partition: $0, records: records[$0]) }, left: partitions.count,
        places: Array(repeating: RecordPlace(partition: 0, offset: 0), count: produce.records.count), count: produce.records.count), &turn)
    for (piece, partition) in partitions.enumerated() {
      var writer = RecordBatchWriter(
        appendingTo: PartitionEntry.prefix(
          timestampMilliseconds: turn.wallClock.milliseconds, capacity: records[partition].reduce(64) { $0 + values[$1].count + 64 }))
      for run in Self.runs(of: records[partition], in: produce.records) {
        let isKeyless = run.records.first.map { produce.records[$0].key == nil } ?? false
        writer.write(count: run.records.count, isJSON: true, isKeyless: isKeyless, identity: run.identity) { place, writer in
          writer.prefixedString(produce.records[run.records[place]].key ?? "")
          writer.prefixedBytes(values[run.records[place]])
        }
      }
      send(writer.finish(), topic: topic, partition, ticket: ticket, piece: piece, request, &turn)
    }
    answerBehindOwnDisk(ticket, topic: topic)
  }

  private static func needsKeys(_ field: String) -> RequestProblem {
    RequestProblem(
      400, code: "INVALID_FIELD", message: "\(field): expected a key, which a compacted topic goes by, found none", field: field)
  }

  /// Routes by the key. Without one, by the producer's sequence, so that a repetition meets what it repeats, and else
  /// by turns. A planted bug routes by arrival.
  private mutating func route(_ record: ProduceRecord, _ index: Int, _ planted: PlantedBugs) -> Int {
    guard let key = record.key else {
      if let identity = record.identity {
        return PartitionRouting.partition(of: "\(identity.producer)/\(identity.sequence)", count: QueueAPI.partitionCount)
      }
      nextKeylessPartition = (nextKeylessPartition + 1) % QueueAPI.partitionCount
      return nextKeylessPartition
    }
    if planted.contains(.queueRoutesByArrival) { return Int((number() &+ UInt64(index)) % UInt64(QueueAPI.partitionCount)) }
    return PartitionRouting.partition(of: key, count: QueueAPI.partitionCount)
  }

  /// Divides records into batches: each of one producer's incarnation, all with keys or all without, with sequences
  /// that do not fall.
  private static func runs(of places: [Int], in records: [ProduceRecord]) -> [(identity: BatchIdentity?, records: [Int])] {
    var runs: [(first: ProducerSequence?, isKeyless: Bool, sequences: [Int64], records: [Int])] = []
    for place in places {
      let identity = records[place].identity
      let isKeyless = records[place].key == nil
      if let last = runs.last, last.isKeyless == isKeyless,
        last.first.map({ ExactName($0.producer) }) == identity.map({ ExactName($0.producer) }), last.first?.epoch == identity?.epoch,
        (identity?.sequence ?? 0) >= (last.sequences.last ?? 0)
      {
        runs[runs.count - 1].records.append(place)
        if let identity { runs[runs.count - 1].sequences.append(identity.sequence) }
      } else {
        runs.append((identity, isKeyless, identity.map { [$0.sequence] } ?? [], [place]))
      }
    }
    return runs.map { run in
      guard let first = run.first else { return (nil, run.records) }
      let isConsecutive = zip(run.sequences.dropFirst(), run.sequences).allSatisfy { $0 - $1 == 1 }
      return (
        BatchIdentity(
          producer: first.producer, epoch: first.epoch,
          sequences: isConsecutive ? .consecutive(first: first.sequence) : .listed(run.sequences)), run.records
      )
    }
  }

  private mutating func produceBulk(
    _ exchange: ExchangeID, _ wanted: ProduceTarget, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    guard let name = wanted.topic else { throw RequestProblem(HTTPTargetError.missingItem("topic")) }
    guard let partition = wanted.partition else { throw RequestProblem(HTTPTargetError.missingItem("partition")) }
    guard let topic = registry.number(of: name) else { return try unknownTopic(exchange, request, &turn) }
    let batches: [RecordBatch]
    do throws(ByteError) { batches = try RecordBatch.all(in: request.body) } catch {
      throw RequestProblem(400, code: "MALFORMED_BATCH", message: "\(error)", field: "body")
    }
    if registry.topics[topic].description.isCompacted, batches.contains(where: \.isKeyless) { throw Self.needsKeys("body") }
    let group = group(topic: topic, partition: partition)
    guard isOpen(group) else { return park(exchange, request, .leader(group), &turn) }
    let count = batches.reduce(0) { $0 + $1.count }
    let ticket = open(
      ProduceTicket(
        exchange: exchange, acknowledgement: wanted.acknowledgement, form: .bulk(partition: partition),
        pieces: [ProduceTicket.Piece(partition: partition, records: [])], left: 1, places: [], count: count), &turn)
    var entry = PartitionEntry.prefix(timestampMilliseconds: turn.wallClock.milliseconds, capacity: request.body.count)
    entry.append(contentsOf: request.body)
    send(entry, topic: topic, partition, ticket: ticket, piece: 0, request, &turn)
    answerBehindOwnDisk(ticket, topic: topic)
  }

  /// Keeps a ticket and gives its number. Whoever waits for nothing is answered at once.
  private mutating func open(_ ticket: ProduceTicket, _ turn: inout Turn) -> UInt64 {
    let number = number()
    tickets[number] = ticket
    if ticket.acknowledgement == .none, let exchange = ticket.exchange {
      tickets[number]?.exchange = nil
      turn.reply(exchange, Self.accepted(ticket.count), .immediately)
    }
    return number
  }

  /// Lets whoever waits for the leader's own disk only be answered behind this turn's writes, where all pieces were
  /// proposed here. Pieces that another broker leads are on no leader's disk when they are on this one: then it is
  /// answered once those leaders have answered, and what was proposed here is on a majority's disks. So it is where a
  /// piece was refused.
  private mutating func answerBehindOwnDisk(_ ticket: UInt64, topic: Int) {
    guard let found = tickets[ticket], found.acknowledgement == .leader, found.refusal == nil, let exchange = found.exchange,
      found.pieces.allSatisfy({ server.isLeader(of: group(topic: topic, partition: $0.partition)) })
    else { return }
    tickets[ticket]?.exchange = nil
    answersBehindWrites.append((exchange, Self.accepted(found.count)))
  }

  private static func accepted(_ count: Int) -> Response {
    .json(202) { writer in
      writer.beginObject()
      writer.member("accepted", count)
      writer.endObject()
    }
  }

  /// Sends a piece to its partition's leader. `entry` is the whole entry: a forwarded one leaves its beginning behind.
  private mutating func send(
    _ entry: [UInt8], topic: Int, _ partition: Int, ticket: UInt64, piece: Int, _ request: Request, _ turn: inout Turn
  ) {
    let group = group(topic: topic, partition: partition)
    guard server.isLeader(of: group) else {
      let bulk = ProduceTarget.request(
        topic: registry.topics[topic].description.name, partition: partition, tickets[ticket]?.acknowledgement == .leader ? .leader : .all,
        batches: Array(entry[PartitionEntry.batchesPrefixBytes...]))
      return forward(bulk, to: way(toLeaderOf: group, &turn), of: request, then: .piece(ticket: ticket, piece: piece), &turn)
    }
    do throws(ProposalRefusal) {
      let position = try server.propose(entry, to: group, turn.disk)
      proceed(at: position, of: group, with: .records(ticket: ticket, piece: piece))
      if turn.planted.contains(.queueAcknowledgesEarly) { acknowledgeEarly(ticket, piece, group, &turn) }
    } catch {
      settle(ticket, piece, refusal: Self.refusal(error))
    }
    answerIfSettled(ticket, &turn)
  }

  static func refusal(_ error: ProposalRefusal) -> Response {
    switch error {
    case .full: .failure(503, code: "DISK_FULL", message: "the queue's disk is full; nothing was stored", retryAfter: .seconds(1))
    case .notLeader, .transferring:
      .failure(503, code: "NO_LEADER", message: "the partition's leader is changing; nothing was stored", retryAfter: .seconds(1))
    }
  }

  /// The planted bug: the answer leaves with the offsets that the records will get, before they are on any disk.
  private mutating func acknowledgeEarly(_ ticket: UInt64, _ piece: Int, _ group: GroupID, _ turn: inout Turn) {
    guard let found = tickets[ticket], let exchange = found.exchange else { return }
    var offset = logs[Int(group.value) - 1].nextOffset
    for record in found.pieces[piece].records {
      tickets[ticket]?.places[record] = RecordPlace(partition: found.pieces[piece].partition, offset: offset)
      offset += 1
    }
    guard piece == found.pieces.count - 1, let places = tickets[ticket]?.places else { return }
    turn.reply(exchange, ProduceResponse(places: places, isBatch: found.pieces.count > 1 || places.count > 1).response(), .immediately)
    tickets[ticket]?.exchange = nil
  }

  // MARK: what comes back

  /// A piece's records lie here, in their order.
  mutating func settle(_ ticket: UInt64, _ piece: Int, stretches: [OffsetStretch]) {
    guard var found = tickets.removeValue(forKey: ticket) else { return }
    found.left -= 1
    invariant(
      found.left >= 0 && found.pieces.indices.contains(piece),
      "piece \(piece) of \(found.pieces.count) is settled, and \(found.left) are left")
    switch found.form {
    case .bulk: found.stretches = stretches
    case .single, .batch:
      var record = 0
      let places = found.pieces[piece].records
      for stretch in stretches {
        for offset in stretch.offset..<(stretch.offset + Int64(stretch.count)) where record < places.count {
          found.places[places[record]] = RecordPlace(partition: found.pieces[piece].partition, offset: offset)
          record += 1
        }
      }
      // Another broker's answer may be anything.
      if record != places.count, found.refusal == nil {
        found.refusal = .failure(502, code: "PEER_FAULT", message: "another broker answered for \(record) of \(places.count) records")
      }
    }
    tickets[ticket] = found
  }

  /// A piece is on the disk of the leader that it was forwarded to: all that is known of it, and all that was asked.
  mutating func settleAccepted(_ ticket: UInt64, _ piece: Int) {
    guard let found = tickets[ticket] else { return }
    if found.acknowledgement != .leader {
      return settle(ticket, piece, refusal: .failure(502, code: "PEER_FAULT", message: "another broker did not wait for a majority"))
    }
    tickets[ticket]?.left -= 1
    invariant(found.left > 0 && found.pieces.indices.contains(piece), "piece \(piece) of ticket \(ticket) is settled twice")
  }

  /// A piece came to nothing, or may have.
  mutating func settle(_ ticket: UInt64, _ piece: Int, refusal: Response) {
    tickets[ticket]?.left -= 1
    invariant(tickets[ticket].map { $0.left >= 0 } ?? true, "piece \(piece) of ticket \(ticket) is settled twice")
    if tickets[ticket]?.refusal == nil { tickets[ticket]?.refusal = refusal }
  }

  /// Answers a request whose last piece is settled.
  mutating func answerIfSettled(_ ticket: UInt64, _ turn: inout Turn) {
    guard let found = tickets[ticket], found.left == 0 else { return }
    tickets[ticket] = nil
    guard let exchange = found.exchange else { return }
    let response: Response
    if let refusal = found.refusal {
      response = refusal
    } else {
      switch (found.acknowledgement, found.form) {
      case (.leader, _), (.none, _): response = Self.accepted(found.count)
      case (.all, .single): response = ProduceResponse(places: found.places, isBatch: false).response()
      case (.all, .batch): response = ProduceResponse(places: found.places, isBatch: true).response()
      case (.all, .bulk(let partition)): response = BulkProduceResponse(partition: partition, stretches: found.stretches).response()
      }
    }
    // What is told of is on a majority's disks.
    turn.reply(exchange, response, .immediately)
  }

  /// What became of a proposed piece.
  mutating func settle(_ ticket: UInt64, _ piece: Int, _ fates: [BatchFate], _ turn: inout Turn) {
    var stretches: [OffsetStretch] = []
    for fate in fates {
      switch fate {
      case .stored(let more):
        for stretch in more {
          if let last = stretches.last, last.offset + Int64(last.count) == stretch.offset {
            stretches[stretches.count - 1].count += stretch.count
          } else {
            stretches.append(stretch)
          }
        }
      case .tooOld:
        settle(
          ticket, piece,
          refusal: .failure(
            409, code: "SEQUENCE_TOO_OLD", message: "the producer's sequence is older than what is remembered of it", field: "sequence"))
        return answerIfSettled(ticket, &turn)
      case .fenced(let epoch):
        settle(
          ticket, piece,
          refusal: .failure(409, code: "FENCED", message: "epoch \(epoch) of the producer was heard; this one is over", field: "epoch"))
        return answerIfSettled(ticket, &turn)
      }
    }
    settle(ticket, piece, stretches: stretches)
    answerIfSettled(ticket, &turn)
  }
}
