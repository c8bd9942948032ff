// The words of the system *monitoring*: the loads that send it metrics, the rules that are set up, the alerts that must
// come.

import MonitoringAPI
import Scenarios
import Vocabulary
import Wire
import YAMLReading

/// What a scenario says of the monitoring platform.
public struct MonitoringPart: ScenarioPart {
  /// One load.
  public enum Load: Sendable, Hashable {
    /// Many clients that send metrics, open loop.
    case metrics(Metrics)
    /// One gauge that is high in some windows.
    case signal(Signal)
    /// The rows of recorded series, sent as their time comes this many times as fast as they were recorded: files that
    /// are given from outside, or a synthetic stand-in. The services' wall clocks run so fast too.
    case replay(speed: Int64)
  }

  /// A load of kind *metrics*.
  public struct Metrics: Sendable, Hashable {
    /// Requests a second.
    public var perSecond: Double
    /// Whether gaps are exponential; else even.
    public var isPoisson: Bool
    /// Client ids.
    public var clients: Int
    /// Metrics in each request.
    public var metricsPerRequest: Int
    /// Name of the metrics.
    public var name: String
    /// How many names.
    public var names: Int
    /// Share of the requests that are repeated until they are accepted, 0 … 1.
    public var repeatedShare: Double
    /// Share of the requests whose metrics carry timestamps, 0 … 1.
    public var stampedShare: Double

    static let keys = ["metrics", "clients", "arrivals", "metrics per request", "name", "names", "repeated", "stamped"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of metrics")
      perSecond = try field.required("metrics", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      clients = try members.value("clients", or: 100) { field throws(TextMistake) in try field.number("how many clients", in: 1...1_000_000)
      }
      metricsPerRequest = try members.value("metrics per request", or: 1) { field throws(TextMistake) in
        try field.number("how many metrics", in: 1...1_000)
      }
      name = try members.value("name", or: "load", MonitoringPart.metricName)
      names = try members.value("names", or: 1) { field throws(TextMistake) in try field.number("how many names", in: 1...100_000) }
      repeatedShare = try members.value("repeated", or: 0) { field throws(TextMistake) in try field.share() }
      stampedShare = try members.value("stamped", or: 0.5) { field throws(TextMistake) in try field.share() }
    }
  }

  /// A load of kind *signal*.
  public struct Signal: Sendable, Hashable {
    /// Name of the gauge.
    public var name: String
    /// Time between two values.
    public var every: TimeSpan
    /// The value outside the windows.
    public var low: Double
    /// The value within them.
    public var high: Double
    /// The windows, from the run's start.
    public var windows: [Range<TimeSpan>]

    static let keys = ["signal", "every", "low", "high", "high during"]

    init(_ field: YAMLField, within duration: TimeSpan) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of a signal")
      windows = []
      for window in try field.required("high during", members).elements(of: "windows, like 20s..40s") {
        windows.append(try window.window(from: windows.last?.upperBound ?? .zero, within: duration))
      }
      name = try MonitoringPart.metricName(try field.required("signal", members))
      every = try field.required("every", members).span("time between values", positive: true)
      low = try Self.reading(field.required("low", members))
      high = try Self.reading(field.required("high", members))
    }

    /// A value: a decimal number that a double holds.
    private static func reading(_ field: YAMLField) throws(TextMistake) -> Double {
      try field.value("a decimal number within the range of a 64-bit double") { ExactDecimal(written: $0)?.representableDouble }
    }
  }

  /// An alert rule that is set up before the flight.
  public struct Rule: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its query: `avg(cpu_usage) > 80`.
    public var query: String
    /// How long the condition must hold, as text: `5s`.
    public var duration: String
    /// Names of channels.
    public var channels: [String]
    /// What missing data does: `keep`, `fire` or `resolve`; nil for the service's default.
    public var missingData: String?

    /// A rule.
    public init(name: String, query: String, duration: String, channels: [String], missingData: String?) {
      self.name = name
      self.query = query
      self.duration = duration
      self.channels = channels
      self.missingData = missingData
    }

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(["name", "query", "duration", "channels", "missing data"], of: "a rule")
      channels = []
      for channel in try members["channels"]?.elements(of: "channels") ?? [] {
        let name = try channel.text("a channel's name")
        guard name == MonitoringPart.usualChannel || !MonitoringPart.isTaken(name) else {
          throw channel.expected("a channel that is not called as one of the platform's own nodes")
        }
        // Any other name makes a receiver of its own: one that is nearly the usual one is a slip.
        if !sameBytes(name, MonitoringPart.usualChannel), nearestName(to: name, among: [MonitoringPart.usualChannel]) != nil {
          throw channel.expected(
            "a channel: \(MonitoringPart.usualChannel), or a name that is not so near to it, which then leads to a receiver of its own")
        }
        channels.append(name)
      }
      name = try field.required("name", members).value(NameRule.segmentWords) {
        !$0.isEmpty && NameRule.flaw(ofSegment: $0) == nil ? $0 : nil
      }
      query = try Self.query(try field.required("query", members))
      duration = try field.required("duration", members).value("a duration, like 5s or 1h30m") { Self.isDuration($0) ? $0 : nil }
      missingData = try members["missing data"]?.value("keep, fire or resolve") { ["keep", "fire", "resolve"].contains($0) ? $0 : nil }
    }

    /// A text that alerting takes for a rule's condition.
    private static func query(_ field: YAMLField) throws(TextMistake) -> String {
      let text = try field.text("the condition of a rule, like avg(cpu_usage) > 80")
      do throws(TextMistake) { _ = try RuleExpression(parsing: text) } catch { throw field.mistake(error) }
      return text
    }

    /// Whether alerting takes a duration: it takes those of integers alone.
    private static func isDuration(_ text: String) -> Bool {
      SpanText.span(text) != nil && !text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
  }

  /// Brokers of the queue, where the scenario says how many; else 0, which is one.
  public var brokers: Int
  /// How the services' tunables are set.
  public var tuning: Tuning
  /// The loads.
  public var loads: [Load]
  /// Alert rules to set up.
  public var rules: [Rule]
  /// Whether alerting's channel is the webhook's name, which is looked up for each notification.
  public var areChannelsCalledByName: Bool
  /// Each breach of a signal alerts once, not later than this beyond the rule's duration; one for each such objective.
  public var alertsWithin: [TimeSpan]
  /// Whether ingestion's spill must fill, and refuse what it cannot keep.
  public var spillFills: Bool
  /// Whether bits of alerting's journal rot, and it must refuse to start on them.
  public var alertingRefusesDamage: Bool
  /// The channels that rules name beside the one that is always there, in the order in which they first do. Each leads to
  /// a receiver of its own, the node of that name.
  public var otherChannels: [String] {
    var names: [String] = []
    for name in rules.flatMap(\.channels) where name != Self.usualChannel && !names.contains(name) { names.append(name) }
    return names
  }
  /// The channel that is there whatever rules name.
  static let usualChannel = "webhook"

  /// One objective of its own.
  private enum Objective {
    case alerts(within: TimeSpan)
    case spillFills
    case damageRefused
  }

  public var roles: [ScenarioRole] {
    // The first broker is the node named queue. One alone has nobody to send messages to.
    let names = ["queue"] + (0..<max(0, brokers - 1)).map { "queue-\($0 + 2)" }
    let isCluster = names.count > 1
    let nodes = names.map { ScenarioRole(node: $0, sendsMessages: isCluster) }
    let others = ["ingestion", "storage", "query", "alerting"].map { ScenarioRole(node: $0) }
    let channels = ([Self.usualChannel] + otherChannels).map { ScenarioRole(node: $0, isCalledByName: areChannelsCalledByName) }
    var roles = Array(others.prefix(1))
    roles += nodes.prefix(1)
    roles += others.dropFirst()
    roles += nodes.dropFirst()
    roles.append(ScenarioRole("brokers", names, sendsMessages: isCluster))
    roles.append(ScenarioRole("load", Self.numbered("load", loads.count)))
    roles.append(ScenarioRole(node: "probe"))
    roles += channels
    roles.append(ScenarioRole(node: "setup"))
    roles.append(ScenarioRole("reader", readMeasurement == nil ? [] : ["reader"]))
    return roles
  }

  /// Whether a node of the platform's flights may have this name.
  static func isTaken(_ name: String) -> Bool {
    let kinds = ["ingestion", "queue", "storage", "query", "alerting", "brokers", "load", "probe", "setup", "reader", usualChannel]
    let stem = name.utf8.prefix { $0 != UInt8(ascii: "-") }
    return kinds.contains { stem.elementsEqual($0.utf8) }
  }

  /// The names of so many nodes of one kind: one alone has no number.
  private static func numbered(_ name: String, _ count: Int) -> [String] {
    count == 1 ? [name] : (0..<count).map { "\(name)-\($0 + 1)" }
  }

  /// What is read while the loads send: the first name of a load of metrics; nil where there is none.
  var readMeasurement: String? {
    loads.lazy.compactMap { load -> String? in
      switch load {
      case .metrics(let load): load.names == 1 ? load.name : "\(load.name)-0"
      case .signal, .replay: nil
      }
    }.first
  }

  /// A signal is watched, not timed.
  public var sendsRequests: Bool {
    loads.contains { load in
      switch load {
      case .metrics, .replay: true
      case .signal: false
      }
    }
  }

  init(_ reading: inout PartReading) {
    let mistakesBefore = reading.mistakes.mistakes.count
    tuning = reading.value("tuning", or: .drawn) { field throws(TextMistake) in try Tuning(field) }
    rules = reading.elements("rules") { field throws(TextMistake) in try Rule(field) }
    areChannelsCalledByName = reading.value("webhook", or: false) { field throws(TextMistake) in
      try field.value("how the webhook is called: by name, or by endpoint") { ["by name": true, "by endpoint": false][$0] }
    }
    // Where it is wrong how many there are, none of their names is.
    brokers =
      reading.members["brokers"] == nil
      ? 0 : reading.required("brokers") { field throws(TextMistake) in try field.number("how many brokers", in: 1...5) } ?? 5
    let duration = reading.duration
    loads = reading.loads { field throws(TextMistake) in
      let members = try field.members(Metrics.keys + Signal.keys + ["replay", "speed"], of: "a load")
      if members["replay"] != nil { return .replay(speed: try Self.replay(field)) }
      if members["metrics"] != nil { return .metrics(try Metrics(field)) }
      guard members["signal"] != nil else { throw field.expected("a load with the key \"metrics\", \"signal\" or \"replay\"") }
      return .signal(try Signal(field, within: duration))
    }
    let (rules, loads) = (rules, loads)
    // Of loads and rules that were not understood nothing can be said.
    let areUnderstood = reading.mistakes.mistakes.count == mistakesBefore
    let objectives = reading.ownObjectives { field throws(TextMistake) -> Objective in
      var phrase = try field.phrase("an objective, like: alerts within 30s")
      if phrase.takes("spill") {
        try phrase.expect("fills")
        try phrase.expectEnd()
        return .spillFills
      }
      if phrase.takes("damage") {
        try phrase.expect("refused")
        try phrase.expectEnd()
        return .damageRefused
      }
      try phrase.expect("alerts")
      try phrase.expect("within")
      let bound = try phrase.span("the bound")
      try phrase.expectEnd()
      let isWatched = loads.contains { load in
        guard case .signal(let signal) = load else { return false }
        return rules.contains { $0.query.contains(signal.name) }
      }
      guard isWatched || !areUnderstood else { throw field.expected("alerts only where a rule's query names the gauge of a signal") }
      return .alerts(within: bound)
    }
    alertsWithin = objectives.compactMap { if case .alerts(let bound) = $0 { bound } else { nil } }
    spillFills = objectives.contains { if case .spillFills = $0 { true } else { false } }
    alertingRefusesDamage = objectives.contains { if case .damageRefused = $0 { true } else { false } }
  }

  private static func replay(_ field: YAMLField) throws(TextMistake) -> Int64 {
    let members = try field.members(["replay", "speed"], of: "a load of a replay")
    _ = try field.required("replay", members).value("recorded (series given with --csv, or a synthetic stand-in)") {
      $0 == "recorded" ? $0 : nil
    }
    return try field.required("speed", members).value("a factor from 1x to 1000000x, like 300x") { text in
      text.hasSuffix("x") ? Int64(text.dropLast()).flatMap { (1...1_000_000).contains($0) ? $0 : nil } : nil
    }
  }

  private static func metricName(_ field: YAMLField) throws(TextMistake) -> String {
    try field.value(NameRule.words) { !$0.isEmpty && NameRule.control(in: $0) == nil ? $0 : nil }
  }

  /// How many times as fast as it was recorded it sends a recording; nil where it sends none.
  public var replaySpeed: Int64? { loads.lazy.compactMap { if case .replay(let speed) = $0 { speed } else { nil } }.first }
}
