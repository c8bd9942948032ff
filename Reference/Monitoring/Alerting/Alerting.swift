// Alerting: keeps rules, evaluates each on a timer by the query engine, and tells channels of alerts that fire and are
// resolved.
//
// Guarantees: an answered change of a rule is durable; an alert's state survives restarts; it fires only after its
// condition was seen to hold for the rule's duration without a gap; a change to firing and its change to resolved are
// each told once to each channel of the rule (at least once on the wire, with one key for all attempts, tried for a day
// at least); a dead channel delays no other. Fault model: crashes at any moment; a query engine that is slow, away or
// refuses (the alert stays what it is, the rule says why); a full disk (a change of state waits until it can be
// written, a change of a rule is 503); channels that are slow, dead or refuse; a wall clock that jumps (see
// AlertState). A damaged journal keeps the node from starting. Limits: rules and waiting notifications are bounded; a
// rule is evaluated by one query at a time. Parts: +Rules, +Evaluating, +Notifying, +Keeping. Requirements:
// MONITORING-23, 24.

import DequeModule
import Durable
import HeapModule
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

/// Where notifications can go.
public struct AlertingChannel: Sendable, Hashable {
  /// The name by which rules know it.
  public var name: String
  /// Where its webhook is: an endpoint, or a destination that the operator named.
  public var callee: Callee
  /// The webhook's path.
  public var path: String

  /// A webhook.
  public init(name: String, callee: Callee, path: String) {
    self.name = name
    self.callee = callee
    self.path = path
  }

  /// A webhook at an endpoint.
  public init(name: String, endpoint: Endpoint, path: String) { self.init(name: name, callee: .endpoint(endpoint), path: path) }
}

/// How alerting is set up.
public struct AlertingConfiguration: Sendable {
  /// Where the query engine is.
  public var queryEngine: Endpoint
  /// The channels that rules may name.
  public var channels: [AlertingChannel]
  /// How often a rule is evaluated that does not say so itself.
  public var every = TimeSpan.seconds(5)
  /// Evaluations under way at once.
  public var concurrentEvaluations = 32
  /// How long an evaluation may take.
  public var evaluateWithin = TimeSpan.seconds(5)
  /// The longest time between two readings over which a condition counts as held; at least four times the rule's
  /// `every` is taken.
  public var longestGap = TimeSpan.minutes(1)
  /// Most rules.
  public var maximumRules = 20_000
  /// Most notifications that wait for one channel.
  public var maximumNotifications = 10_000
  /// How long one attempt to deliver a notification may take.
  public var deliverWithin = TimeSpan.seconds(5)
  /// Waits before a delivery is tried again that failed (no answer, 408, 425, 429, 5xx): between half of it and all of
  /// it, and not sooner than the receiver says (Retry-After, an hour at most).
  public var deliveryBackoff = Backoff(base: .milliseconds(400), cap: .seconds(30))
  /// The same for one that was refused (any other status than 2xx): mostly somebody has to mend something before it
  /// goes through.
  public var refusalBackoff = Backoff(base: .seconds(2), cap: .minutes(5))
  /// How often a receiver may refuse a notification for its content (400, 413, 422) before the next one has its turn.
  /// It is not given up by that.
  public var refusals = 3
  /// How often such a notification is tried again.
  public var asideEvery = TimeSpan.minutes(5)
  /// How old a notification is given up, and how often it must have been tried before by this life: time in which this
  /// service did not run, or in which its wall clock jumped, gives up nothing.
  public var maximumAge = TimeSpan.hours(24)
  /// See `maximumAge`.
  public var leastTries = 20
  /// Bytes of journal at which the state is written anew.
  public var compactionBytes = 4 << 20

  /// The defaults.
  public init(queryEngine: Endpoint, channels: [AlertingChannel]) {
    self.queryEngine = queryEngine
    self.channels = channels
  }
}

/// The alerting service.
public struct Alerting: Machine {
  enum Route {
    case createRule, rules, rule, putRule, deleteRule, alerts, evaluate, health
  }

  static let routes = RouteTable<Route>(
    [
      .init(.post, "/rules", .createRule), .init(.get, "/rules", .rules), .init(.get, "/rules/{name}", .rule),
      .init(.put, "/rules/{name}", .putRule), .init(.delete, "/rules/{name}", .deleteRule), .init(.get, "/alerts", .alerts),
      .init(.post, "/evaluate", .evaluate), .init(.get, "/health", .health),
    ], alsoBelow: APIVersion.segment)

  /// What to do once somebody has answered.
  enum Next {
    case evaluated(rule: UInt64, revision: UInt64, at: WallTime)
    case delivered(NotificationID)
  }

  /// What a wake is for.
  enum Wake {
    case evaluations
    case delivery(channel: ExactName)
  }

  /// When a rule is due.
  struct Due: Comparable, Sendable {
    var instant: Instant
    var rule: UInt64
    static func < (left: Due, right: Due) -> Bool {
      left.instant != right.instant ? left.instant < right.instant : left.rule < right.rule
    }
  }

  let configuration: AlertingConfiguration
  var calls = Calls<Next>()
  var rules: [UInt64: RuleEntry] = [:]
  var numberOfName: [ExactName: UInt64] = [:]
  var nextNumber: UInt64 = 1
  /// Names this installation in the keys of notifications; 0 until it was drawn.
  var installation: UInt64 = 0
  var isInstallationJournalled = false
  var dues = Heap<Due>()
  /// Rules whose evaluation waits until fewer are under way.
  var ready = Deque<UInt64>()
  var evaluationsUnderWay = 0
  var evaluationWake: (timer: TimerID, at: Instant)?
  var channels: [ExactName: ChannelQueue] = [:]
  var wakes: [TimerID: Wake] = [:]
  var journal: Journal?
  /// The state was written anew, and what lies before `position` may go once the disk is durable up to `durable`.
  var discarding: (position: JournalPosition, durable: DiskPosition)?
  /// Bytes that the whole state took when it was last written anew.
  var stateBytes = 0
  /// A service that has not started.
  public init(_ configuration: AlertingConfiguration) {
    self.configuration = configuration
    for channel in configuration.channels { channels[ExactName(channel.name)] = ChannelQueue() }
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: AlertingAPI.maximumBodyBytes) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(JournalError) {
      try recover(&turn)
    } catch {
      if turn.planted.contains(.alertingStartsOnDamage) { return }
      throw StartRefusal("alerting's journal cannot be recovered: \(error)")
    }
    if installation == 0 { installation = turn.random.next() | 1 }
    for number in rules.keys.sorted() { schedule(number, aligned: true, &turn) }
    for channel in configuration.channels { deliver(ExactName(channel.name), &turn) }
  }

  // MARK: events

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    react(to: event, &turn)
    compactIfLong(&turn)
  }

  private mutating func react(to event: Event, _ turn: inout Turn) {
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions {
        switch completion.next {
        case .evaluated(let rule, let revision, let at): evaluated(rule, revision: revision, at: at, completion.outcome, &turn)
        case .delivered(let id): delivered(id, completion.outcome, &turn)
        }
      }
      return
    }
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        try take(match, exchange, request, &turn)
      }
    case .timer(let timer):
      switch wakes.removeValue(forKey: timer) {
      case .evaluations:
        evaluationWake = nil
        takeDue(&turn)
      case .delivery(let channel):
        if channels[channel]?.wakeAt ?? .never <= turn.now { channels[channel]?.wakeAt = .never }
        if case .waiting(let until) = channels[channel]?.phase, until <= turn.now { channels[channel]?.phase = .idle }
        deliver(channel, &turn)
      case nil: break
      }
    case .durable: discardOld(&turn)
    case .response, .failed, .abandoned, .message, .completed, .stream: break
    }
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    switch match.route {
    case .createRule: try createRule(exchange, request, &turn)
    case .rules: turn.reply(exchange, rulesAnswer())
    case .rule: turn.reply(exchange, Self.answer(200, try entry(named: match.parameter("name")).rule))
    case .putRule: try putRule(exchange, match.parameter("name"), request, &turn)
    case .deleteRule: try deleteRule(exchange, match.parameter("name"), &turn)
    case .alerts: turn.reply(exchange, alertsAnswer())
    case .evaluate: try evaluate(exchange, request, &turn)
    case .health: turn.reply(exchange, health(turn.disk), .immediately)
    }
  }

  /// The rule of this name.
  func entry(named name: String) throws(RequestProblem) -> RuleEntry {
    guard let number = numberOfName[ExactName(name)], let entry = rules[number] else {
      throw RequestProblem(404, code: "UNKNOWN_RULE", message: "there is no rule of this name", field: "name")
    }
    return entry
  }

  /// All rules, by the bytes of their names.
  var sortedEntries: [RuleEntry] { rules.values.sorted { $0.rule.name.utf8.lexicographicallyPrecedes($1.rule.name.utf8) } }

  private func health(_ disk: any Disk) -> Response {
    .up(degraded: [disk.shortage].compactMap { $0 } + reasonsOfDegradation) { writer in
      writer.member("rules", rules.count)
      writer.member("rules_without_data", rules.values.reduce(0) { $0 + ($1.missing == nil ? 0 : 1) })
      writer.member("evaluations_under_way", evaluationsUnderWay)
      writer.member("dropped_notifications", channels.values.reduce(0) { $0 + $1.dropped })
      writer.member("journal_bytes", journal?.fileBytes ?? 0)
      writer.name("channels")
      writer.beginArray()
      for name in shownChannels {
        let queue = channels[name] ?? ChannelQueue()
        writer.beginObject()
        writer.member("name", name.text)
        if !isConfigured(name) { writer.member("configured", false) }
        writer.member("waiting_notifications", queue.waiting.count)
        writer.member("refused_notifications", queue.asideCount)
        writer.member("dropped_notifications", queue.dropped)
        if let failure = queue.lastFailure {
          writer.member("failures_in_a_row", queue.failures)
          writer.member("last_failure", failure)
        }
        writer.endObject()
      }
      writer.endArray()
    }
  }

  /// Whether anybody is there to be told.
  private func isConfigured(_ channel: ExactName) -> Bool { configuration.channels.contains { ExactName($0.name) == channel } }

  /// The channels that are configured, in their order, and behind them those that are not but have something waiting or
  /// dropped.
  private var shownChannels: [ExactName] {
    let gone = channels.filter { !isConfigured($0.key) && (!$0.value.waiting.isEmpty || $0.value.dropped > 0) }.keys
    return configuration.channels.map { ExactName($0.name) } + gone.sorted()
  }

  /// Failures in a row from which on a channel is told of as one that does not take notifications.
  private static let worryingFailures = 3

  private var reasonsOfDegradation: [String] {
    let failing = sortedEntries.filter { $0.failure != nil }
    let evaluations = failing.first.map { first in
      ["\(failing.count) of \(rules.count) rules cannot be evaluated; \(first.rule.name): \(first.failure ?? "")"]
    }
    return (evaluations ?? []) + channelsThatWorry
  }

  private var channelsThatWorry: [String] {
    shownChannels.compactMap { name in
      guard let queue = channels[name] else { return nil }
      if !isConfigured(name), !queue.waiting.isEmpty {
        return "\(queue.waiting.count) notifications wait for channel \(name), which is not configured"
      }
      if queue.failures >= Self.worryingFailures, let failure = queue.lastFailure {
        return "channel \(name) does not take notifications (\(failure)): \(queue.waiting.count) wait"
      }
      if queue.asideCount > 0 { return "channel \(name) refuses \(queue.asideCount) notifications for their content" }
      return nil
    }
  }
}
