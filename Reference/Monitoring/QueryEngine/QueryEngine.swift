// The query engine: reads a query, fetches its points from storage, and answers with rows.
//
// Guarantees: an answer is a function of the query, its range and the points that storage gave; a query that cannot be
// read is refused with line, column and what was expected; every request is answered, at the latest when its own
// deadline or `queryWithin` passes. Fault model: storage slow (504), away or overloaded (503), refusing or broken
// (502), always after bounded retries; the engine keeps nothing on disk, so a crash loses only the requests under way.
// Limits: what is too much for one answer of storage is fetched in pages, each as storage is when it is asked; the
// query's deadline bounds their number; an answer has at most `maximumRows` rows before LIMIT and `maximumAnswerBytes`
// bytes; no cache yet. Requirements: MONITORING-19.

import MonitoringAPI
import Resilience
import Vocabulary
import Wire

/// How a query engine is set up.
public struct QueryEngineConfiguration: Sendable {
  /// Where storage is.
  public var storage: Endpoint
  /// How storage is called.
  public var storagePolicy = CallPolicy(
    attemptTimeout: .seconds(3), attempts: 3, retry: .always, backoff: Backoff(base: .milliseconds(50), cap: .seconds(1)),
    breaker: CircuitBreaker.Policy(failuresThatOpen: 5, openFor: .seconds(1)), bulkhead: Bulkhead.Policy(concurrent: 64, waiting: 1_024))
  /// How long a query may take.
  public var queryWithin = TimeSpan.seconds(10)
  /// Rows that an answer may have before LIMIT.
  public var maximumRows = 100_000
  /// Bytes that an answer may have: less than a caller takes.
  public var maximumAnswerBytes = QueryEngineAPI.maximumAnswerBytes

  /// The defaults, with storage at `storage`.
  public init(storage: Endpoint) { self.storage = storage }
}

/// The query engine.
public struct QueryEngine: Machine {
  enum Route {
    case query, health
  }

  static let routes = RouteTable<Route>([.init(.post, "/query", .query), .init(.get, "/health", .health)], alsoBelow: APIVersion.segment)

  /// What to do once storage has answered.
  enum Next {
    case evaluate(Progress)
  }

  /// A query whose points are being fetched.
  struct Progress {
    let exchange: ExchangeID
    let evaluation: Evaluation
    let deadline: Deadline
    var gathering = Evaluation.Gathering()
    /// Where the points begin that are being asked for.
    var start: Int64
    /// Whether they come in pages, since they were too many for one answer.
    var isPaged = false
  }

  let configuration: QueryEngineConfiguration
  private var calls = Calls<Next>()
  private var startedAt = WallTime(nanoseconds: 0)

  /// An engine that has not started.
  public init(_ configuration: QueryEngineConfiguration) { self.configuration = configuration }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 64 << 10) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { startedAt = turn.wallClock }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions {
        switch completion.next {
        case .evaluate(let progress): goOn(progress, completion.outcome, &turn)
        }
      }
      return
    }
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try take(match, exchange, request, &turn)
      }
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .query: try query(exchange, request, &turn)
    case .health: turn.reply(exchange, health(turn.disk), .immediately)
    }
  }

  /// What it needs is storage; on its disk only the host counts its lives, at each start.
  private func health(_ disk: any Disk) -> Response {
    let isAway =
      switch calls.breakerState(of: configuration.storage) {
      case .open, .halfOpen: true
      case .closed, nil: false
      }
    let away = isAway ? "storage fails or cannot be reached: queries are refused" : nil
    return .up(degraded: [disk.shortage, away].compactMap { $0 }) {
      $0.member("queries_under_way", calls.count)
    }
  }

  private mutating func query(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let body = try request.decoded(EngineQueryRequest.init(_:))
    let query: Query
    do throws(TextMistake) {
      query = try Query(parsing: body.query)
    } catch {
      return turn.reply(exchange, .invalidQuery(error, field: "query"))
    }
    let clock = turn.planted.contains(.queryStopsClock) ? startedAt : turn.wallClock
    let now = body.nowMilliseconds.map { WallTime(milliseconds: $0) } ?? clock
    let evaluation = Evaluation(
      query: query, range: query.timeRange(nowNanoseconds: now.nanoseconds), maximumRows: configuration.maximumRows, planted: turn.planted)
    try evaluation.check()
    guard !evaluation.range.isEmpty else { return turn.reply(exchange, EngineQueryResponse(rows: []).response()) }
    let deadline = min(request.deadline, Deadline(turn.now + configuration.queryWithin))
    fetch(Progress(exchange: exchange, evaluation: evaluation, deadline: deadline, start: evaluation.range.startNanoseconds), &turn)
  }

  private mutating func fetch(_ progress: Progress, _ turn: inout Turn) {
    calls.call(
      configuration.storage, progress.evaluation.storageQuery(from: progress.start, isPaged: progress.isPaged).request(),
      policy: configuration.storagePolicy, deadline: progress.deadline, then: .evaluate(progress), &turn)
  }

  // MARK: storage's answer

  private mutating func goOn(_ progress: Progress, _ outcome: CallOutcome, _ turn: inout Turn) {
    var progress = progress
    switch outcome {
    case .success(let response) where response.status == 200: take(response, &progress, &turn)
    case .success(let response) where response.status == 422 && !progress.isPaged:
      // As much as storage gives at once.
      progress.isPaged = true
      fetch(progress, &turn)
    case .failure(.transport(.responseTooLarge)) where !progress.isPaged:
      progress.isPaged = true
      fetch(progress, &turn)
    case .failure(.circuitOpen) where turn.planted.contains(.queryAnswersEmptyWhileOpen):
      let rows = (try? progress.evaluation.rows(of: progress.gathering)) ?? []
      turn.reply(progress.exchange, EngineQueryResponse(rows: rows).response())
    case .success, .failure: turn.reply(progress.exchange, refusal(outcome, isPaged: progress.isPaged, &turn))
    }
  }

  /// What is answered where storage gave no points.
  private func refusal(_ outcome: CallOutcome, isPaged: Bool, _ turn: inout Turn) -> Response {
    switch outcome {
    // A storage that does not know of pages refuses the question for one.
    case .success(let response) where response.status == 422 || response.status == 400 && isPaged:
      return .failure(422, code: "TOO_MANY_POINTS", message: "storage refused: \(ErrorAnswer(response).message)")
    case .success(let response):
      violated(response.status, &turn)
      return .failure(
        502, code: "STORAGE_REFUSED", message: "storage answered \(response.status): \(ErrorAnswer(response).message)")
    case .failure(.status(let response)) where response.status != 429 && response.status != 503 && response.status != 504:
      return .failure(502, code: "STORAGE_FAILED", message: "storage answered \(response.status): \(ErrorAnswer(response).message)")
    case .failure(.status(let response)) where response.status == 504: return slow
    case .failure(.timedOut): return slow
    case .failure(.transport(.responseTooLarge)):
      return .failure(
        422, code: "TOO_MANY_POINTS", message: "storage's answer is longer than \(HostLimits.responseBytes) bytes: take a shorter range")
    case .failure(.status), .failure(.transport), .failure(.redirected), .failure(.circuitOpen), .failure(.bulkheadFull):
      return .failure(503, code: "STORAGE_UNAVAILABLE", message: "storage cannot be reached or is overloaded", retryAfter: .seconds(1))
    }
  }

  private var slow: Response { .failure(504, code: "STORAGE_TIMEOUT", message: "storage did not answer in time") }

  private mutating func take(_ response: Response, _ progress: inout Progress, _ turn: inout Turn) {
    let range = TimeRange(start: Int128(progress.start), last: Int128(progress.evaluation.range.lastNanoseconds))
    guard let document = try? response.document(), let answer = try? StorageQueryResponse(document),
      Self.isOrdered(answer.dataPoints, within: range),
      // A page goes on behind all that it holds.
      answer.nextStartNanoseconds.map({ next in
        next > progress.start && range.contains(next) && answer.dataPoints.last.map { $0.timestampNanoseconds < next } ?? true
      }) ?? true
    else {
      violated(response.status, &turn)
      return turn.reply(
        progress.exchange, .failure(502, code: "STORAGE_REFUSED", message: "storage's answer is not what its contract says"))
    }
    do throws(RequestProblem) {
      try progress.evaluation.gather(answer.dataPoints, into: &progress.gathering)
      if let next = answer.nextStartNanoseconds {
        progress.start = next
        return fetch(progress, &turn)
      }
      let answer = EngineQueryResponse(rows: try progress.evaluation.rows(of: progress.gathering))
      // Before it is written out: long values of tags repeat in every row.
      guard answer.leastBytes <= configuration.maximumAnswerBytes else { throw tooLong }
      let response = answer.response()
      guard response.body.count <= configuration.maximumAnswerBytes else { throw tooLong }
      turn.reply(progress.exchange, response)
    } catch {
      turn.reply(progress.exchange, error.response)
    }
  }

  private var tooLong: RequestProblem {
    RequestProblem(
      422, code: "TOO_MANY_ROWS",
      message: "the answer would have more than \(configuration.maximumAnswerBytes) bytes: take longer buckets, a shorter range or a LIMIT")
  }

  /// Whether the points lie in the range and come by time: aggregates rest on it.
  private static func isOrdered(_ points: [DataPoint], within range: TimeRange) -> Bool {
    var last = Int64.min
    for point in points {
      guard point.timestampNanoseconds >= last, range.contains(point.timestampNanoseconds) else { return false }
      last = point.timestampNanoseconds
    }
    return true
  }

  private func violated(_ status: Int, _ turn: inout Turn) {
    turn.observe(.contractViolated, subject: UInt64(configuration.storage.index), value: UInt64(status))
  }
}
