// Small machines, each for one question.

import ProvingGround
import Vocabulary

/// Answers requests only when it has as many as it waits for, the last first.
struct ReversingMachine: Machine {
  var waitsFor: Int
  private var held: [(ExchangeID, String)] = []

  init(waitsFor: Int) { self.waitsFor = waitsFor }

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event else { return }
    held.append((id, request.head.target))
    guard held.count == waitsFor else { return }
    for (id, target) in held.reversed() { turn.reply(id, Response(status: 200, body: Array(target.utf8))) }
    held = []
  }
}

/// Does what a machine must never do, by target.
struct DefectiveMachine: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event else { return }
    switch request.head.target {
    case "/twice":
      turn.reply(id, Response(status: 200))
      turn.reply(id, Response(status: 200))
    case "/credit":
      turn.accept(id, ResponseHead(status: 200))
      turn.send([id], [UInt8](repeating: 1, count: initialStreamCreditBytes + 1))
      turn.send([id], [1])
    case "/unaccepted": turn.send([id], [1])
    case "/injection":
      turn.reply(id, Response(status: 200, headers: ["x-value": "one\r\nx-other: two", "content-length": "99"], body: [0x6F, 0x6B]))
    default: turn.reply(id, Response(status: 404))
    }
  }
}

/// Takes uploads and never grants more than the beginning; answers later, when asked to.
struct StubbornMachine: Machine {
  private var receivedBytes = 0
  private var waiting: [TimerID: ExchangeID] = [:]

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake {
    switch head.target {
    case "/upload": .stream
    case "/small": .whole(limitBytes: 10)
    case "/socket": .webSocket(limitBytes: 1_000)
    default: .whole(limitBytes: 100_000)
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request):
      switch request.head.target {
      case "/received": turn.reply(id, Response(status: 200, body: Array(String(receivedBytes).utf8)))
      case "/large": turn.reply(id, Response(status: 200, body: [UInt8](repeating: 0x78, count: 50_000_000)))
      case "/later": waiting[turn.wake(after: .milliseconds(150))] = id
      default: turn.reply(id, Response(status: 200, body: request.body))
      }
    case .timer(let timer): if let id = waiting.removeValue(forKey: timer) { turn.reply(id, Response(status: 200, body: [0x6F, 0x6B])) }
    case .stream(let id, .opened(_, let webSocket, _)): if webSocket { turn.accept(id, ResponseHead(status: 101)) }
    case .stream(let id, .received(let bytes, let isText)):
      receivedBytes += bytes.count
      turn.observe(.probe, subject: 1, value: UInt64(bytes.count))
      if isText { turn.send([id], bytes, isText: true) }
    case .stream(let id, .finished): turn.finish(id)
    case .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Takes WebSockets by their heads, and then refuses them, or answers otherwise.
struct RefusingSocketMachine: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { head.target == "/other" ? .whole(limitBytes: 0) : .webSocket(limitBytes: 1_000) }

  func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, _): turn.reply(id, Response(status: 204))
    case .stream(let id, .opened(let head, _, _)):
      if head.target == "/refused" {
        turn.reply(id, Response(status: 403))
      } else {
        turn.accept(id, ResponseHead(status: 200))
        turn.finish(id)
      }
    case .timer, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Counts the messages of a WebSocket, and tells the count where a text asks for it.
struct CountingSocketMachine: Machine {
  private var count = 0

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 1_000) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .opened: turn.accept(id, ResponseHead(status: 101))
    case .received(let bytes, let isText):
      turn.grant(id, bytes.count)
      if isText { turn.send([id], Array("\(count)".utf8), isText: true) } else { count += 1 }
    case .accepted, .credit, .finished, .aborted: break
    }
  }
}

/// Sends numbered messages to a peer and counts what it hears; states the largest number heard as probe 1.
struct GossipMachine: Machine {
  var peer: NodeID
  private var next: UInt64 = 0

  init(peer: NodeID) { self.peer = peer }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      next += 1
      turn.message(to: peer, (0..<8).map { UInt8(truncatingIfNeeded: next >> (8 * UInt64($0))) })
      _ = turn.wake(after: .milliseconds(1))
    case .message(let from, let bytes):
      guard from == peer else { return turn.observe(.probe, subject: 2) }
      turn.observe(.probe, subject: 1, value: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    case .request(let id, _): turn.reply(id, Response(status: 404))
    case .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }
}

/// Makes its calls all at once when it starts; gives those up that are still open after `patience`, if there is one.
struct CallingMachine: Machine {
  var calls: [(Endpoint, Request)]
  var patience: TimeSpan?
  private var open: [ExchangeID] = []

  init(_ calls: [(Endpoint, Request)], patience: TimeSpan? = nil) {
    self.calls = calls
    self.patience = patience
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    open = calls.map { turn.call($0.0, $0.1) }
    if let patience { _ = turn.wake(after: patience) }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response(let id, _), .failed(let id, _): open.removeAll { $0 == id }
    case .timer: for id in open { turn.cancelCall(id) }
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Makes `waves` times `width` calls at once, `every` apart.
struct WaveMachine: Machine {
  var endpoint: Endpoint
  var waves: Int
  var width: Int
  var every: TimeSpan

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: every) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      guard waves > 0 else { return }
      waves -= 1
      for _ in 0..<width { _ = turn.call(endpoint, Request(.get, "/hello")) }
      _ = turn.wake(after: every)
    case .request, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Sends every message of a WebSocket to all of them, by one buffer, as far as each one's credit goes; states how many
/// it left out.
struct FanMachine: Machine {
  private var credits: [ExchangeID: Int] = [:]

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 100_000) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let streamEvent) = event else { return }
    switch streamEvent {
    case .opened:
      turn.accept(id, ResponseHead(status: 101))
      credits[id] = initialStreamCreditBytes
    case .received(let bytes, let isText):
      turn.grant(id, bytes.count)
      let ready = credits.keys.sorted().filter { credits[$0, default: 0] > 0 }
      for id in ready { credits[id, default: 0] -= bytes.count }
      turn.send(ready, bytes, isText: isText)
      turn.observe(.probe, subject: 1, value: UInt64(credits.count - ready.count))
    case .credit(let bytes): credits[id]? += bytes
    case .finished:
      turn.finish(id)
      credits[id] = nil
    case .aborted: credits[id] = nil
    case .accepted: break
    }
  }
}

/// States what its clocks show: probe 1 the wall clock in milliseconds, at each of ten wakes; probe 2 the monotonic
/// one.
struct ClockMachine: Machine {
  private var wakes = 0

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .zero) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .timer = event, wakes < 10 else { return }
    wakes += 1
    turn.observe(.probe, subject: 2, value: UInt64(clamping: turn.now.nanoseconds))
    turn.observe(.probe, subject: 1, value: UInt64(clamping: turn.wallClock.milliseconds))
    if wakes == 10 { turn.observe(.probe, subject: 0, value: 1) }
    let cancelled = turn.wake(after: .milliseconds(1))
    turn.cancelWake(cancelled)
    _ = turn.wake(after: .milliseconds(2))
  }
}

/// Sends every message of a WebSocket back, and states each event that tells of credit.
struct CreditCounter: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) {}
  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 1_000) }

  func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .opened: turn.accept(id, ResponseHead(status: 101))
    case .received(let bytes, let isText):
      turn.grant(id, bytes.count)
      turn.send([id], bytes, isText: isText)
    case .credit(let bytes): turn.observe(.probe, subject: 1, value: UInt64(bytes))
    case .accepted, .finished, .aborted: break
    }
  }
}
