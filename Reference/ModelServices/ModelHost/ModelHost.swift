// A host of models: it loads instances, carries tasks out on them, and reports to the registry. Interface: `HostAPI`.
//
// Guarantees: one load of a version is under way at a time, and all who ask for it meanwhile are answered with it; a load
// is a work beside the turns, so that it slows no task; an instance that goes finishes what it began. Fault model: all is
// memory, and a restart begins with none; the registry learns of that by the next report, whose `life` is another. Reports
// may be lost: the next heartbeat says all again. What a language model outside gives is a task's only where it came whole. Limits: memory for weights (507 beyond it), instances, and tasks of one
// instance that wait for a language model (429 beyond). Parts: +Instances, +Tasks, +Reports. Requirements: MODELS-1, 2, 3, 7.

import ChatCompletions
import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// The language model outside that a host's models of that type speak to.
public struct LanguageBackend: Sendable {
  /// Where it is.
  public var server: ChatServer
  /// Which model of it.
  public var model: String

  /// A model of a server.
  public init(_ server: ChatServer, model: String) {
    self.server = server
    self.model = model
  }
}

/// How a host is set up.
public struct ModelHostConfiguration: Sendable {
  /// What it is called.
  public var name: String
  /// Where the registry is.
  public var registry: Endpoint
  /// What the weights of its instances may take.
  public var memoryLimitBytes = 1 << 30
  /// How often it reports where nothing changes.
  public var heartbeatEvery = TimeSpan.milliseconds(200)
  /// How often it looks for instances that are idle.
  public var idleLookEvery = TimeSpan.milliseconds(100)
  /// The language model that is asked; nil where there is none, and tasks for one fail.
  public var language: LanguageBackend?
  /// How many tasks of one instance may wait for a language model.
  public var tasksOfInstance = 64

  /// The defaults, for a host called `name`, with the registry at `registry`.
  public init(name: String, registry: Endpoint) {
    self.name = name
    self.registry = registry
  }
}

/// The machine.
public struct ModelHost: Machine {
  enum Route: Sendable {
    case load, unload, instances, task, health, metrics
  }

  static let routes = RouteTable<Route>([
    .init(.post, "/instances", .load), .init(.delete, "/instances", .unload), .init(.get, "/instances", .instances),
    .init(.post, "/tasks", .task), .init(.get, "/health", .health), .init(.get, "/metrics", .metrics),
  ])

  /// What to do once the registry has answered.
  enum Next {
    case reported
  }

  let configuration: ModelHostConfiguration
  var calls = Calls<Next>()
  var chats = ChatClient<LanguageTask>(mostAtOnce: 256)
  /// By service and version.
  var instances: [InstanceName: Instance] = [:]
  var reportSequence: Int64 = 0
  var isReporting = false
  /// Whether something changed since the last report.
  var isChanged = false
  var heartbeat: TimerID?
  var idleLook: TimerID?
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var tasks: UInt64 = 0
    var failures: UInt64 = 0
    var loads: UInt64 = 0
    var failedLoads: UInt64 = 0
    var unloads: UInt64 = 0
    var loadTimes = TimeHistogram()
  }

  /// A host that has not started.
  public init(_ configuration: ModelHostConfiguration) {
    self.configuration = configuration
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: HostAPI.maximumRequestBytes) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { report(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions {
        switch completion.next {
        case .reported: reported(completion.outcome, &turn)
        }
      }
      return
    }
    if case .mine(let notices) = chats.settle(event, &turn) {
      for notice in notices {
        switch notice.news {
        case .ended(let result): spoken(notice.purpose, result, &turn)
        case .piece, .tryingAgain: break
        }
      }
      return
    }
    switch event {
    case .request(let exchange, let request):
      let routes = Self.routes
      routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in try take(match, exchange, request, &turn) }
    case .timer(let timer):
      if timer == heartbeat {
        heartbeat = nil
        report(&turn)
      } else if timer == idleLook {
        idleLook = nil
        lookForIdle(&turn)
      } else {
        _ = warmedUp(timer, &turn)
      }
    case .completed(let id, let outcome): loaded(id, outcome, &turn)
    case .abandoned(let exchange): forget(exchange)
    case .response, .failed, .message, .durable, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .load: try load(exchange, try request.decoded(LoadRequest.init(_:)), &turn)
    case .unload: try unload(exchange, match.target, &turn)
    case .instances:
      let reports = instanceReports
      turn.reply(
        exchange,
        .json(200) { writer in
          writer.beginObject()
          writer.name("instances")
          writer.beginArray()
          for report in reports { report.write(&writer) }
          writer.endArray()
          writer.endObject()
        }, .immediately)
    case .task: try task(exchange, try request.decoded(HostTask.init(_:)), deadline: request.deadline, &turn)
    case .health:
      let count = instances.count
      turn.reply(
        exchange,
        .up {
          $0.member("host", configuration.name)
          $0.member("instances", count)
        }, .immediately)
    case .metrics: turn.reply(exchange, metrics(), .immediately)
    }
  }

  private func metrics() -> Response {
    var text = MetricsText()
    text.family("model_memory_bytes", .gauge, unit: "bytes", help: "What the weights of instances take, by service and version.")
    for report in instanceReports {
      text.count(UInt64(report.memoryBytes), [("service", report.service), ("version", "\(report.version)")])
    }
    text.family("model_instance_tasks", .counter, help: "Tasks that instances did, by service and version.")
    for report in instanceReports { text.count(UInt64(report.tasks), [("service", report.service), ("version", "\(report.version)")]) }
    text.histograms("model_load_seconds", unit: "seconds", help: "How long instances took to load.")
    figures.loadTimes.write(&text)
    text.counters([
      ("model_host_tasks", "Tasks that were asked for.", figures.tasks), ("model_host_failures", "Tasks that failed.", figures.failures),
      ("model_loads", "Instances that were loaded.", figures.loads),
      ("model_failed_loads", "Instances that could not be loaded.", figures.failedLoads),
      ("model_unloads", "Instances that went.", figures.unloads),
    ])
    return Response(status: 200, headers: ["content-type": MetricsText.contentType], body: text.finish())
  }
}
