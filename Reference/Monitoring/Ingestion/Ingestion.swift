// Ingestion: takes metrics from clients, limits each client, and hands them to the queue; spills while the queue is
// away.
//
// Guarantees: a 202 means that every metric of the request is durable, in the queue or in the spill, and will be in the
// queue once; a request with an `Idempotency-Key` that is repeated is stored once; metrics of a client keep the order
// of their 202s. Anything else than a 202 promises nothing: the metrics may or may not be kept. Fault model: crashes at
// any moment (an unanswered request may have been stored), a queue that is slow, away or refuses, a full disk or a full
// spill (503). A spilled record that the queue refuses for what it is cannot block those behind it: requests are halved
// until it stands alone, and then it is set aside (`GET /set-aside`, counted in `GET /health`). Limits: stamps are
// strictly increasing within a life; a wall clock that is set back across a restart may give a stamp twice.
// Requirements: MONITORING-1, 2, 5, 12.

import Durable
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

/// How ingestion is set up.
public struct IngestionConfiguration: Sendable {
  /// Where the queue is.
  public var queue: Endpoint
  /// Where other brokers of the queue are: any of them takes what the one before did not.
  public var otherBrokers: [Endpoint] = []
  /// Requests that a client may make within any second.
  public var requestsPerSecond = 10
  /// Clients that are remembered at once.
  public var maximumClients = 100_000
  /// Bytes of memory that spilled metrics may take; beyond it requests are answered 503.
  public var spillLimitBytes = 256 << 20
  /// How the queue is called for a request that a client waits for.
  public var forwardPolicy = CallPolicy(
    attemptTimeout: .milliseconds(500), attempts: 2, backoff: Backoff(base: .milliseconds(20), cap: .milliseconds(200)),
    breaker: CircuitBreaker.Policy(failuresThatOpen: 5, openFor: .seconds(1)),
    bulkhead: Bulkhead.Policy(concurrent: 256, waiting: 4_096))
  /// How long a client's request may take before it is spilled.
  public var forwardWithin = TimeSpan.seconds(1)
  /// Records handed to the queue in one request while draining.
  public var drainRecords = 500
  /// Bytes of one such request, at most (one record always goes).
  public var drainBytes = QueueAPI.maximumBodyBytes / 2
  /// How often the queue may refuse a record that stands alone before it is set aside.
  public var refusals = 3

  /// The defaults, with the queue at `queue`.
  public init(queue: Endpoint) { self.queue = queue }
}

/// The ingestion service.
public struct Ingestion: Machine {
  enum Route {
    case metrics, setAside, health
  }

  static let routes = RouteTable<Route>(
    [
      .init(.post, "/metrics", .metrics), .init(.get, "/set-aside", .setAside), .init(.get, "/health", .health),
    ], alsoBelow: APIVersion.segment)

  /// What to do once the queue has answered.
  enum Next {
    /// `body` is that of the request to the queue, which shares its bytes with the call.
    case forwarded(ExchangeID, count: Int, body: [UInt8])
    case drained(count: Int, upTo: Spill.Place)
  }

  let configuration: IngestionConfiguration
  private var calls = Calls<Next>()
  private var limiter: SlidingWindowLimiter
  private var spill: Spill?
  private var aside: SetAside?
  /// What was set aside and is not durable yet: only then the spill may let it go.
  private var settingAside: (place: Spill.Place, durable: DiskPosition)?
  private var isDraining = false
  /// Records of the next request while draining: fewer where the queue refused what it was given.
  private var drainWidth = Int.max
  /// How often the record at the front was refused that stands alone.
  private var refusals = 0
  private var drainFailures = 0
  private var drainWake: TimerID?
  /// Names this life to the queue.
  private var producer = ""
  /// Numbers the requests of this life. Each is a producer of its own to the queue, so that what is remembered of one
  /// does not depend on how many others came since.
  private var nextRequest: UInt64 = 0
  private var lastStampNanoseconds: Int64 = .min
  /// Calls of the queue that failed: after each another broker's turn has come.
  private var failures = 0

  /// A service that has not started.
  public init(_ configuration: IngestionConfiguration) {
    self.configuration = configuration
    limiter = SlidingWindowLimiter(
      limit: configuration.requestsPerSecond, window: .seconds(1), maximumKeys: configuration.maximumClients)
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: MetricsAPI.maximumBodyBytes) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(JournalError) {
      spill = try Spill(from: turn.disk)
      aside = try SetAside(from: turn.disk)
    } catch {
      throw StartRefusal("the spill cannot be recovered: \(error)")
    }
    // Two draws: lives of one node and of others get names of their own.
    producer = "ingestion/\(String(turn.random.next(), radix: 16))\(String(turn.random.next(), radix: 16))"
    drain(&turn)
  }

  // MARK: events

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions { resume(completion.next, completion.outcome, &turn) }
      return
    }
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try take(match, exchange, request, &turn)
      }
    case .timer(let timer):
      guard drainWake == timer else { return }
      drainWake = nil
      drain(&turn)
    case .durable: letGo(&turn)
    case .response, .failed, .abandoned, .message, .completed, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .metrics: try accept(exchange, request, &turn)
    case .setAside: turn.reply(exchange, aside?.response() ?? Response(status: 204))
    case .health: turn.reply(exchange, health(turn.disk), .immediately)
    }
  }

  private func health(_ disk: any Disk) -> Response {
    let held = spill?.bytes ?? 0
    let isFull = held >= configuration.spillLimitBytes
    let waiting = held > 0 ? "\(held) bytes wait in the spill for the queue\(isFull ? ", and it takes no more" : "")" : nil
    let refused = (aside?.count ?? 0) > 0 ? "records were set aside that the queue refuses for good (GET /set-aside)" : nil
    return .up(degraded: [disk.shortage, waiting, refused].compactMap { $0 }) { writer in
      writer.member("spilled_bytes", held)
      writer.member("spill_journal_bytes", spill?.journalBytes ?? 0)
      writer.member("set_aside", aside?.count ?? 0)
      writer.member("set_aside_dropped", Int64(clamping: aside?.dropped ?? 0))
    }
  }

  /// The broker whose turn it is.
  private var broker: Endpoint {
    let count = 1 + configuration.otherBrokers.count
    return failures % count == 0 ? configuration.queue : configuration.otherBrokers[failures % count - 1]
  }

  // MARK: accepting

  private mutating func accept(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let client = try Self.header(request.head, "authorization", maximumBytes: 256)
    guard let client else {
      throw RequestProblem(401, code: "NO_CLIENT", message: "expected the client's id in the header Authorization", field: "Authorization")
    }
    let key = try Self.header(request.head, "idempotency-key", maximumBytes: 128)
    let limited =
      turn.planted.contains(.ingestionLimitsLoosely) ? Instant(nanoseconds: turn.now.nanoseconds / 1_000_000_000 * 1_000_000_000) : turn.now
    switch limiter.decide(client, at: turn.planted.contains(.ingestionRemembersClients) ? Instant(nanoseconds: 0) : limited) {
    case .allowed: break
    case .refused(let span):
      return turn.reply(
        exchange,
        .failure(
          429, code: "RATE_LIMITED", message: "at most \(configuration.requestsPerSecond) requests a second for each client",
          retryAfter: span))
    case .noRoom(let span):
      return turn.reply(
        exchange, .failure(429, code: "TOO_MANY_CLIENTS", message: "too many clients at once", retryAfter: span))
    }
    let body = try request.decoded(MetricsRequest.init(_:))
    let records = records(of: body, client: client, idempotencyKey: key, &turn)
    if turn.planted.contains(.ingestionAcknowledgesEarly) { turn.reply(exchange, Self.accepted(records.count), .immediately) }
    // While older metrics wait for the queue newer ones wait behind them.
    if let spill, !spill.isEmpty, !turn.planted.contains(.ingestionOvertakesSpill) { return keep(records, exchange, &turn) }
    let forwarded = ProduceRequest(topic: QueueAPI.inboundTopic, records: records).request()
    calls.call(
      broker, forwarded,
      policy: configuration.forwardPolicy, deadline: Deadline(min(turn.now + configuration.forwardWithin, request.deadline.instant)),
      then: .forwarded(exchange, count: records.count, body: forwarded.body), &turn)
  }

  /// A header's value; nil where it is absent. Printable ASCII only, as it becomes a key and a tag.
  private static func header(_ head: RequestHead, _ name: String, maximumBytes: Int) throws(RequestProblem) -> String? {
    guard let value = head.headers[name], !value.isEmpty else { return nil }
    guard value.utf8.count <= maximumBytes, value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), head.headers.count(of: name) == 1 else {
      throw RequestProblem(
        400, code: "INVALID_HEADER", message: "expected one header \(name) of at most \(maximumBytes) printable ASCII characters",
        field: name)
    }
    return value
  }

  /// One record of the queue for each metric; the client is the key, so that a client's metrics stay in order.
  private mutating func records(
    of body: MetricsRequest, client: String, idempotencyKey: String?, _ turn: inout Turn
  ) -> [ProduceRecord] {
    var records: [ProduceRecord] = []
    records.reserveCapacity(body.metrics.count)
    // With the length, so that the client a/b with the key c is not the client a with the key b/c.
    let name = idempotencyKey.map { "client/\(client.utf8.count)/\(client)/\($0)" } ?? newProducer()
    for (index, metric) in body.metrics.enumerated() {
      let identity = ProducerSequence(producer: name, sequence: Int64(index))
      var stamp: Int64?
      if metric.timestampMilliseconds == nil {
        lastStampNanoseconds = max(turn.wallClock.nanoseconds, lastStampNanoseconds &+ 1)
        stamp = lastStampNanoseconds
      }
      records.append(
        ProduceRecord(key: client, value: PointMessage(metric, client: client, stampNanoseconds: stamp).json, identity: identity))
    }
    return records
  }

  private mutating func newProducer() -> String {
    nextRequest += 1
    return "\(producer)/\(nextRequest)"
  }

  private mutating func resume(_ next: Next, _ outcome: CallOutcome, _ turn: inout Turn) {
    switch next {
    case .forwarded(let exchange, let count, let body):
      switch outcome {
      case .success(let response) where response.status == 200: turn.reply(exchange, Self.accepted(count))
      case .success(let response):
        turn.observe(.contractViolated, subject: UInt64(broker.index), value: UInt64(response.status))
        turn.reply(
          exchange,
          .failure(
            502, code: "QUEUE_REFUSED", message: "the queue answered \(response.status); whether the metrics were stored is not known"))
      case .failure:
        failures &+= 1
        // Read again only here: while the queue is well nobody has to hold what it was sent a second time.
        guard let document = try? JSON(parsing: body), let sent = try? ProduceRequest(JSONField(document)) else {
          return turn.reply(exchange, .failure(500, code: "UNREADABLE", message: "what was sent to the queue cannot be read again"))
        }
        keep(sent.records, exchange, &turn)
      }
    case .drained(let count, let place):
      invariant(isDraining && settingAside == nil, "\(count) records up to batch \(place.batch) were drained, and nobody drains")
      isDraining = false
      switch outcome {
      case .success(let response) where response.status == 200:
        settle(upTo: place, &turn)
        drainWidth = drainWidth > configuration.drainRecords / 2 ? .max : 2 * drainWidth
        drain(&turn)
      case .success(let response):
        turn.observe(.contractViolated, subject: UInt64(broker.index), value: UInt64(response.status))
        refused(count, upTo: place, response, &turn)
      case .failure: drainLater(&turn)
      }
    }
  }

  private static func accepted(_ count: Int) -> Response {
    .json(202) { writer in
      writer.beginObject()
      writer.member("accepted", count)
      writer.endObject()
    }
  }

  // MARK: the spill

  /// Keeps what the queue did not take. The 202 leaves once the spill is durable.
  private mutating func keep(_ records: [ProduceRecord], _ exchange: ExchangeID, _ turn: inout Turn) {
    if turn.planted.contains(.ingestionDropsWhenQueueFails) { return turn.reply(exchange, Self.accepted(records.count)) }
    var records = records
    if turn.planted.contains(.ingestionRenumbersRetries) {
      let name = newProducer()
      for index in records.indices { records[index].identity = ProducerSequence(producer: name, sequence: Int64(index)) }
    }
    guard let payload = spill?.encoded(records),
      (spill?.bytes ?? 0) + payload.count + Spill.batchOverheadBytes <= configuration.spillLimitBytes
        || turn.planted.contains(.ingestionSpillsWithoutEnd)
    else {
      return turn.reply(
        exchange,
        .failure(
          503, code: "SPILL_FULL", message: "the queue is away and the local spill is full; nothing was kept", retryAfter: .seconds(1)))
    }
    do throws(JournalError) {
      try spill?.append(payload, to: turn.disk)
    } catch {
      return turn.reply(
        exchange,
        .failure(
          503, code: "DISK_FULL", message: "the queue is away and the local spill cannot be written; nothing was kept",
          retryAfter: .seconds(1)))
    }
    turn.observe(.spilled, subject: UInt64(records.count), value: UInt64(spill?.bytes ?? 0))
    turn.reply(exchange, Self.accepted(records.count))
    if drainWake == nil && !isDraining && settingAside == nil { wakeDrain(&turn) }
  }

  private mutating func wakeDrain(_ turn: inout Turn) {
    guard drainWake == nil else { return }
    let backoff = Backoff(base: .milliseconds(50), cap: .seconds(1))
    drainWake = turn.wake(after: turn.random.span(in: .milliseconds(10)...backoff.ceiling(beforeAttempt: max(1, drainFailures))))
  }

  /// Hands the oldest spilled records to the queue, one request at a time, so that they stay in order.
  private mutating func drain(_ turn: inout Turn) {
    let width = min(drainWidth, configuration.drainRecords, QueueAPI.maximumRecords)
    guard !isDraining, settingAside == nil, let piece = spill?.piece(maximumRecords: width, maximumBytes: configuration.drainBytes) else {
      return
    }
    invariant(
      !piece.records.isEmpty && piece.records.count <= max(1, width), "a piece of \(piece.records.count) records where \(width) may be")
    isDraining = true
    var policy = configuration.forwardPolicy
    policy.attempts = 1
    policy.attemptTimeout = .seconds(2)
    calls.call(
      broker, ProduceRequest(topic: QueueAPI.inboundTopic, records: piece.records).request(), policy: policy,
      then: .drained(count: piece.records.count, upTo: piece.end), &turn)
  }

  private mutating func drainLater(_ turn: inout Turn) {
    drainFailures += 1
    failures &+= 1
    wakeDrain(&turn)
  }

  /// The spill is done with what lies before a place.
  private mutating func settle(upTo place: Spill.Place, _ turn: inout Turn) {
    (drainFailures, refusals) = (0, 0)
    do throws(JournalError) {
      try spill?.settle(upTo: place, notesWholeBatches: turn.planted.contains(.ingestionNotesWholeBatches), on: turn.disk)
      turn.observe(.spillDrained, subject: UInt64(spill?.count ?? 0))
    } catch {
      // The note of the draining could not be written: what was drained is known here, and is drained again after a
      // restart.
    }
  }

  // MARK: what the queue refuses

  /// Whether an answer tells that these very records will never be taken. Only the queue's own error says so, not
  /// whatever stands before it; and a topic that is not known, or a client that may not, can be mended.
  private static func isFinal(_ response: Response) -> Bool {
    switch response.status {
    case 413: true
    case 400, 409, 410, 411, 414, 415, 422, 431: !ErrorAnswer(response).code.isEmpty
    case _: false
    }
  }

  /// The queue refused some records: they are halved until the one stands alone that it means, and that one is set
  /// aside after a few tries.
  private mutating func refused(_ count: Int, upTo place: Spill.Place, _ response: Response, _ turn: inout Turn) {
    guard Self.isFinal(response) else { return drainLater(&turn) }
    if count > 1 {
      drainWidth = max(1, count / 2)
      invariant(drainWidth < count, "\(count) records that were refused are halved to \(drainWidth)")
      return drain(&turn)
    }
    refusals += 1
    guard refusals >= configuration.refusals, let record = spill?.piece(maximumRecords: 1, maximumBytes: 0)?.records.first else {
      return drainLater(&turn)
    }
    let answer = ErrorAnswer(response)
    let entry = SetAside.Entry(record: record, status: response.status, code: answer.code, message: answer.message)
    do throws(JournalError) {
      try aside?.add(entry, to: turn.disk)
    } catch {
      return drainLater(&turn)
    }
    invariant(!isDraining && settingAside == nil, "a record is set aside while others are drained or set aside")
    turn.observe(.recordSetAside, subject: UInt64(aside?.count ?? 0), value: UInt64(response.status))
    settingAside = (place, turn.notifyWhenDurable())
  }

  /// Lets what was set aside go from the spill, once it is durable where it is now.
  private mutating func letGo(_ turn: inout Turn) {
    guard let pending = settingAside, pending.durable <= turn.disk.durablePosition else { return }
    settingAside = nil
    settle(upTo: pending.place, &turn)
    drain(&turn)
  }
}
