// The cache's interface in front of a Redis, which keeps what there is: values, counters, locks, messages. A machine like
// the cache itself; an adapter of its host carries its commands to the server (`RESP.md`).
//
// What a request does is one command, or one script, which Redis carries out as a whole; so the guarantees of the interface
// hold over several of these in front of one Redis. Tokens of locks rise for ever: each is greater than the one before, by
// a counter in Redis, and at least Redis's own time in microseconds, so that a Redis which forgot its counter gives greater
// ones all the same, as long as its clock is not set back.
//
// Fault model: Redis may be away, slow, full, or lose all or part of what it has. While it is away requests are answered
// 503; one that was under way when it went may have been done, and the answer says so. Who listens when the connection
// breaks is cut off, since he may miss something, and connects anew. Bounds are those of the interface; how much is kept,
// and what goes for want of room, is Redis's own affair (`maxmemory`); locks are bounded by its memory alone, and a Redis
// that evicts (a policy other than `noeviction`) may end one before its time: only its token guards it then. Limits: not
// for a cluster of Redis, since a script uses two keys.
// Parts: RedisKeys (keys and scripts), RedisFront+Requests, RedisFront+Answers, RedisFront+Messages.

import Resilience
import StoresAPI
import Vocabulary
import Wire

/// The machine.
public struct RedisFront: Machine {
  /// What follows an answer of Redis.
  enum Next: Sendable {
    case get(ExchangeID)
    case put(ExchangeID, CacheAPI.Condition?)
    case delete(ExchangeID, isCounter: Bool)
    /// A pattern's keys are taken away piece by piece.
    case sweep(ExchangeID, pattern: String, removed: Int64, rounds: Int)
    case count(ExchangeID, step: Int64)
    case counter(ExchangeID)
    case lock(ExchangeID, owner: String, span: TimeSpan)
    case renew(ExchangeID, token: Int64, span: TimeSpan)
    case unlock(ExchangeID)
    case lockState(ExchangeID)
    case publish(ExchangeID, channel: String)
    case health(ExchangeID)
    case subscribed(KeyPattern)
    case unsubscribed(KeyPattern)
    case told(link: UInt64)
  }

  let configuration: CacheConfiguration
  let commands: Endpoint
  let listening: Endpoint
  var calls = Calls<Next>()
  var listeners: CacheListeners
  var subscriptions = Subscriptions()
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var answered: UInt64 = 0
    var failed: UInt64 = 0
    var published: UInt64 = 0
    var unreadable: UInt64 = 0
  }

  /// Calls to Redis that are under way at once, and that wait for one of them; fewer than the adapter takes.
  private static let policy = CallPolicy(
    attemptTimeout: .seconds(6), attempts: 1, retry: .never, breaker: nil, bulkhead: Bulkhead.Policy(concurrent: 60, waiting: 4_096))
  private static let answerWithin = TimeSpan.seconds(6)
  /// What is listened to is asked for again and again, so long at a time.
  private static let listenFor = TimeSpan.seconds(40)
  private static let listeningPolicy = CallPolicy(
    attemptTimeout: .seconds(40), attempts: 1, retry: .never, breaker: nil, bulkhead: Bulkhead.Policy(concurrent: 60, waiting: 1_024))

  /// A front: at `commands` and `listening` stands the adapter.
  public init(commands: Endpoint, listening: Endpoint, _ configuration: CacheConfiguration = CacheConfiguration()) {
    self.configuration = configuration
    self.commands = commands
    self.listening = listening
    listeners = CacheListeners(
      maximumListeners: configuration.maximumListeners, maximumWaitingBytes: configuration.maximumWaitingBytes)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: CacheAPI.maximumValueBytes) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for one in completions { resume(one.next, one.outcome, &turn) }
      return
    }
    switch event {
    case .request(let exchange, let request):
      Cache.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try begin(exchange, match, request, &turn)
      }
    case .stream(let id, let part): if !listeners.hear(id, part, &turn) { forget(id, &turn) }
    case .abandoned(let id): forget(id, &turn)
    case .response, .failed, .message, .timer, .durable, .completed: break
    }
  }

  /// Has Redis carry a command out.
  mutating func ask(_ words: [[UInt8]], then next: Next, _ turn: inout Turn) {
    call(commands, "/commands", words, Self.policy, within: Self.answerWithin, next, &turn)
  }

  /// Has Redis begin or end to tell what a pattern matches.
  mutating func listen(_ words: [[UInt8]], then next: Next, _ turn: inout Turn) {
    call(listening, "/subscriptions", words, Self.listeningPolicy, within: Self.answerWithin, next, &turn)
  }

  /// Asks for what Redis tells on a connection.
  mutating func hearMore(of link: UInt64, _ turn: inout Turn) {
    calls.call(
      listening, Request(.post, "/told?link=\(link)"), policy: Self.listeningPolicy, deadline: Deadline(turn.now + Self.listenFor),
      release: .immediately, then: .told(link: link), &turn)
  }

  private mutating func call(
    _ endpoint: Endpoint, _ target: String, _ words: [[UInt8]], _ policy: CallPolicy, within span: TimeSpan, _ next: Next,
    _ turn: inout Turn
  ) {
    var body: [UInt8] = []
    RESPValue.command(words).write(into: &body)
    calls.call(
      endpoint, Request(.post, target, body: body), policy: policy, deadline: Deadline(turn.now + span), release: .immediately, then: next,
      &turn)
  }

  func metrics() -> Response {
    var text = MetricsText()
    text.family("cache_redis_requests", .counter, help: "Requests to Redis, by what became of them.")
    text.count(figures.answered, [("result", "answered")])
    text.count(figures.failed, [("result", "failed")])
    text.counters([
      ("cache_messages_published", "Messages.", figures.published),
      ("cache_messages_delivered", "Messages, by listener.", listeners.delivered),
      ("cache_messages_unreadable", "Messages of others in Redis that no event stream carries.", figures.unreadable),
      ("cache_listeners_cut_off", "Listeners who took messages too slowly, or lost the connection to Redis.", listeners.cutOff),
    ])
    text.family("cache_listeners", .gauge, help: "Those who listen.")
    text.count(UInt64(listeners.count))
    return Response(status: 200, headers: ["content-type": MetricsText.contentType], body: text.finish())
  }
}
