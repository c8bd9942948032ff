// The service registry: which services there are and in which versions, where their instances are, how they stand; and the
// way of each task to one of them, with its context. Interface and guarantees: `ServicesAPI`.
//
// Fault model. Hosts crash, hang (with or without their heartbeats), slow down, lie, and flap; the context manager may be away;
// reports are lost and come late. A host that was not heard of for `silentAfter` is not given tasks. An instance that fails
// tasks or probes in a row is ejected (`OutlierEjection`), and comes back by a probe, which takes the way of a task. A task
// that one instance failed goes to another, once: models answer and change nothing. What is registered, and which version is
// active, is on the disk; where instances are is learnt from the hosts, so that a restart loads nothing twice.
// Limits: `ServicesAPI`; tasks under way on one instance and on one host; those that wait for an initialisation.
// Parts: +Registering, +Initializing, +Tasks, +Swapping, +Health, +Reports, +Keeping. Requirements: MODELS-1, 2, 3, 7, 8, 13.

import Durable
import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// How a registry is set up.
public struct ServiceRegistryConfiguration: Sendable {
  /// A host of models.
  public struct Host: Sendable, Hashable {
    /// Its name, as it reports.
    public var name: String
    /// Where it is.
    public var endpoint: Endpoint

    /// A host.
    public init(name: String, endpoint: Endpoint) {
      self.name = name
      self.endpoint = endpoint
    }
  }

  /// The hosts, all of which may be given instances.
  public var hosts: [Host]
  /// Where the context manager is.
  public var context: Endpoint
  /// How long a host may be silent.
  public var silentAfter = TimeSpan.seconds(1)
  /// How often the registry looks after things.
  public var lookEvery = TimeSpan.milliseconds(50)
  /// How long after an instance's last success it is probed; of one that costs money 120 times as long.
  public var probeEvery = TimeSpan.milliseconds(500)
  /// How long a probe may take.
  public var probeTimeout = TimeSpan.milliseconds(300)
  /// How long an initialisation may take.
  public var initializeWithin = TimeSpan.seconds(10)
  /// Waits between failed initialisations.
  public var initializeBackoff = Backoff(base: .milliseconds(200), cap: .seconds(5))
  /// How long the context of a task may take.
  public var contextWithin = TimeSpan.milliseconds(500)
  /// Tasks under way on one instance, and on one host.
  public var tasksOfInstance = 16
  public var tasksOfHost = 56
  /// Tasks of one version that wait for its initialisation.
  public var waitingTasks = 2_000
  /// How long the old version of a swap may take to end what it began.
  public var drainWithin = TimeSpan.seconds(30)
  /// Tasks in a row that a new version may fail before its swap is undone.
  public var swapFailures = 5

  /// The defaults, for these hosts, with the context manager at `context`.
  public init(hosts: [Host], context: Endpoint) {
    self.hosts = hosts
    self.context = context
  }
}

/// The machine.
public struct ServiceRegistry: Machine {
  enum Route: Sendable {
    case register, list, get, delete, initialize, swap, task, events, report, health, metrics
  }

  static let routes = RouteTable<Route>([
    .init(.post, "/tasks", .task), .init(.post, "/reports", .report), .init(.post, "/services", .register),
    .init(.get, "/services", .list), .init(.get, "/services/{id}", .get), .init(.delete, "/services/{id}", .delete),
    .init(.post, "/services/{id}/initialize", .initialize), .init(.post, "/services/{id}/swap", .swap),
    .init(.get, "/events", .events), .init(.get, "/health", .health), .init(.get, "/metrics", .metrics),
  ])

  /// What to do once somebody has answered.
  enum Next {
    case context(TaskJob)
    case task(TaskJob, Attempt)
    case probe(Attempt)
    case loaded(ExactName, Int64, host: Int)
    case unloaded(ExactName, Int64, host: Int)
  }

  /// A task or probe on its way to an instance.
  struct Attempt {
    var service: ExactName
    var version: Int64
    var host: Int
    var instance: String
    /// The number that the answer repeats.
    var number: UInt64
    var beganAt: Instant
    /// Whether it was given so much time that none to spare tells of a defect.
    var isTelling: Bool
  }

  /// An old version, or one that is not wanted any more, that ends what it began.
  struct Draining {
    var service: ExactName
    var version: Int64
    var until: Instant
  }

  let configuration: ServiceRegistryConfiguration
  var calls = Calls<Next>()
  var services: [ExactName: Service] = [:]
  var hosts: [HostState]
  /// Tasks and probes under way on each host.
  var outstanding: [Int]
  var draining: [Draining] = []
  var file: TwinFile?
  var listeners = Broadcast<Void>(maximumListeners: 1_000)
  /// The number of the last event.
  var eventNumber: UInt64 = 0
  private var look: TimerID?
  /// When it last looked after things.
  var lookedAt = Instant(nanoseconds: 0)
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var contextTimes = TimeHistogram()
    var routeTimes = TimeHistogram()
    var endToEnd = TimeHistogram()
    var initializeTimes = TimeHistogram()
    var errors: [ExactName: UInt64] = [:]
    var retries: UInt64 = 0
    var ejections: UInt64 = 0
    var probes: UInt64 = 0
    var failedProbes: UInt64 = 0
    var contractBreaches: UInt64 = 0
    var swaps: UInt64 = 0
    var failedSwaps: UInt64 = 0
  }

  /// A registry that has not started.
  public init(_ configuration: ServiceRegistryConfiguration) {
    self.configuration = configuration
    hosts = configuration.hosts.map { HostState(name: $0.name, endpoint: $0.endpoint) }
    outstanding = configuration.hosts.map { _ in 0 }
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: ServicesAPI.maximumRequestBytes) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    try load(&turn)
    lookedAt = turn.now
    look = turn.wake(after: configuration.lookEvery)
  }

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
      if timer == look {
        look = turn.wake(after: configuration.lookEvery)
        lookAfter(&turn)
      }
    case .stream(let id, let part): if !listeners.hear(id, part, &turn) { listeners.forget(id) }
    case .abandoned(let id): listeners.forget(id)
    case .response, .failed, .message, .durable, .completed: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    do throws(HTTPTargetError) { try match.target.onlyItems([]) } catch { throw RequestProblem(error) }
    switch match.route {
    case .task: try task(exchange, request, &turn)
    case .report: try take(report: try request.decoded(HostReport.init(_:)), exchange, &turn)
    case .register: try register(exchange, try request.decoded(ServiceRegistration.init(_:)), &turn)
    case .list:
      let texts = services.keys.sorted()
      turn.reply(
        exchange,
        .json(200) { writer in
          writer.beginObject()
          writer.name("services")
          writer.beginArray()
          for name in texts { write(name, &writer) }
          writer.endArray()
          writer.endObject()
        }, .immediately)
    case .get:
      let name = try known(match.parameter("id"))
      turn.reply(exchange, .json(200) { write(name, &$0) }, .immediately)
    case .delete: try delete(exchange, try known(match.parameter("id")), &turn)
    case .initialize: try initialize(exchange, try known(match.parameter("id")), request.deadline, &turn)
    case .swap: try swap(exchange, try known(match.parameter("id")), request, &turn)
    case .events: try listen(exchange, &turn)
    case .health: turn.reply(exchange, health(turn.now, turn.disk), .immediately)
    case .metrics: turn.reply(exchange, metrics(turn.now), .immediately)
    }
  }

  /// The name of a service that there is.
  func known(_ id: String) throws(RequestProblem) -> ExactName {
    let name = ExactName(id)
    guard services[name] != nil else {
      let near = nearestName(to: id, among: services.keys.sorted().map(\.text)).map { " (did you mean \(quoted($0))?)" } ?? ""
      throw RequestProblem(404, code: "SERVICE_NOT_FOUND", message: "there is no service \(quoted(id))\(near)", field: "service")
    }
    return name
  }

  private mutating func goOn(_ next: Next, _ outcome: CallOutcome, _ turn: inout Turn) {
    switch next {
    case .context(let job): contextCame(job, outcome, &turn)
    case .task(let job, let attempt): taskEnded(job, attempt, outcome, &turn)
    case .probe(let attempt): probeEnded(attempt, outcome, &turn)
    case .loaded(let name, let version, let host): loaded(name, version, host, outcome, &turn)
    case .unloaded(let name, let version, let host): unloaded(name, version, host, outcome)
    }
  }

  /// Looks after what is due.
  private mutating func lookAfter(_ turn: inout Turn) {
    lookAfterHosts(&turn)
    for name in services.keys.sorted() {
      expireWaiting(name, &turn)
      lookAfterInitialization(name, &turn)
      lookAfterSwap(name, &turn)
      probe(name, &turn)
      tellHealth(name, &turn)
    }
    lookAfterDraining(&turn)
  }
}
