// Giving context out: from memory where the scope is there, else once the store has given it. One load of a scope is under
// way at a time, however many wait for it.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

extension ContextManager {
  mutating func adapted(_ target: HTTPTarget, _ exchange: ExchangeID, _ turn: inout Turn) throws(RequestProblem) {
    try only(target, ["model_type", "format", "scope", "kind", "limit"])
    let word: String
    let format: Int64
    do throws(HTTPTargetError) {
      word = try target.requiredItem("model_type")
      format = try target.integer("format", in: ModelType.formats) ?? ModelType.formats.lowerBound
    } catch { throw RequestProblem(error) }
    guard let type = ModelType.named(word) ?? (turn.planted.contains(.contextGuessesTypes) ? .audioEffect : nil) else {
      figures.unknownTypes += 1
      throw RequestProblem(
        400, code: "UNKNOWN_MODEL_TYPE", message: "model_type: expected one of \(ModelType.words), found \(quoted(word))",
        field: "model_type")
    }
    let filter = try ContextFilter(target)
    look(filter.scope, Waiter(exchange: exchange, wants: .adapted(type, format: format, filter), askedAt: turn.now), &turn)
  }

  /// Gives `waiter` what it wants of a scope, now or once it is loaded.
  mutating func look(_ scope: String, _ waiter: Waiter, _ turn: inout Turn) {
    guard hasTable else { return refuse([waiter], "the store has not answered yet", &turn) }
    switch memory.look(scope, for: waiter, at: turn.now) {
    case .hit(let items): give(items, to: [waiter], &turn)
    case .failed(let reason): refuse([waiter], reason, &turn)
    case .joined: break
    case .load(let load):
      calls.call(
        configuration.store, ContextRows.scope(load.key), policy: configuration.storePolicy,
        deadline: Deadline(turn.now + configuration.storeWithin), release: .immediately, then: .loaded(load), &turn)
    }
  }

  mutating func loaded(_ load: TieredCache<[KeptItem], Waiter>.Load, _ outcome: CallOutcome, _ turn: inout Turn) {
    guard case .success(let response) = outcome, response.status == 200, let rows = ContextRows.rows(response) else {
      return refuse(memory.failed(load, Self.reason(outcome), at: turn.now), Self.reason(outcome), &turn)
    }
    var items: [KeptItem] = []
    for row in rows {
      guard let kept = try? KeptItem(row) else {
        let reason = "a row of the store does not read"
        return refuse(memory.failed(load, reason, at: turn.now), reason, &turn)
      }
      items.append(kept)
    }
    items.sort(by: KeptItem.precedes)
    // In memory the scope lives as long as memory keeps anything; each item's own end is asked when it is given out.
    give(items, to: memory.loaded(load, items, timeLeft: .forever, at: turn.now), &turn)
  }

  /// What an outcome of the store tells whoever asked.
  static func reason(_ outcome: CallOutcome) -> String {
    switch outcome {
    case .success(let response), .failure(.status(let response)): "the store answered \(response.status): \(ErrorAnswer(response).message)"
    case .failure(.timedOut): "the store did not answer in time"
    case .failure(.transport), .failure(.redirected): "the store cannot be reached"
    case .failure(.circuitOpen): "the store failed a moment ago, and is not asked now"
    case .failure(.bulkheadFull): "too many requests wait for the store"
    }
  }

  mutating func refuse(_ waiters: [Waiter], _ reason: String, _ turn: inout Turn) {
    for waiter in waiters {
      turn.reply(
        waiter.exchange, .failure(503, code: "STORE_UNAVAILABLE", message: reason, retryAfter: .seconds(1)), .immediately)
    }
  }

  /// Answers with what of `items` each wants, and is not over.
  private mutating func give(_ items: [KeptItem], to waiters: [Waiter], _ turn: inout Turn) {
    let wallClock = turn.wallClock
    let isLax = turn.planted.contains(.contextServesWhatIsOver)
    let alive = items.filter { isLax || !$0.isOver(at: wallClock) }
    for waiter in waiters {
      switch waiter.wants {
      case .item(let id):
        figures.retrievals.add(turn.now - waiter.askedAt)
        guard let found = alive.first(where: { sameBytes($0.item.id, id) }) else {
          turn.reply(waiter.exchange, Self.unknownItem, .immediately)
          continue
        }
        turn.reply(waiter.exchange, .json(200) { found.write(&$0, at: wallClock) }, .immediately)
      case .items(let filter):
        figures.retrievals.add(turn.now - waiter.askedAt)
        turn.reply(
          waiter.exchange,
          .json(200) { writer in
            writer.beginObject()
            writer.name("items")
            writer.beginArray()
            for kept in alive.lazy.filter({ filter.wants(kind: $0.item.kind) }).prefix(filter.limit) {
              kept.write(&writer, at: wallClock)
            }
            writer.endArray()
            writer.endObject()
          }, .immediately)
      case .adapted(let type, let format, let filter):
        figures.retrievals.add(turn.now - waiter.askedAt)
        turn.reply(waiter.exchange, adapt(alive, type, format, filter, turn.planted), .immediately)
      case .room(let item): takeRoom(waiter.exchange, item, alive, &turn)
      }
    }
  }

  static var unknownItem: Response { .failure(404, code: "CONTEXT_NOT_FOUND", message: "there is no such item, or its time is over") }

  private func adapt(
    _ alive: [KeptItem], _ type: ModelType, _ format: Int64, _ filter: ContextFilter, _ planted: PlantedBugs
  ) -> Response {
    var items: [ContextItem] = []
    for kept in alive where filter.wants(kind: kept.item.kind) {
      guard kept.item.isRead(by: type) || planted.contains(.contextIgnoresReaders) else { continue }
      items.append(kept.item)
      if items.count == filter.limit { break }
    }
    if planted.contains(.contextForgetsPriority) { items.sort { ExactName($0.id) < ExactName($1.id) } }
    var found = ContextAdapters.adapter(of: type).adapt(items, format: planted.contains(.contextAdaptsToFirstFormat) ? 1 : format)
    if planted.contains(.contextAdaptsNothing), let first = items.first {
      found = AdaptedContext(context: first.content, items: [first.id])
    }
    return .json(200) { writer in
      writer.beginObject()
      writer.member("model_type", type.rawValue)
      writer.member("format", format)
      writer.member("context", found.context)
      writer.name("items")
      writer.beginArray()
      for id in found.items { writer.value(id) }
      writer.endArray()
      writer.endObject()
    }
  }
}
