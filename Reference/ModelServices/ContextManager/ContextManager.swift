// The context manager: items that models share, in memory in front of a relational store. Interface and guarantees:
// `ContextAPI`.
//
// Fault model. The store may be slow, away, or answer twice; nothing is acknowledged that it did not keep. Memory holds
// scopes, each whole, for `memoryTime` at most: a write forgets its scope when it begins and when it ends, so that whoever
// asks behind an acknowledgement sees it. While the store is away, what is in memory is given out, and the rest refused.
// Whether an item is over is asked of the wall clock each time that it is given out, of memory or of the store alike.
// Several managers may share a store: what one wrote the other may see `memoryTime` late.
// Limits: `ContextAPI`; requests that wait for the store, by its bulkhead. Parts: +Reading, +Writing, +Cleaning.
// Requirements: MODELS-4, 5, 6, 14.

import ModelServicesAPI
import Resilience
import StoresAPI
import Vocabulary
import Wire

/// How a context manager is set up.
public struct ContextManagerConfiguration: Sendable {
  /// Where the store is.
  public var store: Endpoint
  /// How it is called.
  public var storePolicy = CallPolicy(
    attemptTimeout: .milliseconds(800), attempts: 4, retry: .always, backoff: Backoff(base: .milliseconds(20), cap: .milliseconds(400)),
    breaker: CircuitBreaker.Policy(failuresThatOpen: 5, openFor: .milliseconds(500)),
    bulkhead: Bulkhead.Policy(concurrent: 48, waiting: 2_048))
  /// How long a request waits for the store.
  public var storeWithin = TimeSpan.seconds(2)
  /// Most scopes in memory.
  public var memoryScopes = 10_000
  /// How long a scope stays in memory.
  public var memoryTime = TimeSpan.seconds(5)
  /// How often what is over is cleaned away.
  public var cleanEvery = TimeSpan.seconds(1)
  /// How many rows are cleaned away at once.
  public var cleanedAtOnce = 500
  /// How long it is remembered that an item was taken away.
  public var deletionTime = TimeSpan.seconds(60)

  /// The defaults, with the store at `store`.
  public init(store: Endpoint) { self.store = store }
}

/// The machine.
public struct ContextManager: Machine {
  enum Route: Sendable {
    case put, get, delete, list, adapted, health, metrics
  }

  static let routes = RouteTable<Route>([
    .init(.put, "/context/{id}", .put), .init(.get, "/context/{id}", .get), .init(.delete, "/context/{id}", .delete),
    .init(.get, "/context", .list), .init(.get, "/adapted", .adapted), .init(.get, "/health", .health),
    .init(.get, "/metrics", .metrics),
  ])

  /// What to do once the store has answered.
  enum Next {
    case tableMade
    case loaded(TieredCache<[KeptItem], Waiter>.Load)
    case written(Write)
    /// Which write of it is kept, where a newer one than ours is.
    case numbered(Write)
    case overFound
    case cleaned(Int)
  }

  /// Who waits for a scope.
  struct Waiter: Sendable {
    enum Wants: Sendable {
      case item(String)
      case items(ContextFilter)
      case adapted(ModelType, format: Int64, ContextFilter)
      /// To put an item into it, where there is room.
      case room(ContextItem)
    }

    var exchange: ExchangeID
    var wants: Wants
    var askedAt: Instant
  }

  let configuration: ContextManagerConfiguration
  var calls = Calls<Next>()
  var memory: TieredCache<[KeptItem], Waiter>
  /// Whether the store is known to have the table.
  var hasTable = false
  /// The number of the last write.
  var lastSequence: Int64 = 0
  var cleaning: TimerID?
  var tableWake: TimerID?
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var retrievals = TimeHistogram()
    var writes: UInt64 = 0
    var deletions: UInt64 = 0
    var cleaned: UInt64 = 0
    var storeFailures: UInt64 = 0
    var unknownTypes: UInt64 = 0
  }

  /// A manager that has not started.
  public init(_ configuration: ContextManagerConfiguration) {
    self.configuration = configuration
    memory = TieredCache(
      .init(entries: configuration.memoryScopes, timeToLive: configuration.memoryTime, failureTime: .milliseconds(100)))
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 64 << 10) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { makeTable(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions { goOn(completion.next, completion.outcome, &turn) }
      return
    }
    switch event {
    case .request(let exchange, let request):
      let routes = Self.routes
      routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in try take(match, exchange, request, &turn) }
    case .timer(let timer):
      if timer == cleaning {
        cleaning = nil
        clean(&turn)
      } else if timer == tableWake {
        tableWake = nil
        makeTable(&turn)
      }
    case .abandoned(let exchange): memory.forgetWaiters { $0.exchange == exchange }
    case .response, .failed, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .put:
      let id = match.parameter("id")
      try ContextItem.checkName(id, "id")
      try only(match.target, [])
      try put(exchange, try request.decoded { (field) throws(FieldMistake) in try ContextItem(id, field) }, &turn)
    case .get:
      let id = match.parameter("id")
      try ContextItem.checkName(id, "id")
      try only(match.target, ["scope"])
      look(try ContextFilter(match.target).scope, Waiter(exchange: exchange, wants: .item(id), askedAt: turn.now), &turn)
    case .delete:
      let id = match.parameter("id")
      try ContextItem.checkName(id, "id")
      try only(match.target, ["scope"])
      delete(exchange, id, scope: try ContextFilter(match.target).scope, &turn)
    case .list:
      try only(match.target, ["scope", "kind", "limit"])
      let filter = try ContextFilter(match.target)
      look(filter.scope, Waiter(exchange: exchange, wants: .items(filter), askedAt: turn.now), &turn)
    case .adapted: try adapted(match.target, exchange, &turn)
    case .health:
      try only(match.target, [])
      turn.reply(exchange, health(turn.disk), .immediately)
    case .metrics:
      try only(match.target, [])
      turn.reply(exchange, metrics(), .immediately)
    }
  }

  func only(_ target: HTTPTarget, _ names: [String]) throws(RequestProblem) {
    do throws(HTTPTargetError) { try target.onlyItems(names) } catch { throw RequestProblem(error) }
  }

  private mutating func goOn(_ next: Next, _ outcome: CallOutcome, _ turn: inout Turn) {
    if case .failure = outcome { figures.storeFailures += 1 }
    switch next {
    case .tableMade: tableMade(outcome, &turn)
    case .loaded(let load): loaded(load, outcome, &turn)
    case .written(let write): written(write, outcome, &turn)
    case .numbered(let write): numbered(write, outcome, &turn)
    case .overFound: overFound(outcome, &turn)
    case .cleaned(let count): cleaned(count, outcome, &turn)
    }
  }

  // MARK: the table

  private mutating func makeTable(_ turn: inout Turn) {
    calls.call(
      configuration.store, KeptItem.table.request(), policy: configuration.storePolicy,
      deadline: Deadline(turn.now + configuration.storeWithin), release: .immediately, then: .tableMade, &turn)
  }

  private mutating func tableMade(_ outcome: CallOutcome, _ turn: inout Turn) {
    guard case .success(let response) = outcome, (200...201).contains(response.status) else {
      tableWake = turn.wake(after: .milliseconds(100) + turn.random.span(in: .zero...(.milliseconds(200))))
      return
    }
    hasTable = true
    scheduleCleaning(&turn)
  }

  // MARK: what is told of it

  private func health(_ disk: any Disk) -> Response {
    let isAway =
      switch calls.breakerState(of: configuration.store) {
      case .open, .halfOpen: true
      case .closed, nil: false
      }
    var reasons: [String] = []
    if !hasTable { reasons.append("the store has not answered yet: nothing is kept or given out") }
    if isAway { reasons.append("the store fails or cannot be reached: what is not in memory is refused") }
    let write = { (writer: inout JSONWriter) in writer.member("scopes_in_memory", memory.count) }
    return hasTable ? .up(degraded: reasons, write) : .unavailable(degraded: reasons, write)
  }

  private func metrics() -> Response {
    var text = MetricsText()
    text.histograms("context_retrieval_seconds", unit: "seconds", help: "How long it took to give out context.")
    figures.retrievals.write(&text)
    text.family("context_memory_looks", .counter, help: "Looks for a scope, by whether it was in memory.")
    text.count(memory.hits, [("result", "hit")])
    text.count(memory.looks - memory.hits, [("result", "miss")])
    text.family("context_memory_scopes", .gauge, help: "Scopes in memory.")
    text.count(UInt64(memory.count))
    text.counters([
      ("context_writes", "Items that were kept.", figures.writes), ("context_deletions", "Items that were taken away.", figures.deletions),
      ("context_cleaned", "Rows that were cleaned away, since their time was over.", figures.cleaned),
      ("context_store_failures", "Calls of the store that came to nothing.", figures.storeFailures),
      ("context_unknown_model_types", "Requests for context in the form of no known type of model.", figures.unknownTypes),
    ])
    return Response(status: 200, headers: ["content-type": MetricsText.contentType], body: text.finish())
  }
}
