// Those who listen to messages, whoever serves the cache's interface. Each is an event stream; one that takes more slowly
// than messages come, by more than a bound, is cut off, and connects anew.

import DequeModule
import Resilience
import StoresAPI
import Vocabulary
import Wire

/// Somebody who listens.
struct Listener {
  var pattern: KeyPattern
  /// What may be sent; nothing where it is 0 or below.
  var credit = initialStreamCreditBytes
  var waiting = Deque<[UInt8]>()
  var waitingBytes = 0
}

/// All who listen.
struct CacheListeners {
  private var all: [ExchangeID: Listener] = [:]
  private let maximumWaitingBytes: Int
  /// Messages so far, by listener, and who was cut off.
  private(set) var delivered: UInt64 = 0
  private(set) var cutOff: UInt64 = 0

  /// Nobody, and how much may wait for each.
  init(maximumWaitingBytes: Int) { self.maximumWaitingBytes = maximumWaitingBytes }

  var count: Int { all.count }

  /// Whose pattern is which; nil of who does not listen.
  func pattern(of id: ExchangeID) -> KeyPattern? { all[id]?.pattern }

  /// How many listen to a channel.
  func count(on channel: String) -> Int { all.values.count { $0.pattern.matches(channel) } }

  /// Begins a stream, on which what the pattern matches is told from now on.
  mutating func accept(_ id: ExchangeID, _ pattern: KeyPattern, _ turn: inout Turn) {
    all[id] = Listener(pattern: pattern)
    turn.accept(
      id, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType, "cache-control": "no-store"]),
      .immediately)
  }

  /// Tells a message of a channel to those whose pattern is meant; to how many it goes, and who was cut off.
  mutating func tell(
    _ message: String, on channel: String, _ turn: inout Turn, to isMeant: (KeyPattern) -> Bool
  ) -> (receivers: Int, gone: [ExchangeID]) {
    let bytes = EventStreamWriter.event(type: channel, message)
    var (ready, gone): ([ExchangeID], [ExchangeID]) = ([], [])
    var receivers = 0
    for id in all.keys.sorted() {
      guard let listener = all[id], isMeant(listener.pattern) else { continue }
      receivers += 1
      if listener.credit > 0 {
        ready.append(id)
        all[id]?.credit -= bytes.count
      } else if listener.waitingBytes + bytes.count <= maximumWaitingBytes {
        all[id]?.waiting.append(bytes)
        all[id]?.waitingBytes += bytes.count
      } else {
        receivers -= 1
        cutOff += 1
        all[id] = nil
        gone.append(id)
        turn.abort(id, .connectionLost, .immediately)
      }
    }
    delivered += UInt64(receivers)
    if !ready.isEmpty { turn.send(ready, bytes, isText: true, .immediately) }
    return (receivers, gone)
  }

  /// What comes of a listener's stream. False where it is over.
  mutating func hear(_ id: ExchangeID, _ part: StreamEvent, _ turn: inout Turn) -> Bool {
    switch part {
    case .credit(let bytes):
      all[id]?.credit += bytes
      while let listener = all[id], listener.credit > 0, let next = listener.waiting.first {
        all[id]?.waiting.removeFirst()
        all[id]?.waitingBytes -= next.count
        all[id]?.credit -= next.count
        turn.send([id], next, isText: true, .immediately)
      }
    case .aborted: return false
    // The request was whole: its side of the stream is complete from the beginning.
    case .opened, .accepted, .received, .finished: break
    }
    return true
  }

  mutating func forget(_ id: ExchangeID) { all[id] = nil }

  /// Ends the streams of those whose pattern is meant, since they may have missed something.
  mutating func cutOff(_ turn: inout Turn, where isMeant: (KeyPattern) -> Bool) {
    for id in all.keys.sorted() {
      guard let listener = all[id], isMeant(listener.pattern) else { continue }
      all[id] = nil
      cutOff += 1
      turn.abort(id, .connectionLost, .immediately)
    }
  }
}
