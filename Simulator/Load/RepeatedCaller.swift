// A client that calls one endpoint again and again, at even steps, whatever comes back: the reader that watches while
// loads write. A pure machine, for both worlds; its exchanges are recorded and checkers read those.

import Vocabulary

/// The machine.
public struct RepeatedCaller: Machine {
  private let every: TimeSpan
  private let until: TimeSpan
  private let endpoint: Endpoint
  private let request: (_ step: Int64, _ call: Int64) -> Request
  private var origin = Instant(nanoseconds: 0)
  private var steps: Int64 = 0
  private var calls: Int64 = 0
  private var tick: TimerID?
  private var open: (id: ExchangeID, timer: TimerID)?

  static let timeout = TimeSpan.seconds(5)

  /// A caller of `endpoint` every `every` until `until` after its start, one call at a time: while one is under way
  /// none is made. `request` gives what is asked at the step of that number by the call of that number, both from 1;
  /// steps are counted whether a call is made or not.
  public init(
    every: TimeSpan, until: TimeSpan, _ endpoint: Endpoint, _ request: @escaping (_ step: Int64, _ call: Int64) -> Request
  ) {
    self.every = every
    self.until = until
    self.endpoint = endpoint
    self.request = request
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    steps = (turn.now - origin).nanoseconds / max(1, every.nanoseconds)
    let next = origin + every * (steps + 1)
    if turn.incarnation == 0 || next < origin + until { tick = turn.wake(at: next) }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == tick {
        steps += 1
        if open == nil { call(&turn) }
        let next = origin + every * (steps + 1)
        tick = next < origin + until ? turn.wake(at: next) : nil
      } else if let current = open, current.timer == timer {
        turn.cancelCall(current.id)
        open = nil
      }
    case .response(let id, _), .failed(let id, _):
      guard let current = open, current.id == id else { return }
      turn.cancelWake(current.timer)
      open = nil
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func call(_ turn: inout Turn) {
    calls += 1
    var request = request(steps, calls)
    request.deadline = Deadline(turn.now + Self.timeout)
    open = (turn.call(endpoint, request, .immediately), turn.wake(after: Self.timeout))
  }
}
