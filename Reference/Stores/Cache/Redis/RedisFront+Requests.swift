// What each request asks Redis for.

import Resilience
import StoresAPI
import Vocabulary
import Wire

extension RedisFront {
  private static func text(_ words: String) -> [UInt8] { Array(words.utf8) }
  private static func text(_ span: TimeSpan?) -> [UInt8] { span.map { Array("\($0.milliseconds)".utf8) } ?? [] }

  /// Begins to answer a request.
  mutating func begin(
    _ exchange: ExchangeID, _ match: RouteTable<Cache.Route>.Match, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let ask = CacheRequest(match.target)
    switch match.route {
    case .get:
      try ask.only(["key"])
      self.ask(RedisScripts.command(RedisScripts.get, keys: [RedisKeys.value(try ask.name("key"))], []), then: .get(exchange), &turn)
    case .put: try put(exchange, ask, request, &turn)
    case .delete:
      if try ask.has("pattern") {
        try ask.only(["pattern"])
        sweep(exchange, try ask.name("pattern").text, from: "0", removed: 0, rounds: 0, &turn)
      } else {
        try ask.only(["key"])
        self.ask([Self.text("DEL"), RedisKeys.value(try ask.name("key"))], then: .delete(exchange, isCounter: false), &turn)
      }
    case .count:
      try ask.only(["key", "by", "ttl"])
      let name = try ask.name("key")
      let step = try ask.integer("by", in: .min ... .max) ?? 1
      let span = try ask.span("ttl", upTo: CacheAPI.maximumTimeToLiveMilliseconds)
      self.ask(
        RedisScripts.command(RedisScripts.count, keys: [RedisKeys.counter(name)], [Self.text("\(step)"), Self.text(span)]),
        then: .count(exchange, step: step), &turn)
    case .counter:
      try ask.only(["key"])
      self.ask([Self.text("GET"), RedisKeys.counter(try ask.name("key"))], then: .counter(exchange), &turn)
    case .deleteCounter:
      try ask.only(["key"])
      self.ask([Self.text("DEL"), RedisKeys.counter(try ask.name("key"))], then: .delete(exchange, isCounter: true), &turn)
    case .lock, .renew, .unlock, .lockState: try beginLock(exchange, match.route, ask, &turn)
    case .publish: try publish(exchange, ask, request, &turn)
    case .subscribe: try subscribe(exchange, ask, &turn)
    case .health:
      try ask.only([])
      self.ask([Self.text("PING")], then: .health(exchange), &turn)
    case .metrics:
      try ask.only([])
      turn.reply(exchange, metrics(), .immediately)
    }
  }

  private mutating func put(
    _ exchange: ExchangeID, _ ask: CacheRequest, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    try ask.only(["key", "ttl", "if"])
    let name = try ask.name("key")
    let span = try ask.span("ttl", upTo: CacheAPI.maximumTimeToLiveMilliseconds)
    let condition = try ask.condition()
    guard let value = RedisKeys.packed(request.body, type: request.head.headers["content-type"]) else {
      throw RequestProblem(400, code: "INVALID_HEADER", message: "the content-type is too long", field: "content-type")
    }
    let word =
      switch condition {
      case .absent: "NX"
      case .present: "XX"
      case nil: ""
      }
    self.ask(
      RedisScripts.command(RedisScripts.put, keys: [RedisKeys.value(name)], [value, Self.text(span), Self.text(word)]),
      then: .put(exchange, condition), &turn)
  }

  /// Takes some of a pattern's keys away, from where the last piece ended.
  mutating func sweep(
    _ exchange: ExchangeID, _ pattern: String, from cursor: String, removed: Int64, rounds: Int, _ turn: inout Turn
  ) {
    ask(
      RedisScripts.command(RedisScripts.sweep, keys: [], [Self.text(cursor), RedisKeys.valuePattern(pattern)]),
      then: .sweep(exchange, pattern: pattern, removed: removed, rounds: rounds), &turn)
  }

  private mutating func beginLock(
    _ exchange: ExchangeID, _ route: Cache.Route, _ ask: CacheRequest, _ turn: inout Turn
  ) throws(RequestProblem) {
    func span() throws(RequestProblem) -> TimeSpan {
      try ask.required("ttl", try ask.span("ttl", upTo: CacheAPI.maximumLockMilliseconds))
    }
    func token() throws(RequestProblem) -> Int64 { try ask.required("token", try ask.integer("token", in: 0...Int64.max)) }
    switch route {
    case .lock:
      try ask.only(["name", "owner", "ttl"])
      let (name, owner, span) = (try ask.name("name"), try ask.name("owner").text, try span())
      self.ask(
        RedisScripts.command(RedisScripts.lock, keys: [RedisKeys.lock(name), RedisKeys.tokens], [Self.text(owner), Self.text(span)]),
        then: .lock(exchange, owner: owner, span: span), &turn)
    case .renew:
      try ask.only(["name", "token", "ttl"])
      let (name, span, token) = (try ask.name("name"), try span(), try token())
      self.ask(
        RedisScripts.command(RedisScripts.renew, keys: [RedisKeys.lock(name)], [Self.text("\(token)"), Self.text(span)]),
        then: .renew(exchange, token: token, span: span), &turn)
    case .unlock:
      try ask.only(["name", "token"])
      let (name, token) = (try ask.name("name"), try token())
      self.ask(
        RedisScripts.command(RedisScripts.unlock, keys: [RedisKeys.lock(name)], [Self.text("\(token)")]), then: .unlock(exchange), &turn)
    case .lockState:
      try ask.only(["name"])
      self.ask(
        RedisScripts.command(RedisScripts.lockState, keys: [RedisKeys.lock(try ask.name("name"))], []), then: .lockState(exchange), &turn)
    case .get, .put, .delete, .count, .counter, .deleteCounter, .publish, .subscribe, .health, .metrics:
      breakInvariant("a request to \(route) is none of locks")
    }
  }

  private mutating func publish(
    _ exchange: ExchangeID, _ ask: CacheRequest, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    try ask.only(["channel"])
    let channel = try ask.name("channel")
    let message = try CacheRequest.message(request)
    figures.published += 1
    self.ask(
      [Self.text("PUBLISH"), RedisKeys.channel(channel), Array(message.utf8)], then: .publish(exchange, channel: channel.text), &turn)
  }
}
