// What callers of the context manager saw, and which writes of an item a read may show. A write that was acknowledged took
// place between its start and its end; one whose outcome nobody knows may take place up to `settle` after its start, or
// never. A write is over and done with for a read where another one of the same item certainly took place behind it and before
// the read, or its time certainly was over.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// A write of an item.
struct SeenWrite: Sendable {
  /// What it put; nil where it took the item away.
  var item: ContextItem?
  var startedAt: Instant
  /// When it was acknowledged; nil where nobody knows what became of it.
  var acknowledgedAt: Instant?

  /// How late a write may take place whose outcome nobody knows.
  static let settle = TimeSpan.milliseconds(ContextAPI.settleMilliseconds) + .seconds(2)

  /// When it has taken place at the latest.
  var latest: Instant { acknowledgedAt ?? startedAt + Self.settle }
}

/// A read, and what it showed.
struct SeenRead: Sendable {
  enum Asked: Sendable {
    case item(String)
    case items(ContextFilter)
    case adapted(ModelType, format: Int64, ContextFilter)
  }

  var asked: Asked
  var scope: ExactName
  var startedAt: Instant
  var endedAt: Instant
  /// The items of a list, or the item; in order.
  var shown: [(item: ContextItem, sequence: Int64)] = []
  /// What a model is given, and of which items.
  var adapted: JSON?
  var ids: [String] = []
  /// Whether it was answered that there is no such item.
  var isMissing = false
}

/// What was seen of the context manager.
struct SeenContext: Sendable {
  /// Writes by scope and id, in the order in which they began.
  private var writes: [ExactName: [ExactName: [SeenWrite]]] = [:]
  private(set) var reads: [SeenRead] = []
  private(set) var writeCount = 0

  init(_ record: FlightRecord) {
    for exchange in record.exchanges(to: .context) {
      guard let target = try? HTTPTarget(exchange.request.head.target) else { continue }
      let answered: Response? = if case .answered(let response) = exchange.outcome { response } else { nil }
      switch (exchange.request.head.method, target.segments.first) {
      case (.put, "context"), (.delete, "context"): take(write: exchange, target, answered)
      case (.get, "context"), (.get, "adapted"): if let answered { take(read: exchange, target, answered) }
      default: break
      }
    }
    for scope in writes.keys {
      for id in (writes[scope] ?? [:]).keys { writes[scope]?[id]?.sort { $0.startedAt < $1.startedAt } }
    }
    reads.sort { ($0.startedAt, $0.endedAt) < ($1.startedAt, $1.endedAt) }
  }

  private mutating func take(write exchange: ExchangeRecord, _ target: HTTPTarget, _ answered: Response?) {
    guard target.segments.count == 2 else { return }
    let id = target.segments[1]
    var item: ContextItem?
    let scope: String
    if exchange.request.head.method == .put {
      guard let document = try? exchange.request.document(), let read = try? ContextItem(id, document) else { return }
      (item, scope) = (read, read.scope)
    } else {
      guard let named = try? target.item("scope") else { return }
      scope = named
    }
    // What was refused for what it is did not take place.
    if let answered, (400..<500).contains(answered.status), answered.status != 429 { return }
    let isDone = answered.map { (200..<300).contains($0.status) } ?? false
    writeCount += 1
    writes[ExactName(scope), default: [:]][ExactName(id), default: []].append(
      SeenWrite(item: item, startedAt: exchange.startedAt, acknowledgedAt: isDone ? exchange.endedAt : nil))
  }

  private mutating func take(read exchange: ExchangeRecord, _ target: HTTPTarget, _ response: Response) {
    guard let filter = try? ContextFilter(target) else { return }
    let asked: SeenRead.Asked
    if target.segments.first == "adapted" {
      guard let word = try? target.item("model_type"), let type = ModelType.named(word) else { return }
      asked = .adapted(type, format: (try? target.integer("format", in: ModelType.formats)) ?? 1, filter)
    } else if target.segments.count == 2 {
      asked = .item(target.segments[1])
    } else {
      asked = .items(filter)
    }
    var read = SeenRead(asked: asked, scope: ExactName(filter.scope), startedAt: exchange.startedAt, endedAt: exchange.endedAt)
    if response.status == 404 {
      read.isMissing = true
      return reads.append(read)
    }
    guard response.status == 200, let document = try? response.document() else { return }
    switch asked {
    case .item: if let shown = Self.shown(document) { read.shown = [shown] }
    case .items:
      guard let list = try? document.member("items").elements(maximum: ContextAPI.maximumItems) else { return }
      for element in list { if let shown = Self.shown(element) { read.shown.append(shown) } }
    case .adapted:
      read.adapted = document.value["context"]
      guard let list = try? document.member("items").elements(maximum: ContextAPI.maximumItems) else { return }
      for element in list { if let id = try? element.string(maximumBytes: 1_024) { read.ids.append(id) } }
    }
    reads.append(read)
  }

  private static func shown(_ field: JSONField) -> (item: ContextItem, sequence: Int64)? {
    guard case .object(let members) = field.value, let id = try? field.member("id").string(maximumBytes: 1_024),
      let sequence = try? field.member("sequence").integer()
    else { return nil }
    let rest = members.filter { !["id", "sequence", "remaining_ms"].contains($0.name) }
    guard let item = try? ContextItem(id, JSONField(.object(rest))) else { return nil }
    return (item, sequence)
  }

  /// The ids that were ever written in a scope.
  func ids(_ scope: ExactName) -> [ExactName] { (writes[scope] ?? [:]).keys.sorted() }

  /// The writes of an item that a read from `start` to `end` may show, also such as took it away; oldest first.
  func candidates(_ scope: ExactName, _ id: ExactName, from start: Instant, until end: Instant) -> [SeenWrite] {
    guard let all = writes[scope]?[id] else { return [] }
    // A write is done with where one certainly began behind it that was acknowledged before the read: the latest such tells.
    var found: [SeenWrite] = []
    var latest: Instant?
    for write in all.reversed() where write.startedAt <= end {
      if let latest, latest > write.latest {
        // Of what began longer before that than any write may take, nothing is left.
        if latest > write.startedAt + SeenWrite.settle { break }
        continue
      }
      found.append(write)
      if latest == nil, let done = write.acknowledgedAt, done < start { latest = write.startedAt }
    }
    return found.reversed()
  }

  /// Of these, those whose time was not certainly over when the read began: the items that it may show.
  func shows(_ scope: ExactName, _ id: ExactName, from start: Instant, until end: Instant) -> [ContextItem] {
    candidates(scope, id, from: start, until: end).compactMap { write in
      guard let item = write.item else { return nil }
      if let span = item.timeToLive, start > write.latest + span { return nil }
      return item
    }
  }

  /// What a read must show of an item: nil where it may show nothing. Where nothing took it away, and of each write that it
  /// may show the time was certainly not over when the read ended.
  func mustShow(_ scope: ExactName, _ id: ExactName, from start: Instant, until end: Instant) -> [ContextItem]? {
    let candidates = candidates(scope, id, from: start, until: end)
    guard candidates.contains(where: { $0.acknowledgedAt.map { $0 < start } ?? false }) else { return nil }
    var items: [ContextItem] = []
    for write in candidates {
      guard let item = write.item else { return nil }
      if let span = item.timeToLive, end >= write.startedAt + span { return nil }
      items.append(item)
    }
    return items
  }

  /// The writes that a read may show, in words.
  func words(_ scope: ExactName, _ id: ExactName, from start: Instant, until end: Instant) -> String {
    candidates(scope, id, from: start, until: end).map { write in
      let what = write.item.map { "put by \($0.owner)\($0.timeToLive.map { " for \($0.label)" } ?? "")" } ?? "taken away"
      return "\(what) from \(write.startedAt.label) until \(write.acknowledgedAt?.label ?? "nobody knows when")"
    }.joined(separator: ", ")
  }
}
