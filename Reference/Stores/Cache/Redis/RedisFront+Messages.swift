// Messages over Redis. Each pattern that somebody listens to stands once in Redis, on the one connection by which it tells.
// Whoever listens is accepted once his pattern stands. Where that connection breaks, all patterns on it are gone, and who
// listens by them is cut off.

import Resilience
import StoresAPI
import Vocabulary
import Wire

/// The patterns that stand in Redis, or are about to.
struct Subscriptions {
  /// How a pattern stands.
  enum Phase {
    /// Redis was asked to tell what it matches.
    case beginning
    /// Redis tells, on this connection.
    case standing(link: UInt64)
    /// Redis was asked to tell no more.
    case ending
  }

  /// One pattern.
  struct Entry {
    /// As Redis reads it.
    let words: [UInt8]
    var phase: Phase
    /// Those who are accepted once it stands.
    var waiting: [ExchangeID] = []
    var listeners = 0

    var link: UInt64? { if case .standing(let link) = phase { link } else { nil } }
  }

  var entries: [KeyPattern: Entry] = [:]
  /// By what Redis calls it.
  var named: [[UInt8]: KeyPattern] = [:]
  /// The connection on which patterns stand, and whether its messages are being asked for.
  var link: UInt64?
  var isAsking = false

  /// Those who wait for their pattern.
  var waiting: Int { entries.values.map(\.waiting.count).reduce(0, +) }

  /// How many patterns that stand match a channel.
  func count(on channel: String) -> Int { entries.count { $0.value.link != nil && $0.key.matches(channel) } }

  mutating func forget(_ pattern: KeyPattern) {
    if let words = entries.removeValue(forKey: pattern)?.words { named[words] = nil }
  }
}

extension RedisFront {
  mutating func subscribe(_ exchange: ExchangeID, _ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) {
    try ask.only(["pattern"])
    let text = try ask.name("pattern").text
    guard listeners.count + subscriptions.waiting < configuration.maximumListeners else {
      throw RequestProblem(503, code: "TOO_MANY_LISTENERS", message: "as many listen as may")
    }
    let words = RedisKeys.channelPattern(text)
    // Patterns that say the same are one.
    let pattern = subscriptions.named[words] ?? KeyPattern(text)
    switch subscriptions.entries[pattern]?.phase {
    case .standing: accept(exchange, pattern, &turn)
    case .beginning, .ending: subscriptions.entries[pattern]?.waiting.append(exchange)
    case nil:
      subscriptions.named[words] = pattern
      subscriptions.entries[pattern] = Subscriptions.Entry(words: words, phase: .beginning, waiting: [exchange])
      listen([Array("PSUBSCRIBE".utf8), words], then: .subscribed(pattern), &turn)
    }
  }

  private mutating func accept(_ exchange: ExchangeID, _ pattern: KeyPattern, _ turn: inout Turn) {
    subscriptions.entries[pattern]?.listeners += 1
    listeners.accept(exchange, pattern, &turn)
  }

  /// Redis tells what a pattern matches from now on, or does not.
  mutating func subscribed(_ pattern: KeyPattern, _ outcome: CallOutcome, _ turn: inout Turn) {
    guard let waiting = subscriptions.entries[pattern]?.waiting else { return }
    guard case .success(let response) = outcome, let link = response.head.headers["link"].flatMap({ UInt64($0) }) else {
      figures.failed += 1
      subscriptions.forget(pattern)
      let problem: RequestProblem = if case .failure(let failure) = outcome { Self.problem(failure) } else { Self.unexpected }
      for exchange in waiting { turn.reply(exchange, problem.response, .immediately) }
      return
    }
    figures.answered += 1
    // What stood on another connection stands no more.
    if let before = subscriptions.link, before != link { lose(before, &turn) }
    subscriptions.link = link
    subscriptions.entries[pattern]?.phase = .standing(link: link)
    subscriptions.entries[pattern]?.waiting = []
    for exchange in waiting { accept(exchange, pattern, &turn) }
    endIfUnheard(pattern, &turn)
    askForMore(&turn)
  }

  private mutating func askForMore(_ turn: inout Turn) {
    guard let link = subscriptions.link, !subscriptions.isAsking, subscriptions.entries.contains(where: { $0.value.link == link }) else {
      return
    }
    subscriptions.isAsking = true
    hearMore(of: link, &turn)
  }

  /// Has Redis tell no more what a pattern matches to which nobody listens.
  private mutating func endIfUnheard(_ pattern: KeyPattern, _ turn: inout Turn) {
    guard let entry = subscriptions.entries[pattern], entry.link != nil, entry.listeners == 0, entry.waiting.isEmpty else { return }
    subscriptions.entries[pattern]?.phase = .ending
    listen([Array("PUNSUBSCRIBE".utf8), entry.words], then: .unsubscribed(pattern), &turn)
  }

  /// A pattern stands no more: also where that could not be said, since then the connection is over.
  mutating func unsubscribed(_ pattern: KeyPattern, _ turn: inout Turn) {
    guard let entry = subscriptions.entries[pattern] else { return }
    guard !entry.waiting.isEmpty else { return subscriptions.forget(pattern) }
    subscriptions.entries[pattern]?.phase = .beginning
    listen([Array("PSUBSCRIBE".utf8), entry.words], then: .subscribed(pattern), &turn)
  }

  /// All patterns of a connection are gone: who listened by them may miss something.
  private mutating func lose(_ link: UInt64, _ turn: inout Turn) {
    let lost = Set(subscriptions.entries.filter { $0.value.link == link }.keys)
    for pattern in lost { subscriptions.forget(pattern) }
    listeners.cutOff(&turn) { lost.contains($0) }
    if subscriptions.link == link { subscriptions.link = nil }
  }

  /// What Redis told, or that the connection is over.
  mutating func told(_ link: UInt64, _ outcome: CallOutcome, _ turn: inout Turn) {
    subscriptions.isAsking = false
    defer { askForMore(&turn) }
    guard case .success(let response) = outcome, response.status == 200 || response.status == 204 else { return lose(link, &turn) }
    var reader = RESPReader()
    reader.feed(response.body)
    do throws(RESPMistake) {
      while let value = try reader.next() { tell(value, &turn) }
    } catch { return lose(link, &turn) }
    // Something is missing.
    if reader.isWithinValue { lose(link, &turn) }
  }

  private mutating func tell(_ value: RESPValue, _ turn: inout Turn) {
    guard let parts = value.elements, parts.count == 4, let words = parts[1].content, let channel = parts[2].content,
      let bytes = parts[3].content,
      let pattern = subscriptions.named[words], channel.starts(with: RedisKeys.channelPrefix)
    else { return }
    // Others may write into Redis, too, what no event stream carries.
    guard let name = String(validating: channel.dropFirst(RedisKeys.channelPrefix.count), as: UTF8.self), !name.isEmpty,
      let message = String(validating: bytes, as: UTF8.self), !bytes.contains(0x0D)
    else {
      figures.unreadable += 1
      return
    }
    for id in listeners.tell(message, on: name, &turn, to: { $0 == pattern }).gone { left(pattern, id, &turn) }
  }

  private mutating func left(_ pattern: KeyPattern, _ id: ExchangeID, _ turn: inout Turn) {
    subscriptions.entries[pattern]?.listeners -= 1
    endIfUnheard(pattern, &turn)
  }

  /// Whoever made a request is gone.
  mutating func forget(_ id: ExchangeID, _ turn: inout Turn) {
    if let pattern = listeners.pattern(of: id) {
      listeners.forget(id)
      left(pattern, id, &turn)
      return
    }
    for pattern in subscriptions.entries.keys where subscriptions.entries[pattern]?.waiting.contains(id) == true {
      subscriptions.entries[pattern]?.waiting.removeAll { $0 == id }
    }
  }
}
