// A client of the key-value store that writes rising numbers and finally reads all keys back: the one test body for
// durability in both worlds. It judges by what was answered only.
//
// Each key has one write under way at a time, so what a key may hold in the end is known: the last answered write or a
// later one, or one that was never answered, since such a request may arrive long after the client gave it up. A write
// without an answer is tried again as the next number.

import Vocabulary
import Wire

/// The client.
public struct KeyValueClient: Machine {
  /// What the client knows of one key.
  private struct Key {
    var lastSent: UInt64 = 0
    var lastAnswered: UInt64 = 0
    var unanswered: Set<UInt64> = []
    var isDone = false
  }

  private enum Purpose {
    case write(key: Int, number: UInt64)
    case read(key: Int)
  }

  private let store: Endpoint
  private let pause: TimeSpan
  private let timeout: TimeSpan
  private var keys: [Key]
  private let writesPerKey: UInt64
  private var open: [ExchangeID: Purpose] = [:]
  private var wakes: [TimerID: Int] = [:]
  private var timeouts: [TimerID: ExchangeID] = [:]
  private var brokenKeys = 0

  /// A client of `store` that makes `writesPerKey` writes to each of `keyCount` keys, waiting up to `pause` between
  /// two. At its end it states `probe` with subject 0 and value 1 if all held, else for each key that broke its promise
  /// one with the key's number + 1 and value 0, and subject 0 and value 0.
  public init(store: Endpoint, keyCount: Int, writesPerKey: Int, pause: TimeSpan, timeout: TimeSpan = .milliseconds(500)) {
    self.store = store
    self.pause = pause
    self.timeout = timeout
    self.writesPerKey = UInt64(writesPerKey)
    keys = Array(repeating: Key(), count: keyCount)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for key in keys.indices { wakes[turn.wake(after: turn.random.span(in: .zero...pause))] = key }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if let key = wakes.removeValue(forKey: timer) { return step(key, &turn) }
      if let id = timeouts.removeValue(forKey: timer), let purpose = open.removeValue(forKey: id) {
        turn.cancelCall(id)
        ended(purpose, nil, &turn)
      }
    case .response(let id, let response):
      if let purpose = open.removeValue(forKey: id) { ended(purpose, response, &turn) }
    case .failed(let id, _):
      if let purpose = open.removeValue(forKey: id) { ended(purpose, nil, &turn) }
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func step(_ key: Int, _ turn: inout Turn) {
    if keys[key].lastSent < writesPerKey {
      keys[key].lastSent += 1
      let number = keys[key].lastSent
      send(Request(.put, "/keys/key-\(key)", body: Array("\(number)".utf8)), .write(key: key, number: number), &turn)
    } else {
      send(Request(.get, "/keys/key-\(key)"), .read(key: key), &turn)
    }
  }

  private mutating func send(_ request: Request, _ purpose: Purpose, _ turn: inout Turn) {
    var request = request
    request.deadline = Deadline(turn.now + timeout)
    let id = turn.call(store, request)
    open[id] = purpose
    timeouts[turn.wake(after: timeout)] = id
  }

  private mutating func ended(_ purpose: Purpose, _ response: Response?, _ turn: inout Turn) {
    switch purpose {
    case .write(let key, let number):
      if response?.status == 204 { keys[key].lastAnswered = number } else { keys[key].unanswered.insert(number) }
      wakes[turn.wake(after: turn.random.span(in: .zero...pause))] = key
    case .read(let key):
      guard let response, response.status == 200 || response.status == 404 else {
        wakes[turn.wake(after: turn.random.span(in: .zero...pause))] = key
        return
      }
      judge(key, response, &turn)
    }
  }

  private mutating func judge(_ key: Int, _ response: Response, _ turn: inout Turn) {
    let text = String(decoding: response.body, as: UTF8.self)
    let found = response.status == 404 ? 0 : UInt64(text)
    let isKept = found.map { $0 == keys[key].lastAnswered || keys[key].unanswered.contains($0) } ?? false
    if !isKept { turn.observe(.probe, subject: UInt64(key) + 1, value: 0) }
    keys[key].isDone = true
    brokenKeys += isKept ? 0 : 1
    if keys.allSatisfy(\.isDone) { turn.observe(.probe, subject: 0, value: brokenKeys == 0 ? 1 : 0) }
  }
}
