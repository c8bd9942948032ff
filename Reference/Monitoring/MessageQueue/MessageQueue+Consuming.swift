// Consume: messages on their way out. A full answer is given by any broker from what it has applied, since committed
// messages never change. An answer that shows the partition's end is the leader's, who first asks a majority whether it
// still leads (read index): it is never stale.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

/// A long poll that waits for a first message.
struct Waiter {
  var exchange: ExchangeID
  var group: GroupID
  var request: ConsumeRequest
  var isBulk: Bool
  var until: Instant
}

extension MessageQueue {
  mutating func consume(
    _ exchange: ExchangeID, _ target: HTTPTarget, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let wanted: ConsumeRequest
    do throws(HTTPTargetError) { wanted = try ConsumeRequest(target) } catch { throw RequestProblem(error) }
    guard let topic = registry.number(of: wanted.topic) else { return try unknownTopic(exchange, request, &turn) }
    let group = group(topic: topic, partition: wanted.partition)
    let isBulk = request.head.headers["accept"] == RecordBatch.contentType
    let log = logs[Int(group.value) - 1]
    // Of a compacted topic offsets do not tell how many messages are there: its answers may show the end.
    let isFull = !registry.topics[topic].description.isCompacted && log.nextOffset - wanted.offset >= Int64(wanted.count)
    if wanted.offset < log.firstOffset || isFull {
      return turn.reply(exchange, answer(wanted, group, isBulk: isBulk, turn.disk), .immediately)
    }
    guard server.isLeader(of: group) else { return hand(exchange, request, toLeaderOf: group, &turn) }
    if turn.planted.contains(.queueReadsWithoutRound) {
      return answerOrWait(exchange, group, wanted, isBulk: isBulk, request.deadline, &turn)
    }
    ask(group, .consume(wanted, isBulk: isBulk), exchange, request, turn.now)
  }

  /// Asks whether this broker still leads `group`; `continuation` goes on once it is known.
  mutating func ask(_ group: GroupID, _ continuation: Reading.Continuation, _ exchange: ExchangeID, _ request: Request, _ now: Instant) {
    let ticket = number()
    readings[ticket] = Reading(group: group, exchange: exchange, request: request, continuation: continuation)
    server.read(group, ticket: ticket, now)
  }

  /// Goes on with the questions whose index is applied.
  mutating func goOn(_ group: GroupID, _ turn: inout Turn) {
    let applied = applied(group)
    let ready = readings.filter { $0.value.group == group && $0.value.upTo.map { $0 <= applied } == true }.keys.sorted()
    for ticket in ready {
      guard let reading = readings.removeValue(forKey: ticket) else { continue }
      let exchange = reading.exchange
      switch reading.continuation {
      case .consume(let wanted, let isBulk): answerOrWait(exchange, group, wanted, isBulk: isBulk, reading.request.deadline, &turn)
      case .offsets(let group): turn.reply(exchange, GroupOffsets(registry.offsets(of: group)).response(), .immediately)
      case .groups(let wanted): turn.reply(exchange, groupList(wanted).response(), .immediately)
      case .deletion(let group): delete(group, exchange, &turn)
      case .topic: answerUnknownTopic(exchange, reading.request, &turn)
      case .coordination(let response): turn.reply(exchange, response, .immediately)
      }
    }
  }

  private mutating func answerOrWait(
    _ exchange: ExchangeID, _ group: GroupID, _ wanted: ConsumeRequest, isBulk: Bool, _ deadline: Deadline, _ turn: inout Turn
  ) {
    guard wanted.offset >= logs[Int(group.value) - 1].nextOffset, wanted.waitMilliseconds > 0, !isStopping else {
      return turn.reply(exchange, answer(wanted, group, isBulk: isBulk, turn.disk), .immediately)
    }
    guard waiters.count < configuration.maximumWaiters else {
      return turn.reply(
        exchange, .failure(503, code: "TOO_MANY_WAITING", message: "too many long polls wait already", retryAfter: .seconds(1)))
    }
    let until = min(turn.now + .milliseconds(wanted.waitMilliseconds), deadline.instant)
    waiters.append(Waiter(exchange: exchange, group: group, request: wanted, isBulk: isBulk, until: until))
    invariant(
      waiters.count <= configuration.maximumWaiters, "\(waiters.count) long polls wait where \(configuration.maximumWaiters) may")
    armWaits(&turn)
  }

  // MARK: answers

  /// The messages that a request asks for, as far as they are there.
  private func answer(_ wanted: ConsumeRequest, _ group: GroupID, isBulk: Bool, _ disk: any Disk) -> Response {
    let log = logs[Int(group.value) - 1]
    guard wanted.offset >= log.firstOffset else {
      return .json(410) { writer in
        writer.beginObject()
        writer.name("error")
        writer.beginObject()
        writer.member("code", "OFFSET_NOT_RETAINED")
        writer.member("message", "offset \(wanted.offset) is no longer held; the first one is \(log.firstOffset)")
        writer.member("field", "offset")
        writer.member("first_offset", log.firstOffset)
        writer.endObject()
        writer.endObject()
      }
    }
    var answer = ConsumeAnswer(wanted, isBulk: isBulk, limitBytes: configuration.answerBytes)
    if wanted.offset < log.firstLoggedOffset { log.base.kept.forEach(from: wanted.offset) { answer.put($0, $1) } }
    var place = log.place(of: wanted.offset)
    var loaded: (index: LogIndex, bytes: [UInt8])?
    while !answer.isFull, place < log.stretches.count {
      let stretch = log.stretches[place]
      do {
        if loaded?.index != stretch.index {
          guard let entry = try server.entries(group, from: stretch.index, count: 1, disk).first else { break }
          loaded = (stretch.index, entry.bytes)
        }
        guard let bytes = loaded?.bytes else { break }
        try answer.put(stretch, of: bytes)
      } catch {
        // What stands before a damaged record is good: it is given, and the next request tells of the damage.
        if !answer.isEmpty { break }
        return .failure(500, code: "UNREADABLE", message: "offset \(max(wanted.offset, stretch.offset)) cannot be read: \(error)")
      }
      place += 1
    }
    // Offsets of a compacted topic have gaps, also at its end.
    if !answer.isFull, place >= log.stretches.count { answer.endsAt(log.nextOffset) }
    return answer.response()
  }

  // MARK: long polls

  /// Answers the long polls of a group to which messages came.
  mutating func serveWaiters(_ group: GroupID, _ turn: inout Turn) {
    guard !waiters.isEmpty else { return }
    let end = logs[Int(group.value) - 1].nextOffset
    guard waiters.contains(where: { $0.group == group && $0.request.offset < end }) else { return }
    var remaining: [Waiter] = []
    for waiter in waiters {
      if waiter.group == group, waiter.request.offset < end {
        turn.reply(waiter.exchange, answer(waiter.request, group, isBulk: waiter.isBulk, turn.disk), .immediately)
      } else {
        remaining.append(waiter)
      }
    }
    waiters = remaining
  }

  mutating func endWaits(_ turn: inout Turn) {
    var remaining: [Waiter] = []
    for waiter in waiters {
      if waiter.until <= turn.now {
        // Nothing came since the leader asked: that nothing was there then is what the answer says.
        turn.reply(waiter.exchange, answer(waiter.request, waiter.group, isBulk: waiter.isBulk, turn.disk), .immediately)
      } else {
        remaining.append(waiter)
      }
    }
    waiters = remaining
    armWaits(&turn)
  }

  /// A broker that leads no longer hears of nothing new: its long polls are answered with what they found.
  mutating func endWaits(of group: GroupID, _ turn: inout Turn) {
    for index in waiters.indices where waiters[index].group == group { waiters[index].until = turn.now }
    endWaits(&turn)
  }

  private mutating func armWaits(_ turn: inout Turn) {
    guard let first = waiters.lazy.map(\.until).min() else { return }
    if let wake = waitersWake {
      if wake.at <= first { return }
      turn.cancelWake(wake.timer)
    }
    invariant(waitersWake.map { $0.at > first } ?? true, "a wake at \(first) beside one at \(String(describing: waitersWake?.at))")
    waitersWake = (turn.wake(at: first), first)
  }
}
