// Values and counters: stored, given out, counted, evicted.

import Resilience
import StoresAPI
import Vocabulary
import Wire

/// A value.
struct Entry {
  var value: [UInt8]
  var contentType: String?
  /// When it is over; nil of one without end.
  var expires: Instant?
  /// Where it stands in the order of use.
  var slot: Int
}

/// A counter.
struct Counter {
  var value: Int64
  var expires: Instant?
  var slot: Int
}

extension Cache {
  /// What an entry or a counter takes beside the bytes of its name and value.
  private static var overheadBytes: Int { 160 }
  /// Counters stand in the order of use under names that no entry has: no target of a request holds a zero.
  private static func ordered(counter name: ExactName) -> ExactName { ExactName("\u{0}" + name.text) }

  private static func bytes(_ name: ExactName, _ entry: Entry) -> Int {
    name.text.utf8.count + entry.value.count + (entry.contentType?.utf8.count ?? 0) + overheadBytes
  }
  private static func bytes(_ name: ExactName) -> Int { name.text.utf8.count + 8 + overheadBytes }

  // MARK: values

  mutating func get(_ ask: CacheRequest, _ now: Instant, _ planted: PlantedBugs) throws(RequestProblem) -> Response {
    try ask.only(["key"])
    let name = try ask.name("key")
    figures.gets += 1
    guard let entry = planted.contains(.cacheServesWhatIsOver) ? entries[name] : live(name, now) else {
      return .failure(404, code: "NO_SUCH_ENTRY", message: "there is nothing under this key", field: "key")
    }
    figures.hits += 1
    order.use(entry.slot)
    var headers: Headers = ["content-type": entry.contentType ?? "application/octet-stream"]
    if let expires = entry.expires { headers.append(CacheAPI.remainingHeader, "\(max(0, (expires - now).milliseconds))") }
    return Response(status: 200, headers: headers, body: entry.value)
  }

  mutating func put(_ ask: CacheRequest, _ request: Request, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["key", "ttl", "if"])
    let name = try ask.name("key")
    let span = try ask.span("ttl", upTo: CacheAPI.maximumTimeToLiveMilliseconds)
    var condition = try ask.condition()
    if turn.planted.contains(.cacheIgnoresConditions) { condition = nil }
    let before = live(name, turn.now)
    switch (condition, before) {
    case (.absent, .some):
      return .failure(412, code: "CONDITION_FAILED", message: "there is a value under this key already", field: "if")
    case (.present, nil): return .failure(412, code: "CONDITION_FAILED", message: "there is no value under this key", field: "if")
    case (nil, _), (.absent, nil), (.present, .some): break
    }
    var wanted = Entry(
      value: request.body, contentType: request.head.headers["content-type"], expires: span.map { turn.now + $0 }, slot: 0)
    guard Self.bytes(name, wanted) <= configuration.maximumBytes else {
      throw RequestProblem(507, code: "NO_ROOM", message: "the value is longer than all room of this cache")
    }
    if let old = entries[name] {
      if turn.planted.contains(.cacheKeepsTheFirstEnd) { wanted.expires = old.expires }
      removeEntry(name, old, isExpired: false)
    }
    insert(name, wanted, &turn)
    return Response(status: before == nil ? 201 : 204)
  }

  private mutating func insert(_ name: ExactName, _ entry: Entry, _ turn: inout Turn) {
    var entry = entry
    entry.slot = order.add(name)
    usedBytes += Self.bytes(name, entry)
    if let expires = entry.expires { note(Ending(at: expires, kind: .entry, name: name), &turn) }
    entries[name] = entry
    figures.puts += 1
    makeRoom()
  }

  mutating func delete(_ ask: CacheRequest, _ now: Instant, _ planted: PlantedBugs) throws(RequestProblem) -> Response {
    if try ask.has("pattern") {
      try ask.only(["pattern"])
      let pattern = KeyPattern(try ask.name("pattern").text)
      let found = entries.filter { planted.contains(.cacheDeletesTooMuch) || pattern.matches($0.key.text) }
      var removed = 0
      for (name, entry) in found {
        if !Self.isOver(entry.expires, now) { removed += 1 }
        removeEntry(name, entry, isExpired: false)
      }
      return .json(200) { writer in
        writer.beginObject()
        writer.member("removed", removed)
        writer.endObject()
      }
    }
    try ask.only(["key"])
    let name = try ask.name("key")
    guard let entry = live(name, now) else {
      return .failure(404, code: "NO_SUCH_ENTRY", message: "there is nothing under this key", field: "key")
    }
    figures.deleted += 1
    if planted.contains(.cacheDeletesLater), figures.deleted % 8 == 0 { return Response(status: 204) }
    removeEntry(name, entry, isExpired: false)
    return Response(status: 204)
  }

  /// The entry of a name whose time is not over.
  private func live(_ name: ExactName, _ now: Instant) -> Entry? {
    entries[name].flatMap { Self.isOver($0.expires, now) ? nil : $0 }
  }

  mutating func removeEntry(_ name: ExactName, _ entry: Entry, isExpired: Bool) {
    entries[name] = nil
    order.remove(entry.slot)
    usedBytes -= Self.bytes(name, entry)
    figures.expired += isExpired ? 1 : 0
    invariant(usedBytes >= 0, "a cache of \(entries.count) entries takes \(usedBytes) bytes")
  }

  /// Lets go what was used longest ago, until the rest has room.
  private mutating func makeRoom() {
    while usedBytes > configuration.maximumBytes, let oldest = order.first {
      figures.evicted += 1
      if let entry = entries[oldest] {
        removeEntry(oldest, entry, isExpired: false)
      } else {
        let name = ExactName(String(oldest.text.unicodeScalars.dropFirst()))
        guard let found = counters[name] else { breakInvariant("the order of use knows \(oldest.text), which nobody else does") }
        removeCounter(name, found, isExpired: false)
      }
    }
  }

  // MARK: counters

  mutating func count(_ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["key", "by", "ttl"])
    let name = try ask.name("key")
    let step = try ask.integer("by", in: .min ... .max) ?? 1
    let span = try ask.span("ttl", upTo: CacheAPI.maximumTimeToLiveMilliseconds)
    var found: Counter
    if let known = liveCounter(name, turn.now) {
      found = known
      order.use(found.slot)
    } else {
      if let old = counters[name] { removeCounter(name, old, isExpired: true) }
      found = Counter(value: 0, expires: span.map { turn.now + $0 }, slot: order.add(Self.ordered(counter: name)))
      usedBytes += Self.bytes(name)
      if let expires = found.expires { note(Ending(at: expires, kind: .counter, name: name), &turn) }
    }
    let (value, isOverflow) = found.value.addingReportingOverflow(step)
    figures.steps += 1
    let isLost = turn.planted.contains(.cacheLosesSteps) && figures.steps % 8 == 0
    if !isOverflow, !isLost { found.value = value }
    counters[name] = found
    makeRoom()
    guard !isOverflow else {
      throw RequestProblem(
        409, code: "COUNTER_OVERFLOW", message: "the counter is at \(found.value), and \(step) more is beyond 64 bits", field: "by")
    }
    return Self.answer(value)
  }

  func counter(_ ask: CacheRequest, _ now: Instant) throws(RequestProblem) -> Response {
    try ask.only(["key"])
    guard let found = liveCounter(try ask.name("key"), now) else {
      return .failure(404, code: "NO_SUCH_COUNTER", message: "there is no counter under this key", field: "key")
    }
    return Self.answer(found.value)
  }

  mutating func deleteCounter(_ ask: CacheRequest, _ now: Instant) throws(RequestProblem) -> Response {
    try ask.only(["key"])
    let name = try ask.name("key")
    guard let found = liveCounter(name, now) else {
      return .failure(404, code: "NO_SUCH_COUNTER", message: "there is no counter under this key", field: "key")
    }
    removeCounter(name, found, isExpired: false)
    return Response(status: 204)
  }

  private static func answer(_ value: Int64) -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.member("value", value)
      writer.endObject()
    }
  }

  private func liveCounter(_ name: ExactName, _ now: Instant) -> Counter? {
    counters[name].flatMap { Self.isOver($0.expires, now) ? nil : $0 }
  }

  mutating func removeCounter(_ name: ExactName, _ found: Counter, isExpired: Bool) {
    counters[name] = nil
    order.remove(found.slot)
    usedBytes -= Self.bytes(name)
    figures.expired += isExpired ? 1 : 0
  }
}
