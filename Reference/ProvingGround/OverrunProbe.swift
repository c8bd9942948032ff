// What happens where sends go far beyond the credits of their streams: a server that sends long messages to a client
// that takes none, and the client's script, to prove that the hosts keep the same account of it.
//
// GET /flood   a WebSocket that gets a long message at once, and one more each time that it is no longer blocked
// GET /asked   a WebSocket that gets a long message for each message that it sends
// Limits: at most eight floods of one stream; everything else is 404.

import Vocabulary

/// The server.
public struct OverrunServer: Machine {
  private let messageBytes: Int
  private var floods: [ExchangeID: Int] = [:]
  private var asked: Set<ExchangeID> = []

  /// A server of messages of this length.
  public init(messageBytes: Int) { self.messageBytes = messageBytes }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  public func intake(_ head: RequestHead) -> Intake {
    head.target == "/flood" || head.target == "/asked" ? .webSocket(limitBytes: 1_000) : .whole(limitBytes: 1_000)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, _): turn.reply(id, Response(status: 404))
    case .stream(let id, let part):
      switch part {
      case .opened(let head, _, _):
        turn.accept(id, ResponseHead(status: 101))
        if head.target == "/asked" { asked.insert(id) } else { flood(id, &turn) }
      case .credit: if floods[id] != nil { flood(id, &turn) }
      case .received: if asked.contains(id) { turn.send([id], message) }
      case .aborted(let closure):
        if asked.remove(id) != nil { turn.observe(.probe, subject: 10, value: UInt64(closure.code)) }
        floods[id] = nil
      case .finished:
        asked.remove(id)
        floods[id] = nil
      case .accepted: break
      }
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed: break
    }
  }

  private var message: [UInt8] { [UInt8](repeating: 0x6F, count: messageBytes) }

  private mutating func flood(_ id: ExchangeID, _ turn: inout Turn) {
    let count = floods[id, default: 0]
    guard count < 8 else { return }
    floods[id] = count + 1
    turn.send([id], message)
  }
}

/// The client: states probe 1 (a new stream is answered 503 while half of the overrun is taken), 2 (a send that would
/// take more than all of it ends its stream with 1013), 3 (once the flooded stream is gone, new ones are taken), each
/// with 1 where it held, and 0 at the end.
public struct OverrunClient: Machine {
  private let server: Endpoint
  private var flooded: ExchangeID?
  private var asking: ExchangeID?
  private var trying: ExchangeID?
  private var pause: TimerID?
  private var limit: TimerID?
  private var isFloodOver = false
  private var tries = 0

  /// A client of the `OverrunServer` at `server`.
  public init(server: Endpoint) { self.server = server }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    asking = turn.open(server, RequestHead(method: .get, target: "/asked"), webSocket: true)
    limit = turn.wake(after: .seconds(60))
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == limit { turn.observe(.probe, subject: 0, value: 0) }
      if timer == pause { tryOne(&turn) }
    case .stream(let id, .accepted(let head)):
      if id == asking {
        // Only now: a new stream would not be taken once the flood is there.
        flooded = turn.open(server, RequestHead(method: .get, target: "/flood"), webSocket: true)
        pause = turn.wake(after: .seconds(1))
      }
      guard id == trying else { return }
      trying = nil
      turn.abort(id, .normal)
      tried(head.status, &turn)
    case .stream(let id, .finished(let closure)):
      guard id == asking else { return }
      asking = nil
      turn.observe(.probe, subject: 2, value: closure == .tryAgainLater ? 1 : 0)
      // The flooded stream gives its memory back.
      if let flooded { turn.abort(flooded) }
      flooded = nil
      isFloodOver = true
      tries = 0
      pause = turn.wake(after: .milliseconds(100))
    case .request(let id, _): turn.reply(id, Response(status: 404))
    case .stream, .response, .failed, .abandoned, .message, .durable, .completed: break
    }
  }

  private mutating func tryOne(_ turn: inout Turn) {
    tries += 1
    trying = turn.open(server, RequestHead(method: .get, target: "/asked"), webSocket: true)
  }

  private mutating func tried(_ status: Int, _ turn: inout Turn) {
    // What the network takes, and when, is its own affair: asked again for a while.
    if status != (isFloodOver ? 101 : 503) && tries < 100 {
      pause = turn.wake(after: .milliseconds(100))
      return
    }
    turn.observe(.probe, subject: isFloodOver ? 3 : 1, value: status == (isFloodOver ? 101 : 503) ? 1 : 0)
    if isFloodOver {
      turn.observe(.probe, subject: 0, value: 1)
    } else if let asking {
      turn.send([asking], [1])
    }
  }
}
