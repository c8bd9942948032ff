// Keeping context. Each write has a number greater than any before, and the store puts it only in the place of an older one:
// an attempt that wanders through the network for long undoes nothing newer. Where the store has a newer one than ours (the
// wall clock, by which numbers begin, went back over a restart), the write takes a greater number and tries again.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ContextManager {
  /// A write under way.
  struct Write {
    enum Kind {
      case put(ContextItem)
      case delete(id: String, scope: String)
    }

    var exchange: ExchangeID
    var kind: Kind
    var deadline: Deadline
    var sequence: Int64 = 0
    /// Whether it takes the place of an item, as far as is known.
    var replaces = false
    /// How often a newer one was in its place.
    var renumbered = 0

    var scope: String {
      switch kind {
      case .put(let item): item.scope
      case .delete(_, let scope): scope
      }
    }
    var id: String {
      switch kind {
      case .put(let item): item.id
      case .delete(let id, _): id
      }
    }
  }

  /// How often a write may be given a greater number.
  private static let maximumRenumberings = 5

  mutating func put(_ exchange: ExchangeID, _ item: ContextItem, _ turn: inout Turn) throws(RequestProblem) {
    // Whether there is room tells the scope, which is mostly in memory.
    look(item.scope, Waiter(exchange: exchange, wants: .room(item), askedAt: turn.now), &turn)
  }

  /// Goes on with a put, once the scope is known.
  mutating func takeRoom(_ exchange: ExchangeID, _ item: ContextItem, _ alive: [KeptItem], _ turn: inout Turn) {
    let replaces = alive.contains { sameBytes($0.item.id, item.id) }
    guard replaces || alive.count < ContextAPI.maximumItems else {
      return turn.reply(
        exchange,
        .failure(409, code: "SCOPE_FULL", message: "the scope has \(ContextAPI.maximumItems) items, as many as it may", field: "scope"),
        .immediately)
    }
    figures.writes += 1
    let deadline = Deadline(turn.now + configuration.storeWithin)
    attempt(Write(exchange: exchange, kind: .put(item), deadline: deadline, replaces: replaces), &turn)
  }

  mutating func delete(_ exchange: ExchangeID, _ id: String, scope: String, _ turn: inout Turn) {
    guard hasTable else {
      return refuse([Waiter(exchange: exchange, wants: .item(id), askedAt: turn.now)], "the store has not answered yet", &turn)
    }
    figures.deletions += 1
    let deadline = Deadline(turn.now + configuration.storeWithin)
    attempt(Write(exchange: exchange, kind: .delete(id: id, scope: scope), deadline: deadline), &turn)
  }

  private mutating func attempt(_ write: Write, _ turn: inout Turn) {
    var write = write
    lastSequence = max(lastSequence + 1, turn.wallClock.nanoseconds / 1_000)
    write.sequence = lastSequence
    let request: Request
    switch write.kind {
    case .put(let item):
      let expires = item.timeToLive.map { turn.wallClock + $0 }
      request = ContextRows.put(KeptItem(item: item, sequence: write.sequence, expires: expires))
    case .delete(let id, let scope):
      request = ContextRows.delete(
        scope: scope, id: id, sequence: write.sequence, expires: turn.wallClock + configuration.deletionTime)
    }
    if !turn.planted.contains(.contextKeepsMemoryOverWrites) { memory.invalidate(write.scope) }
    calls.call(
      configuration.store, request, policy: configuration.storePolicy, deadline: write.deadline, release: .immediately,
      then: .written(write), &turn)
    if turn.planted.contains(.contextAcknowledgesBeforeKeeping) { acknowledge(write, &turn) }
  }

  mutating func written(_ write: Write, _ outcome: CallOutcome, _ turn: inout Turn) {
    if !turn.planted.contains(.contextKeepsMemoryOverWrites) { memory.invalidate(write.scope) }
    if turn.planted.contains(.contextAcknowledgesBeforeKeeping) { return }
    switch outcome {
    case .success(let response) where response.status == 200: acknowledge(write, &turn)
    case .success(let response) where response.status == 409 && write.renumbered < Self.maximumRenumberings:
      calls.call(
        configuration.store, ContextRows.sequence(scope: write.scope, id: write.id), policy: configuration.storePolicy,
        deadline: write.deadline, release: .immediately, then: .numbered(write), &turn)
    case .success, .failure:
      turn.reply(
        write.exchange,
        .failure(
          503, code: "STORE_UNAVAILABLE", message: "\(Self.reason(outcome)); whether it was kept is not known", retryAfter: .seconds(1)),
        .immediately)
    }
  }

  mutating func numbered(_ write: Write, _ outcome: CallOutcome, _ turn: inout Turn) {
    guard case .success(let response) = outcome, response.status == 200, let rows = ContextRows.rows(response) else {
      return written(
        {
          var last = write
          last.renumbered = Self.maximumRenumberings
          return last
        }(), outcome, &turn)
    }
    for row in rows {
      if let sequence = try? row.member("sequence").integer(in: 0...(Int64.max - 1)) { lastSequence = max(lastSequence, sequence) }
    }
    var next = write
    next.renumbered += 1
    attempt(next, &turn)
  }

  private func acknowledge(_ write: Write, _ turn: inout Turn) {
    switch write.kind {
    case .put(let item):
      let response = Response.json(write.replaces ? 200 : 201) { writer in
        writer.beginObject()
        writer.member("id", item.id)
        writer.member("sequence", write.sequence)
        writer.endObject()
      }
      turn.reply(write.exchange, response, .immediately)
    case .delete: turn.reply(write.exchange, Response(status: 204), .immediately)
    }
  }
}
