// A cache as a node: values with a time to live, counters, locks with fencing tokens, messages to whoever listens. What the
// sources use Redis for. Interface and guarantees: `CacheAPI`.
//
// Fault model. All is memory, and a restart forgets it. Tokens of locks do not repeat all the same: the upper half of a token
// is the life of the node, which its host keeps on the disk. A lock that was held when the node died may be given to another
// at once; whoever guards something by it sees that by the greater token. Values, counters and locks whose time is over are
// not given out, whenever they are cleaned away. Bounded: bytes of values and counters (what was used longest ago goes),
// locks, listeners, and what waits for a slow listener, who is cut off beyond that.
// Parts: Cache+Entries, Cache+Locks, Cache+Messages, CacheListeners. In front of a Redis in the place of memory: Redis/RedisFront.

import HeapModule
import Resilience
import StoresAPI
import Vocabulary
import Wire

/// What a cache may take.
public struct CacheConfiguration: Sendable {
  /// Bytes of values and counters, with what each costs beside its bytes.
  public var maximumBytes = 256 << 20
  /// Locks that are held at once.
  public var maximumLocks = 100_000
  /// Those who listen at once.
  public var maximumListeners = 10_000
  /// Bytes of messages that wait for one listener.
  public var maximumWaitingBytes = 256 << 10
  /// How often what is over is cleaned away.
  public var cleanEvery = TimeSpan.milliseconds(250)
  /// How much is cleaned away in one turn.
  public var cleanedAtOnce = 2_000

  /// The usual bounds.
  public init() {}
}

/// The machine.
public struct Cache: Machine {
  /// What a request wants.
  enum Route: Sendable {
    case get, put, delete, count, counter, deleteCounter, lock, renew, unlock, lockState, publish, subscribe, health, metrics
  }

  static let routes = RouteTable<Route>([
    .init(.get, "/entries", .get), .init(.put, "/entries", .put), .init(.delete, "/entries", .delete),
    .init(.post, "/counters", .count), .init(.get, "/counters", .counter), .init(.delete, "/counters", .deleteCounter),
    .init(.post, "/locks", .lock), .init(.put, "/locks", .renew), .init(.delete, "/locks", .unlock), .init(.get, "/locks", .lockState),
    .init(.post, "/messages", .publish), .init(.get, "/messages", .subscribe),
    .init(.get, "/health", .health), .init(.get, "/metrics", .metrics),
  ])

  let configuration: CacheConfiguration
  var entries: [ExactName: Entry] = [:]
  var counters: [ExactName: Counter] = [:]
  var order = RecencyOrder()
  var usedBytes = 0
  var locks: [ExactName: Lock] = [:]
  var locksGiven: UInt64 = 0
  var listeners: CacheListeners
  /// When something is over, soonest first; of what was changed since, nothing.
  var endings = Heap<Ending>()
  private var cleaning: TimerID?
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var gets: UInt64 = 0
    var hits: UInt64 = 0
    var puts: UInt64 = 0
    var deleted: UInt64 = 0
    var steps: UInt64 = 0
    var evicted: UInt64 = 0
    var expired: UInt64 = 0
    var locksRefused: UInt64 = 0
    var published: UInt64 = 0
  }

  /// What comes to an end.
  struct Ending: Comparable {
    enum Kind: Int {
      case entry, counter, lock
    }

    var at: Instant
    var kind: Kind
    var name: ExactName

    static func < (left: Ending, right: Ending) -> Bool {
      (left.at, left.kind.rawValue, left.name) < (right.at, right.kind.rawValue, right.name)
    }
  }

  /// An empty cache.
  public init(_ configuration: CacheConfiguration = CacheConfiguration()) {
    self.configuration = configuration
    listeners = CacheListeners(
      maximumListeners: configuration.maximumListeners, maximumWaitingBytes: configuration.maximumWaitingBytes)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: CacheAPI.maximumValueBytes) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      // Copied, so that the route's own work may change this.
      let routes = Self.routes
      routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try answer(exchange, match, request, &turn)
      }
    case .stream(let id, let part): if !listeners.hear(id, part, &turn) { listeners.forget(id) }
    case .timer(let timer): if timer == cleaning { clean(&turn) }
    case .abandoned(let id): listeners.forget(id)
    case .response, .failed, .message, .durable, .completed: break
    }
  }

  private mutating func answer(
    _ exchange: ExchangeID, _ match: RouteTable<Route>.Match, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let ask = CacheRequest(match.target)
    switch match.route {
    case .get: turn.reply(exchange, try get(ask, turn.now, turn.planted), .immediately)
    case .put: turn.reply(exchange, try put(ask, request, &turn), .immediately)
    case .delete: turn.reply(exchange, try delete(ask, turn.now, turn.planted), .immediately)
    case .count: turn.reply(exchange, try count(ask, &turn), .immediately)
    case .counter: turn.reply(exchange, try counter(ask, turn.now), .immediately)
    case .deleteCounter: turn.reply(exchange, try deleteCounter(ask, turn.now), .immediately)
    case .lock: turn.reply(exchange, try lock(ask, &turn), .immediately)
    case .renew: turn.reply(exchange, try renew(ask, &turn), .immediately)
    case .unlock: turn.reply(exchange, try unlock(ask, turn.now), .immediately)
    case .lockState: turn.reply(exchange, try lockState(ask, turn.now), .immediately)
    case .publish: turn.reply(exchange, try publish(ask, request, &turn), .immediately)
    case .subscribe: try subscribe(exchange, ask, &turn)
    case .health:
      try ask.only([])
      turn.reply(exchange, .up { $0.member("entries", entries.count) }, .immediately)
    case .metrics:
      try ask.only([])
      turn.reply(exchange, metrics(), .immediately)
    }
  }

  // MARK: what is over

  /// Notes when something ends, and sees to it that it is cleaned away.
  mutating func note(_ ending: Ending, _ turn: inout Turn) {
    endings.insert(ending)
    if cleaning == nil { cleaning = turn.wake(after: configuration.cleanEvery) }
  }

  private mutating func clean(_ turn: inout Turn) {
    cleaning = nil
    var left = configuration.cleanedAtOnce
    while left > 0, let next = endings.min, next.at <= turn.now {
      endings.removeMin()
      left -= 1
      switch next.kind {
      case .entry:
        if let entry = entries[next.name], Self.isOver(entry.expires, turn.now) { removeEntry(next.name, entry, isExpired: true) }
      case .counter:
        if let found = counters[next.name], Self.isOver(found.expires, turn.now) { removeCounter(next.name, found, isExpired: true) }
      case .lock: if let lock = locks[next.name], lock.expires <= turn.now { locks[next.name] = nil }
      }
    }
    if !endings.isEmpty { cleaning = turn.wake(after: left > 0 ? configuration.cleanEvery : .milliseconds(1)) }
  }

  static func isOver(_ expires: Instant?, _ now: Instant) -> Bool { expires.map { $0 <= now } ?? false }

  private func metrics() -> Response {
    var text = MetricsText()
    text.family("cache_entries", .gauge, help: "Values that are kept, some of them over and not cleaned away yet.")
    text.count(UInt64(entries.count))
    text.family("cache_memory_bytes", .gauge, unit: "bytes", help: "What values and counters take.")
    text.count(UInt64(usedBytes))
    text.family("cache_gets", .counter, help: "Values that were asked for, by whether they were there.")
    text.count(figures.hits, [("result", "hit")])
    text.count(figures.gets - figures.hits, [("result", "miss")])
    text.counters([
      ("cache_puts", "Values that were stored.", figures.puts), ("cache_evictions", "What had to go for want of room.", figures.evicted),
      ("cache_expirations", "What was cleaned away since its time was over.", figures.expired),
      ("cache_locks_refused", "Locks that somebody else held.", figures.locksRefused),
      ("cache_messages_published", "Messages.", figures.published),
      ("cache_messages_delivered", "Messages, by listener.", listeners.delivered),
      ("cache_listeners_cut_off", "Listeners who took messages too slowly.", listeners.cutOff),
    ])
    text.family("cache_locks", .gauge, help: "Locks that are held.")
    text.count(UInt64(locks.count))
    text.family("cache_listeners", .gauge, help: "Those who listen.")
    text.count(UInt64(listeners.count))
    return Response(status: 200, headers: ["content-type": MetricsText.contentType], body: text.finish())
  }
}

/// What a request's query says.
struct CacheRequest {
  let target: HTTPTarget

  init(_ target: HTTPTarget) { self.target = target }

  private func read<Value>(_ body: () throws(HTTPTargetError) -> Value) throws(RequestProblem) -> Value {
    do throws(HTTPTargetError) { return try body() } catch { throw RequestProblem(error) }
  }

  func only(_ names: [String]) throws(RequestProblem) { try read { () throws(HTTPTargetError) in try target.onlyItems(names) } }

  func has(_ name: String) throws(RequestProblem) -> Bool {
    try read { () throws(HTTPTargetError) in try target.item(name) != nil }
  }

  /// A name of 1 to `CacheAPI.maximumNameBytes` bytes.
  func name(_ item: String) throws(RequestProblem) -> ExactName {
    let text = try read { () throws(HTTPTargetError) in
      guard let text = try target.item(item) else { throw .missingItem(item) }
      guard (1...CacheAPI.maximumNameBytes).contains(text.utf8.count) else {
        throw .invalidItem(item, expected: "1 to \(CacheAPI.maximumNameBytes) bytes")
      }
      return text
    }
    return ExactName(text)
  }

  func integer(_ item: String, in range: ClosedRange<Int64>) throws(RequestProblem) -> Int64? {
    try read { () throws(HTTPTargetError) in try target.integer(item, in: range) }
  }

  /// A span in milliseconds; nil where none is said.
  func span(_ item: String, upTo limit: Int64) throws(RequestProblem) -> TimeSpan? {
    try integer(item, in: 1...limit).map { .milliseconds($0) }
  }

  func required<Value>(_ item: String, _ value: Value?) throws(RequestProblem) -> Value {
    guard let value else { throw RequestProblem(HTTPTargetError.missingItem(item)) }
    return value
  }

  /// The message that a request carries.
  static func message(_ request: Request) throws(RequestProblem) -> String {
    guard request.body.count <= CacheAPI.maximumMessageBytes else {
      throw RequestProblem(
        413, code: "MESSAGE_TOO_LONG",
        message: "a message is \(CacheAPI.maximumMessageBytes) bytes at most, this one has \(request.body.count)")
    }
    // An event stream ends a line at each carriage return: what came out would not be what went in.
    guard let text = String(validating: request.body, as: UTF8.self), !request.body.contains(0x0D) else {
      throw RequestProblem(400, code: "INVALID_MESSAGE", message: "a message is text in UTF-8 without carriage returns")
    }
    return text
  }

  func condition() throws(RequestProblem) -> CacheAPI.Condition? {
    try read { () throws(HTTPTargetError) in
      guard let word = try target.item("if") else { return nil }
      guard let condition = CacheAPI.Condition(rawValue: word) else { throw .invalidItem("if", expected: "absent or present") }
      return condition
    }
  }
}
