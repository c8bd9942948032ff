// A load of kind *metrics*: many clients that send metrics to ingestion, open loop. A pure machine, so that it drives
// the simulated world and a live server alike.
//
// Each request is meant to start at an instant of its own, drawn before anything is known of those before it, and its
// latency is counted from there (no coordinated omission). Each metric carries its own number as its value, so that a
// checker can tell each one apart in the queue, in storage and in a sum; tags are few, as in practice. Bounded: at most
// `maximumOpen` requests are under way; an arrival beyond that is counted as failed without being sent.

import Load
import MonitoringAPI
import Vocabulary
import Wire

/// What a metrics load does.
public struct MetricsLoadPlan: Sendable, Hashable {
  /// When requests are meant to start.
  public var arrivals: Arrivals
  /// The first request is not meant to start before this instant of the load's clock.
  public var from: TimeSpan
  /// No request is meant to start at or after this instant.
  public var until: TimeSpan
  /// Client ids, used in turns drawn at random.
  public var clients: Int
  /// Metrics in each request.
  public var metricsPerRequest: Int
  /// Names of metrics: `name`, or `name-0` … where there is more than one.
  public var name: String
  /// How many names.
  public var names: Int
  /// Share of the requests that carry an `Idempotency-Key` and are sent again, as they are, when they fail; 0 … 1.
  public var repeatedShare: Double
  /// Share of the requests whose metrics carry timestamps; the others are stamped by ingestion.
  public var stampedShare: Double
  /// How long a request is waited for.
  public var timeout: TimeSpan
  /// Requests that may be under way at once.
  public var maximumOpen: Int

  /// A plan with usual values: one name, one metric a request, no repetition.
  public init(
    arrivals: Arrivals, from: TimeSpan = .zero, until: TimeSpan, clients: Int, metricsPerRequest: Int = 1, name: String = "load",
    names: Int = 1, repeatedShare: Double = 0, stampedShare: Double = 0.5, timeout: TimeSpan = .seconds(5), maximumOpen: Int = 10_000
  ) {
    self.arrivals = arrivals
    self.from = from
    self.until = until
    self.clients = clients
    self.metricsPerRequest = metricsPerRequest
    self.name = name
    self.names = names
    self.repeatedShare = repeatedShare
    self.stampedShare = stampedShare
    self.timeout = timeout
    self.maximumOpen = maximumOpen
  }

  /// The name of the `index`-th kind of metric.
  public func metricName(_ index: Int) -> String { names == 1 ? name : "\(name)-\(index)" }
}

/// The machine of a metrics load.
public struct MetricsLoad: Machine {
  private struct Open {
    var request: Request
    var intended: Instant
    var attemptsLeft: Int
    /// Whether an earlier attempt was refused by the limit, so that its time says nothing of the service's.
    var wasLimited: Bool
    var timer: TimerID
  }

  /// A request that is sent again after a while.
  private struct Repetition {
    var request: Request
    var intended: Instant
    var attemptsLeft: Int
    var wasLimited: Bool
  }

  private let plan: MetricsLoadPlan
  private let ingestion: Endpoint
  private var nextIntended: Instant
  private var origin = Instant(nanoseconds: 0)
  private var arrivalTimer: TimerID?
  private var requestNumber: UInt64 = 0
  private var metricNumber: UInt64 = 0
  /// The last timestamp that each client gave, in milliseconds.
  private var lastStamp: [String: Int64] = [:]
  private var open: [ExchangeID: Open] = [:]
  private var timeouts: [TimerID: ExchangeID] = [:]
  private var retries: [TimerID: Repetition] = [:]

  /// The tag that all metrics of a load carry; it tells them from signals and others.
  public static let hostTag = "host"
  /// How many values it takes.
  static let hosts = 8
  /// Attempts of a request that carries an `Idempotency-Key`.
  static let repeatedAttempts = 6

  /// A load of `plan` on the ingestion service at `ingestion`.
  public init(_ plan: MetricsLoadPlan, ingestion: Endpoint) {
    self.plan = plan
    self.ingestion = ingestion
    nextIntended = Instant(nanoseconds: 0)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    nextIntended = max(origin + plan.from, turn.now)
    requestNumber = UInt64(turn.numbersBefore)
    metricNumber = UInt64(turn.numbersBefore)
    armArrival(&turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == arrivalTimer {
        arrivalTimer = nil
        arrive(&turn)
      } else if let id = timeouts.removeValue(forKey: timer), let exchange = open.removeValue(forKey: id) {
        turn.cancelCall(id)
        ended(exchange, nil, &turn)
      } else if let repetition = retries.removeValue(forKey: timer) {
        send(repetition, &turn)
      }
    case .response(let id, let response):
      guard let exchange = open.removeValue(forKey: id) else { return }
      timeouts[exchange.timer] = nil
      turn.cancelWake(exchange.timer)
      ended(exchange, response, &turn)
    case .failed(let id, _):
      guard let exchange = open.removeValue(forKey: id) else { return }
      timeouts[exchange.timer] = nil
      turn.cancelWake(exchange.timer)
      ended(exchange, nil, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func armArrival(_ turn: inout Turn) {
    if nextIntended < origin + plan.until { arrivalTimer = turn.wake(at: nextIntended) }
  }

  /// Sends all that was meant to start by now.
  private mutating func arrive(_ turn: inout Turn) {
    while nextIntended <= turn.now, nextIntended < origin + plan.until {
      let intended = nextIntended
      nextIntended = nextIntended + max(.nanoseconds(1), plan.arrivals.nextGap(&turn.random))
      let isRepeated = turn.random.chance(plan.repeatedShare)
      let request = makeRequest(isRepeated: isRepeated, &turn)
      if open.count >= plan.maximumOpen {
        LoadOutcome.failed.tell(intended: intended, &turn)
      } else {
        let attempts = isRepeated ? Self.repeatedAttempts : 1
        send(Repetition(request: request, intended: intended, attemptsLeft: attempts, wasLimited: false), &turn)
      }
    }
    armArrival(&turn)
  }

  private mutating func makeRequest(isRepeated: Bool, _ turn: inout Turn) -> Request {
    requestNumber += 1
    let client = "\(plan.name)-client-\(turn.random.below(UInt64(plan.clients)))"
    let isStamped = turn.random.chance(plan.stampedShare)
    var metrics: [Metric] = []
    metrics.reserveCapacity(plan.metricsPerRequest)
    let tag = NamedText(Self.hostTag, "host-\(turn.random.below(UInt64(Self.hosts)))")
    for _ in 0..<plan.metricsPerRequest {
      metricNumber += 1
      let name = plan.metricName(Int(turn.random.below(UInt64(plan.names))))
      metrics.append(
        Metric(
          name: name, value: Double(metricNumber), type: .gauge,
          timestampMilliseconds: isStamped ? stamp(client, turn.wallClock.milliseconds) : nil, tags: [tag]))
    }
    return MetricsRequest(metrics: metrics).request(
      client: client, idempotencyKey: isRepeated ? "\(plan.name)-\(requestNumber)" : nil)
  }

  /// A timestamp that the client has not given before: two points of one series at one time would be one point.
  private mutating func stamp(_ client: String, _ now: Int64) -> Int64 {
    let stamp = max(now, (lastStamp[client] ?? .min) &+ 1)
    lastStamp[client] = stamp
    return stamp
  }

  private mutating func send(_ sent: Repetition, _ turn: inout Turn) {
    var request = sent.request
    request.deadline = Deadline(turn.now + plan.timeout)
    let id = turn.call(ingestion, request, .immediately)
    let timer = turn.wake(after: plan.timeout)
    timeouts[timer] = id
    open[id] = Open(
      request: request, intended: sent.intended, attemptsLeft: sent.attemptsLeft - 1, wasLimited: sent.wasLimited, timer: timer)
  }

  private mutating func ended(_ exchange: Open, _ response: Response?, _ turn: inout Turn) {
    let status = response?.status
    if status != 202, exchange.attemptsLeft > 0 {
      let wait = TimeSpan.milliseconds(status == 429 ? 1_000 : 100) + turn.random.span(in: .zero...(.milliseconds(200)))
      retries[turn.wake(after: wait)] = Repetition(
        request: exchange.request, intended: exchange.intended, attemptsLeft: exchange.attemptsLeft,
        wasLimited: exchange.wasLimited || status == 429)
      return
    }
    let outcome: LoadOutcome = status == 429 || status == 202 && exchange.wasLimited ? .limited : status == 202 ? .served : .failed
    outcome.tell(intended: exchange.intended, &turn)
  }
}
