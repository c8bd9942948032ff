// A client that makes a list of requests one after the other, each until it is answered well, and the next ones from
// the answers: set-up before a flight (rules), and the reading back after it. A pure machine, for both worlds; its
// exchanges are recorded, and the checkers read those.

import Vocabulary

/// A request of a script.
public struct ScriptedCall: Sendable {
  /// Whom to call.
  public var endpoint: Endpoint
  /// What to ask; its deadline is set when it is sent.
  public var request: Request
  /// Which statuses count as answered; any other is tried again.
  public var accepts: ClosedRange<Int>
  /// The calls that follow from the answer, made before those that were planned behind this one.
  public var follow: @Sendable (Response) -> [ScriptedCall]

  /// A call.
  public init(
    _ endpoint: Endpoint, _ request: Request, accepts: ClosedRange<Int> = 200...299,
    follow: @escaping @Sendable (Response) -> [ScriptedCall] = { _ in [] }
  ) {
    self.endpoint = endpoint
    self.request = request
    self.accepts = accepts
    self.follow = follow
  }
}

/// The machine that makes the calls. At its end it states `probe` with subject `0` and value 1, or 0 where it gave up.
public struct ScriptedCaller: Machine {
  private let from: TimeSpan
  private var calls: ArraySlice<ScriptedCall>
  private var current: (id: ExchangeID, timer: TimerID)?
  private var wake: TimerID?
  private var attempts = 0

  static let timeout = TimeSpan.seconds(10)
  static let maximumAttempts = 50

  /// A caller that begins `from` after its start.
  public init(from: TimeSpan, _ calls: [ScriptedCall]) {
    self.from = from
    self.calls = calls[...]
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let begins = turn.loadOrigin + from
    wake = turn.wake(at: max(turn.now, begins))
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == wake {
        wake = nil
        next(&turn)
      } else if let open = current, open.timer == timer {
        turn.cancelCall(open.id)
        current = nil
        again(&turn)
      }
    case .response(let id, let response):
      guard let open = current, open.id == id else { return }
      turn.cancelWake(open.timer)
      current = nil
      guard let call = calls.first, call.accepts.contains(response.status) else { return again(&turn) }
      attempts = 0
      calls = (call.follow(response) + calls.dropFirst())[...]
      next(&turn)
    case .failed(let id, _):
      guard let open = current, open.id == id else { return }
      turn.cancelWake(open.timer)
      current = nil
      again(&turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func next(_ turn: inout Turn) {
    guard let call = calls.first else { return turn.observe(.scriptEnded, value: 1) }
    var request = call.request
    request.deadline = Deadline(turn.now + Self.timeout)
    current = (turn.call(call.endpoint, request, .immediately), turn.wake(after: Self.timeout))
  }

  private mutating func again(_ turn: inout Turn) {
    attempts += 1
    guard attempts < Self.maximumAttempts else { return turn.observe(.scriptEnded, value: 0) }
    wake = turn.wake(after: .milliseconds(200) + turn.random.span(in: .zero...(.milliseconds(200))))
  }
}
