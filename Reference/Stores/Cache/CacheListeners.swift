// Those who listen to messages, whoever serves the cache's interface. Each is an event stream; one that takes more slowly
// than messages come, by more than a bound, is cut off, and connects anew (`Broadcast`).

import Resilience
import StoresAPI
import Vocabulary
import Wire

/// All who listen.
struct CacheListeners {
  private var all: Broadcast<KeyPattern>
  /// Messages so far, by listener.
  private(set) var delivered: UInt64 = 0

  /// Nobody, how many may listen, and how much may wait for each.
  init(maximumListeners: Int, maximumWaitingBytes: Int) {
    all = Broadcast(maximumListeners: maximumListeners, maximumWaitingBytes: maximumWaitingBytes)
  }

  var count: Int { all.count }

  /// Who was cut off.
  var cutOff: UInt64 { all.cutOff }

  /// Whose pattern is which; nil of who does not listen.
  func pattern(of id: ExchangeID) -> KeyPattern? { all.interest(of: id) }

  /// How many listen to a channel.
  func count(on channel: String) -> Int { all.count { $0.matches(channel) } }

  /// Begins a stream, on which what the pattern matches is told from now on. Whoever calls has seen to it that there is room.
  mutating func accept(_ id: ExchangeID, _ pattern: KeyPattern, _ turn: inout Turn) {
    let isIn = all.add(id, pattern)
    invariant(isIn, "a listener beyond the bound")
    turn.accept(
      id, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType, "cache-control": "no-store"]),
      .immediately)
  }

  /// Tells a message of a channel to those whose pattern is meant; to how many it goes, and who was cut off.
  mutating func tell(
    _ message: String, on channel: String, _ turn: inout Turn, to isMeant: (KeyPattern) -> Bool
  ) -> (receivers: Int, gone: [ExchangeID]) {
    let told = all.tell(EventStreamWriter.event(type: channel, message), &turn, where: isMeant)
    delivered += UInt64(told.receivers)
    return told
  }

  /// What comes of a listener's stream. False where it is over.
  mutating func hear(_ id: ExchangeID, _ part: StreamEvent, _ turn: inout Turn) -> Bool { all.hear(id, part, &turn) }

  mutating func forget(_ id: ExchangeID) { all.forget(id) }

  /// Ends the streams of those whose pattern is meant, since they may have missed something.
  mutating func cutOff(_ turn: inout Turn, where isMeant: (KeyPattern) -> Bool) { all.cutOff(&turn, where: isMeant) }
}
