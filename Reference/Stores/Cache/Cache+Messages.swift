// Messages to whoever listens when they come, at most once each, in the order in which they came. A listener is an event
// stream; one that takes more slowly than messages come, by more than `maximumWaitingBytes`, is cut off, and connects anew.

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

extension Cache {
  mutating func subscribe(_ exchange: ExchangeID, _ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) {
    try ask.only(["pattern"])
    let pattern = KeyPattern(try ask.name("pattern").text)
    guard listeners.count < configuration.maximumListeners else {
      throw RequestProblem(503, code: "TOO_MANY_LISTENERS", message: "as many listen as may")
    }
    listeners[exchange] = Listener(pattern: pattern)
    turn.accept(
      exchange, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType, "cache-control": "no-store"]),
      .immediately)
  }

  mutating func publish(_ ask: CacheRequest, _ request: Request, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["channel"])
    let channel = try ask.name("channel")
    guard request.body.count <= CacheAPI.maximumMessageBytes else {
      throw RequestProblem(
        413, code: "MESSAGE_TOO_LONG",
        message: "a message is \(CacheAPI.maximumMessageBytes) bytes at most, this one has \(request.body.count)")
    }
    // An event stream ends a line at each carriage return: what came out would not be what went in.
    guard let text = String(validating: request.body, as: UTF8.self), !request.body.contains(0x0D) else {
      throw RequestProblem(400, code: "INVALID_MESSAGE", message: "a message is text in UTF-8 without carriage returns")
    }
    figures.published += 1
    let bytes = EventStreamWriter.event(type: channel.text, text)
    var ready: [ExchangeID] = []
    var receivers = 0
    for id in listeners.keys.sorted() {
      guard let listener = listeners[id], listener.pattern.matches(channel.text) else { continue }
      receivers += 1
      if listener.credit > 0 {
        ready.append(id)
        listeners[id]?.credit -= bytes.count
      } else if listener.waitingBytes + bytes.count <= configuration.maximumWaitingBytes {
        listeners[id]?.waiting.append(bytes)
        listeners[id]?.waitingBytes += bytes.count
      } else {
        receivers -= 1
        figures.cutOff += 1
        listeners[id] = nil
        turn.abort(id, .connectionLost, .immediately)
      }
    }
    figures.delivered += UInt64(receivers)
    if !ready.isEmpty { turn.send(ready, bytes, isText: true, .immediately) }
    return .json(200) { writer in
      writer.beginObject()
      writer.member("receivers", receivers)
      writer.endObject()
    }
  }

  /// What comes of a listener's stream.
  mutating func hear(_ id: ExchangeID, _ part: StreamEvent, _ turn: inout Turn) {
    switch part {
    case .credit(let bytes):
      listeners[id]?.credit += bytes
      while let listener = listeners[id], listener.credit > 0, let next = listener.waiting.first {
        listeners[id]?.waiting.removeFirst()
        listeners[id]?.waitingBytes -= next.count
        listeners[id]?.credit -= next.count
        turn.send([id], next, isText: true, .immediately)
      }
    case .aborted: forgetListener(id)
    // The request was whole: its side of the stream is complete from the beginning.
    case .opened, .accepted, .received, .finished: break
    }
  }

  mutating func forgetListener(_ id: ExchangeID) { listeners[id] = nil }
}
