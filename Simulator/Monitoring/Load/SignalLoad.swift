// A load of kind *signal*: one client that sends one gauge at even steps, high within given windows and low otherwise.
// Alert rules watch it; checkers know when it must fire.

import Load
import MonitoringAPI
import Vocabulary
import Wire

/// What a signal load does.
public struct SignalLoadPlan: Sendable, Hashable {
  /// The gauge's name.
  public var name: String
  /// Time between two values.
  public var every: TimeSpan
  /// No value is sent at or after this instant of the load's clock.
  public var until: TimeSpan
  /// The value outside the windows.
  public var low: Double
  /// The value within them.
  public var high: Double
  /// Windows on the load's clock in which the value is high, in order, without overlap.
  public var windows: [Range<TimeSpan>]

  /// A plan.
  public init(name: String, every: TimeSpan, until: TimeSpan, low: Double, high: Double, windows: [Range<TimeSpan>]) {
    self.name = name
    self.every = every
    self.until = until
    self.low = low
    self.high = high
    self.windows = windows
  }
}

/// The machine of a signal load. A value that is not taken is sent again until it is, at most for `retryFor`.
public struct SignalLoad: Machine {
  private let plan: SignalLoadPlan
  private let ingestion: Endpoint
  private var origin = Instant(nanoseconds: 0)
  private var sent: Int64 = 0
  private var tick: TimerID?
  private var open: [ExchangeID: (request: Request, timer: TimerID, since: Instant)] = [:]
  private var timeouts: [TimerID: ExchangeID] = [:]
  private var retries: [TimerID: (request: Request, since: Instant)] = [:]

  static let timeout = TimeSpan.seconds(2)
  static let retryFor = TimeSpan.seconds(60)

  /// A load of `plan` on the ingestion service at `ingestion`.
  public init(_ plan: SignalLoadPlan, ingestion: Endpoint) {
    self.plan = plan
    self.ingestion = ingestion
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    // The step that comes next.
    sent = ((turn.now - origin).nanoseconds + plan.every.nanoseconds - 1) / max(1, plan.every.nanoseconds)
    let next = origin + plan.every * sent
    if turn.incarnation == 0 || next < origin + plan.until { tick = turn.wake(at: next) }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == tick {
        sendNext(&turn)
      } else if let id = timeouts.removeValue(forKey: timer), let call = open.removeValue(forKey: id) {
        turn.cancelCall(id)
        again(call.request, call.since, &turn)
      } else if let retry = retries.removeValue(forKey: timer) {
        send(retry.request, retry.since, &turn)
      }
    case .response(let id, let response):
      guard let call = open.removeValue(forKey: id) else { return }
      timeouts[call.timer] = nil
      turn.cancelWake(call.timer)
      if response.status != 202 { again(call.request, call.since, &turn) }
    case .failed(let id, _):
      guard let call = open.removeValue(forKey: id) else { return }
      timeouts[call.timer] = nil
      turn.cancelWake(call.timer)
      again(call.request, call.since, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func sendNext(_ turn: inout Turn) {
    let elapsed = plan.every * sent
    sent += 1
    let isHigh = plan.windows.contains { $0.contains(elapsed) }
    let metric = Metric(
      name: plan.name, value: isHigh ? plan.high : plan.low, type: .gauge, timestampMilliseconds: turn.wallClock.milliseconds)
    let request = MetricsRequest(metrics: [metric]).request(client: "\(plan.name)-source", idempotencyKey: "\(plan.name)-\(sent)")
    send(request, turn.now, &turn)
    let next = origin + plan.every * sent
    tick = next < origin + plan.until ? turn.wake(at: next) : nil
  }

  private mutating func send(_ request: Request, _ since: Instant, _ turn: inout Turn) {
    var request = request
    request.deadline = Deadline(turn.now + Self.timeout)
    let id = turn.call(ingestion, request, .immediately)
    let timer = turn.wake(after: Self.timeout)
    timeouts[timer] = id
    open[id] = (request, timer, since)
  }

  private mutating func again(_ request: Request, _ since: Instant, _ turn: inout Turn) {
    guard turn.now - since < Self.retryFor else { return }
    retries[turn.wake(after: .milliseconds(100) + turn.random.span(in: .zero...(.milliseconds(200))))] = (request, since)
  }
}
